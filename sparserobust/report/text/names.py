"""What a row is called: the method as its paper writes it, and what was changed in it, as short as it can be.

    METHOD [(what was changed, ...)] [+ OFFSET]

    random[allocation=epl, offset=frozen]       random (EPL) + frozen
    snip[offset=dct]                            SNIP + DCT
    freezenet[offset=zero, rescue=None]         FreezeNet (zero offset, no rescue)
    synflow[steps=1]                            SynFlow (steps=1)

What a method has words for stands there by them; whatever else was changed, as name=value. A changed offset follows
the plus sign.
"""

from __future__ import annotations

from sparserobust.analysis.lineup import Group
from sparserobust.analysis.tags import Facet
from sparserobust.analysis.variants import OFFSET, changed_of_mask, changed_offset
from sparserobust.records import ChangedParameter, SubjectRecord
from sparserobust.report.text.numbers import listed, plural, target

OFFSETS = {"zero": "zero offset", "frozen": "frozen", "dct": "DCT"}
"""The kinds of offset, for a reader."""
SHORT_HASH = 6


def row_name(group: Group) -> str:
    """The name of a row, without its sparsity."""
    return subject_name(group.first.subject)


def row_title(group: Group) -> str:
    """Name, tag and sparsity in one line."""
    parts = [row_name(group), row_tag(group), "" if group.dense else target(group.target)]
    return " ".join(part for part in parts if part)


def row_tag(group: Group) -> str:
    """What tells a row from the others of its name and sparsity, "" where it is the only one."""
    return ", ".join(_facet(facet) for facet in group.tag)


def tagged_name(group: Group) -> str:
    """Name and tag."""
    return f"{row_name(group)} {row_tag(group)}".strip()


def _facet(facet: Facet) -> str:
    if facet.kind == "images":
        return f"images {str(facet.value)[:SHORT_HASH]}"
    if facet.kind == "recipe":
        return "untrained or trained elsewhere" if facet.value is None else str(facet.value)
    if facet.kind == "epochs":
        return plural(int(str(facet.value)), "epoch")
    if facet.kind == "exclude" and isinstance(facet.value, list):
        return f"{listed([str(name) for name in facet.value])} excluded"
    if facet.kind == "parameter":
        return f"{facet.name}={facet.value}"
    if facet.kind == "copy":
        return f"no. {facet.value}"
    return str(facet.value)


def subject_name(subject: SubjectRecord) -> str:
    """The name of a network, without its sparsity."""
    if subject.label_given or subject.method is None:
        return subject.label
    offset = changed_offset(subject)
    inside = [_word(p) for p in subject.changed if p is not offset or p.value == "zero"]
    text = _method(subject) + (f" ({', '.join(inside)})" if inside else "")
    return text if offset is None or offset.value == "zero" else f"{text} + {_word(offset)}"


def mask_name(group: Group) -> str:
    """The name of what chose the mask: that of the row without its offset; the label where no method is known."""
    subject = group.first.subject
    if subject.label_given or subject.method is None:
        return subject.label
    inside = [_word(p) for p in changed_of_mask(subject)]
    return _method(subject) + (f" ({', '.join(inside)})" if inside else "")


def offset_name(group: Group) -> str:
    """The kind of offset, for a reader."""
    return OFFSETS[group.first.subject.offset]


def shows_offset(subject: SubjectRecord) -> bool:
    """Whether the name says which offset the network has."""
    return not subject.label_given and changed_offset(subject) is not None


def _method(subject: SubjectRecord) -> str:
    return subject.method_title or subject.method or subject.label


def _word(parameter: ChangedParameter) -> str:
    if parameter.words is not None:
        return parameter.words
    value = parameter.value
    if parameter.name == OFFSET and str(value) in OFFSETS:
        return OFFSETS[str(value)]
    return f"{parameter.name}={value}"
