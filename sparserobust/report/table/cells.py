"""Single cells of tables: a number as text, or a dash with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis.differences import Difference
from sparserobust.analysis.estimates import RowEstimate, estimate, harmonic, stored_bytes
from sparserobust.analysis.lineup import Group
from sparserobust.analysis.made import no_reference
from sparserobust.analysis.nearest import median
from sparserobust.analysis.readings import NOT_FOUND
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.records import Remark
from sparserobust.report.text.differences import difference_reason
from sparserobust.report.text.numbers import (
    DASH,
    bracket,
    count,
    fixed,
    kib,
    percent,
    plural,
    points,
    reduction,
    signed_bracket,
)
from sparserobust.report.text.remarks import in_short, sentence


@dataclass(frozen=True)
class Cell:
    """A number as text, a dimmed addition, and the reason where there is no number."""

    text: str
    dim: str = ""
    reason: str = ""
    alert: bool = False


def missing(reason: Remark | None) -> Cell:
    """A dash with its reason."""
    return Cell(DASH, reason=sentence(reason) if reason is not None else "not measured")


def percent_cell(e: RowEstimate, *, dim: bool = True) -> Cell:
    """A share in percent; `dim` adds its interval."""
    if e.value is None:
        return missing(e.reason)
    interval = ""
    if dim and e.seeds > 1 and e.half is not None:
        interval = f"± {percent(e.half)}"
    elif dim:
        interval = bracket(e.low, e.high, scale=100)
    if dim and e.missing:
        interval = f"{interval}, n = {e.seeds}".removeprefix(", ")
    return Cell(percent(e.value), interval)


def points_cell(e: RowEstimate, *, alert: bool = False) -> Cell:
    """A difference of two shares in points, with its interval."""
    if e.value is None:
        return missing(e.reason)
    interval = signed_bracket(e.low, e.high) if e.low is not None and e.high is not None else ""
    return Cell(points(e.value), interval, alert=alert)


def difference_cell(group: Group, d: Difference | None, *, gone: bool) -> Cell:
    """The difference to dense in points, for a row that stands for nothing (`gone`) no number."""
    if group.dense:
        reasons = [no_reference(run) for run in group.runs]
        fit = sum(reason is None for reason in reasons)
        if fit == 0 and reasons[0] is not None:
            return Cell("", f"no reference: {sentence(reasons[0])}", alert=True)
        few = f", {fit} of them fit to be one" if fit < len(group.runs) else ""
        return Cell("", f"reference, {plural(len(group.runs), 'network')}{few}")
    if gone:
        return Cell(DASH, reason="robustness not meaningful")
    if d is None or d.value is None:
        return Cell(DASH, reason=difference_reason(d) if d is not None else "not compared")
    interval = signed_bracket(d.low, d.high) if d.low is not None and d.high is not None else ""
    return Cell(points(d.value), interval)


def distance_cell(group: Group, near: WorstCase | None) -> Cell:
    """Median distance to the nearest image that the minimum-norm attacks found."""
    return median_cell(median(group, near))


def median_cell(e: RowEstimate) -> Cell:
    """A median distance; what is infinite says of how many images nothing was found, and is no dash."""
    if e.value is None and e.reason is not None and e.reason.code == NOT_FOUND:
        return Cell("", sentence(e.reason))
    if e.value is None:
        return missing(e.reason)
    if e.seeds > 1 and e.half is not None:
        return Cell(fixed(e.value, 2), f"± {fixed(e.half, 2)}")
    return Cell(fixed(e.value, 2), bracket(e.low, e.high, 2))


def harmonic_cell(group: Group) -> Cell:
    """HM; for networks that are dense at inference HM (trainable), in brackets."""
    e = harmonic(group, "trainable_fraction" if group.dense_at_inference else "zero_fraction")
    if e.value is None:
        return missing(e.reason)
    text = fixed(e.value, 3)
    if group.dense and e.value == 0:
        return Cell("0")
    return Cell("", f"({text})") if group.dense_at_inference else Cell(text)


def stored_cell(group: Group) -> Cell:
    """KiB of the best format, positions from a seed where they can be."""
    e = stored_bytes(group)
    return Cell(kib(e.value)) if e.value is not None else missing(e.reason)


def macs_cell(group: Group) -> Cell:
    """Executed multiply-adds."""
    e = estimate(group, "executed_macs")
    return Cell(count(e.value)) if e.value is not None else missing(e.reason)


def saving_words(group: Group) -> tuple[str, bool]:
    """("10×", False), or ("no saving", True) where the network is dense at inference."""
    dense, executed = estimate(group, "dense_macs").value, estimate(group, "executed_macs").value
    if group.dense or dense is None or not executed:
        return "", False
    text = reduction(dense / executed)
    return text, text == "no saving"


def not_made_text(group: Group) -> str:
    """Why none of the row's networks could be made, in short; "" where one was."""
    if group.made:
        return ""
    reasons = {in_short(sentence(run.subject.not_made)): None for run in group.runs if run.subject.not_made}
    first = next(iter(reasons))
    seed = group.runs[0].subject.seed
    return first if len(reasons) == 1 else f"{first} (seed {seed}; the others alike)"
