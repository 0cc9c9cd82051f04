"""What a row is called: the method as its paper writes it, and what was changed in it, as short as it can be.

    METHOD [(what was changed, ...)] [+ OFFSET]

    random[allocation=epl, offset=frozen]       random (EPL) + frozen
    snip[offset=dct]                            SNIP + DCT
    snip[control=layer-shuffled]                SNIP (layer-shuffled)
    freezenet[offset=zero, rescue=None]         FreezeNet (zero offset, no rescue)
    synflow[steps=1]                            SynFlow (steps=1)

Allocation, control and the few values in `WORDS` speak for themselves; whatever else was changed, in whichever
method, stands there as name=value. A changed offset follows the plus sign. What was changed is what the label
names in its bracket: `sparsify` writes it there, because a record holds all values but not the defaults.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sparserobust.records import SubjectRecord

METHODS = {
    "snip": "SNIP",
    "grasp": "GraSP",
    "snip-it": "SNIP-it",
    "iter-snip": "Iter-SNIP",
    "force": "FORCE",
    "snip-it-during": "SNIP-it during",
    "starfire-window": "STARFIRE window",
    "starfire-ck": "STARFIRE CK",
    "starfire-intra": "STARFIRE intra",
    "starfire-inter": "STARFIRE inter",
    "rigl": "RigL",
    "rigl-dctps": "RigL-DCTpS",
    "set": "SET",
    "dsr": "DSR",
    "hoyer-square": "Hoyer-Square",
    "gradual-magnitude": "Gradual magnitude",
    "connection-learning": "Connection learning",
    "dynamic-network-surgery": "Network surgery",
    "learning-compression": "LC",
    "sparse-momentum": "Sparse momentum",
    "synflow": "SynFlow",
    "freezenet": "FreezeNet",
    "freezenet-wd": "FreezeNet-WD",
    "dctps": "DCTpS",
    "imp": "IMP",
}
OFFSETS = {"zero": "zero offset", "frozen": "frozen", "dct": "DCT"}
WORDS = {
    ("allocation", "epl"): "EPL",
    ("allocation", "epf"): "EPF",
    ("allocation", "erk"): "ERK",
    ("allocation", "epl-published"): "published EPL",
    ("allocation", "epf-published"): "published EPF",
    ("allocation", "erk-published"): "published ERK",
    ("rescue", "random"): "rescue",
    ("rescue", None): "no rescue",
    ("trainable_alpha", False): "fixed alpha",
    ("keep", "lowest"): "inverted sign",
}
BY_VALUE = ("allocation", "control")
"""Parameters of which the value alone is shown."""


def method_name(method: str) -> str:
    """A method's name as its paper writes it, else as registered."""
    return METHODS.get(method, method)


def changed_params(label: str, method: str | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the label's bracket names, with their values from the record, in its order."""
    if method is None or not label.startswith(f"{method}["):
        return {}
    bracket = label.removeprefix(f"{method}[").rpartition("]")[0]
    named = re.findall(r"(?:^|, )(\w+)=", bracket)
    return {name: params[name] for name in named if name in params}


def has_own_label(subject: SubjectRecord) -> bool:
    """Whether the user gave the label, or no method made the network: the label is then the name."""
    method, of_target = subject.method, f" {subject.target_sparsity or 0:g}"
    if method is None:
        return True
    plain = subject.label.removesuffix(of_target)
    return plain != method and not (plain.startswith(f"{method}[") and plain.endswith("]"))


def subject_name(subject: SubjectRecord) -> str:
    """The name of a row, without its sparsity."""
    if has_own_label(subject) or subject.method is None:
        return subject.label
    return variant_name(subject.method, changed_params(subject.label, subject.method, subject.params))


def shows_offset(subject: SubjectRecord) -> bool:
    """Whether the name says which offset the network has."""
    return "offset" in changed_params(subject.label, subject.method, subject.params)


def mask_name(subject: SubjectRecord) -> str:
    """The name of what chose the mask: that of the row without its offset; the label where no method is known."""
    if subject.method is None:
        return subject.label
    changed = changed_params(subject.label, subject.method, subject.params)
    return variant_name(subject.method, {name: value for name, value in changed.items() if name != "offset"})


def variant_name(method: str, changed: Mapping[str, Any]) -> str:
    """Method and changed parameters by the rule above."""
    offset = changed.get("offset")
    inside = [_word(name, value) for name, value in changed.items() if name != "offset" or value == "zero"]
    text = method_name(method) + (f" ({', '.join(inside)})" if inside else "")
    return text if offset in (None, "zero") else f"{text} + {OFFSETS.get(str(offset), str(offset))}"


def _word(name: str, value: Any) -> str:
    if name == "offset":
        return OFFSETS["zero"]
    if isinstance(value, str | bool | None) and (name, value) in WORDS:
        return WORDS[(name, value)]
    return str(value) if name in BY_VALUE else f"{name}={value}"
