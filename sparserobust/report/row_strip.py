"""Which intervals may set the scale of the main table, and what each row draws on it."""

from __future__ import annotations

from sparserobust.report.estimates import RowEstimate, band
from sparserobust.report.judged import Judged
from sparserobust.report.soundness import no_reference
from sparserobust.report.strip import Scale, Strip
from sparserobust.report.trust import ARTEFACT


def believable_ends(judged: Judged) -> list[float]:
    """The ends, in percent, of all intervals that may set the scale."""
    ends: list[float] = []
    for i, e in judged.primary.items():
        if e.value is not None and judged.trust[i].ranked:
            ends += [100 * x for x in (band(e) or ()) + (e.value,)]
    return ends


def strip_of(i: int, judged: Judged, scale: Scale | None, *, hidden: bool) -> Strip:
    """The row's interval over that of its dense reference; nothing of its own where `hidden` or not measured."""
    if scale is None:
        return Strip()
    lineup, group, value = judged.lineup, judged.lineup.groups[i], judged.primary[i]
    dense = group if group.dense else lineup.dense_of(group)
    if dense is not None and all(no_reference(run) for run in dense.runs):
        dense = None
    reference = judged.primary[lineup.groups.index(dense)] if dense is not None else RowEstimate(None)
    ends = band(reference)
    strip = Strip(
        band=(scale.place(100 * ends[0]), scale.place(100 * ends[1])) if ends else None,
        line=scale.place(100 * reference.value) if reference.value is not None else None,
    )
    if hidden or value.value is None:
        return strip
    if judged.trust[i].verdict == ARTEFACT:
        side = "right" if 100 * value.value > (scale.low + scale.high) / 2 else "left"
        return Strip(band=strip.band, line=strip.line, beyond=side)
    own = band(value)
    return Strip(
        tick=scale.place(100 * value.value),
        bar=(scale.place(100 * own[0]), scale.place(100 * own[1])) if own else None,
        band=strip.band,
        line=strip.line,
    )
