"""Which share of all weights the sparsities are about, and what stands outside: a sentence for rows that are alike."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.analysis.lineup import Group
from sparserobust.records import OutsideParameter, SubjectRecord
from sparserobust.report.text.names import row_title, tagged_name
from sparserobust.report.text.numbers import count, listed, percent
from sparserobust.report.text.remarks import sentence

NAMED = 3
"""Weights that are named; of more it is said how many."""
_WHY = {
    "excluded": "without a mask",
    "looked-up": "used as an embedding too",
    "computed": "not pruned entry by entry",
}
"""Of a weight; any other is where no rule follows it."""


def share_lines(groups: Sequence[Group]) -> list[str]:
    """What the sparsities of these rows are about, where that is not all weights, or not known."""
    made = [group for group in groups if group.made]
    found: dict[str, list[str]] = {}
    for group in made:
        if text := _share(group.first.subject):
            found.setdefault(text, []).append(row_title(group))
    lines = []
    for text, rows in found.items():
        whose = "Sparsity" if len(rows) == len(made) else f"The sparsity of {listed(rows)}"
        lines.append(f"{whose} is a share of {text}.")
    for group in made:
        if (why := group.first.subject.untraced) is not None:
            lines.append(f"{tagged_name(group)}: which weights can be sparse is not known: {sentence(why)}.")
    return lines


def _share(subject: SubjectRecord) -> str:
    """ "the prunable weights, which are 92.1 % of all weights; head excluded", "" where they are all."""
    if not subject.outside or subject.outside_parameters is None:
        return ""
    share = percent(1 - subject.outside)
    share = "more than 99.9" if share == "100.0" else share
    reasons = "; ".join(_reasons(subject, subject.outside_parameters))
    return f"the prunable weights, which are {share} % of all weights; {reasons}"


def _reasons(subject: SubjectRecord, outside: Sequence[OutsideParameter]) -> list[str]:
    names: dict[str, list[str]] = {}
    for one in outside:
        if one.is_weight:
            names.setdefault(one.why, []).append(one.name)
    reasons = []
    for why, own in names.items():
        if why == "excluded" and subject.exclude:
            reasons.append(f"{listed([*subject.exclude])} excluded")
        else:
            which = listed(own) if len(own) <= NAMED else f"{count(len(own))} tensors"
            reasons.append(f"{which} {_WHY.get(why, f'in {why}, which no rule follows')}")
    return reasons
