"""Which intervals may set the scale of the main table, and what each row draws on it."""

from __future__ import annotations

from sparserobust.analysis.estimates import RowEstimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.made import no_reference
from sparserobust.report.table.strip import Scale, Strip


def ranked_ends(found: Findings) -> list[float]:
    """The ends, in percent, of all intervals that may set the scale."""
    ends: list[float] = []
    for i, e in found.primary.values.items():
        if e.value is not None and found.trust[i].ranked:
            ends += [100 * x for x in (e.band or ()) + (e.value,)]
    return ends


def strip_of(i: int, found: Findings, scale: Scale | None, *, hidden: bool) -> Strip:
    """The row's interval over that of its dense reference; nothing of its own where `hidden` or not measured."""
    if scale is None:
        return Strip()
    lineup, group, value = found.lineup, found.lineup.groups[i], found.primary.values[i]
    dense = group if group.dense else lineup.dense_of(group)
    if dense is not None and all(no_reference(run) for run in dense.runs):
        dense = None
    reference = found.primary.values[lineup.place(dense)] if dense is not None else RowEstimate(None)
    ends = reference.band
    strip = Strip(
        band=(scale.place(100 * ends[0]), scale.place(100 * ends[1])) if ends else None,
        line=scale.place(100 * reference.value) if reference.value is not None else None,
    )
    if hidden or value.value is None:
        return strip
    if found.trust[i].state == "artefact":
        side = "right" if 100 * value.value > (scale.low + scale.high) / 2 else "left"
        return Strip(band=strip.band, line=strip.line, beyond=side)
    own = value.band
    return Strip(
        tick=scale.place(100 * value.value),
        bar=(scale.place(100 * own[0]), scale.place(100 * own[1])) if own else None,
        band=strip.band,
        line=strip.line,
    )
