"""Single cells of tables: a number as text, or a dash with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.records import Run
from sparserobust.report.attacks import WorstCase
from sparserobust.report.compare import Difference
from sparserobust.report.estimates import RowEstimate, estimate, estimate_by
from sparserobust.report.groups import Group
from sparserobust.report.nearest import median
from sparserobust.report.numbers import (
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
from sparserobust.report.readings import Reading, clean, read
from sparserobust.report.soundness import no_reference
from sparserobust.stats import harmonic_mean

NOT_FOUND = "not found"
"""How the reason begins where a median is infinite."""


@dataclass(frozen=True)
class Cell:
    """A number as text, a dimmed addition, and the reason where there is no number."""

    text: str
    dim: str = ""
    reason: str = ""
    alert: bool = False


def percent_cell(e: RowEstimate, *, dim: bool = True) -> Cell:
    """A share in percent; `dim` adds its interval."""
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    interval = ""
    if dim and e.seeds > 1 and e.half is not None:
        interval = f"± {percent(e.half)}"
    elif dim:
        interval = bracket(e.low, e.high, scale=100)
    if dim and e.missing:
        interval = f"{interval}, n = {e.seeds}".removeprefix(", ")
    return Cell(percent(e.value), interval)


def difference_cell(group: Group, d: Difference | None, gone: bool) -> Cell:
    """The difference to dense in points, for a collapsed row (`gone`) the reason."""
    if group.dense:
        fit = sum(not no_reference(run) for run in group.runs)
        if fit == 0:
            return Cell("", f"no reference: {no_reference(group.runs[0])}", alert=True)
        few = f", {fit} of them fit to be one" if fit < len(group.runs) else ""
        return Cell("", f"reference, {plural(len(group.runs), 'network')}{few}")
    if gone:
        return Cell(DASH, reason="collapsed: robustness not meaningful")
    if d is None or d.value is None:
        return Cell(DASH, reason=d.reason if d else "not compared")
    interval = signed_bracket(d.low, d.high) if d.low is not None and d.high is not None else ""
    return Cell(points(d.value), interval)


def distance_cell(group: Group, near: WorstCase | None) -> Cell:
    """Median distance to the nearest image that the minimum-norm attacks found."""
    return median_cell(median(group, near))


def median_cell(e: RowEstimate) -> Cell:
    """A median distance; what is infinite says of how many images nothing was found, and is no dash."""
    if e.value is None and e.reason.startswith(NOT_FOUND):
        return Cell("", e.reason)
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    if e.seeds > 1 and e.half is not None:
        return Cell(fixed(e.value, 2), f"± {fixed(e.half, 2)}")
    return Cell(fixed(e.value, 2), bracket(e.low, e.high, 2))


def harmonic(group: Group, fraction: str) -> RowEstimate:
    """Harmonic mean of clean accuracy and a sparsity: "zero_fraction", or "trainable_fraction" (1 minus it)."""

    def of_run(run: Run) -> Reading:
        top1, share = clean(run), read(run, "storage", fraction)
        if top1.value is None or share.value is None:
            return Reading(None, reason=top1.reason or share.reason)
        sparse = share.value if fraction == "zero_fraction" else 1 - share.value
        return Reading(harmonic_mean(top1.value, min(1.0, max(0.0, sparse))))

    return estimate_by(group, of_run)


def harmonic_cell(group: Group) -> Cell:
    """HM; for networks that run dense HM (trainable), in brackets."""
    e = harmonic(group, "trainable_fraction" if group.runs_dense else "zero_fraction")
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    text = fixed(e.value, 3)
    if group.dense and e.value == 0:
        return Cell("0")
    return Cell("", f"({text})") if group.runs_dense else Cell(text)


def stored_cell(group: Group) -> Cell:
    """KiB of the best format, positions from a seed where they can be."""
    seeded = group.first.subject.positions == "seeded"
    e = estimate(group, "storage", "best_bytes", at="seeded") if seeded else RowEstimate(None)
    if e.value is None:
        e = estimate(group, "storage", "best_bytes")
    return Cell(kib(e.value)) if e.value is not None else Cell(DASH, reason=e.reason)


def macs_cell(group: Group) -> Cell:
    """Executed multiply-adds."""
    e = estimate(group, "flops", "executed_macs")
    return Cell(count(e.value)) if e.value is not None else Cell(DASH, reason=e.reason)


def saving_words(group: Group) -> tuple[str, bool]:
    """("10×", False), or ("no saving", True) where the network runs dense."""
    dense = estimate(group, "flops", "dense_macs").value
    executed = estimate(group, "flops", "executed_macs").value
    if group.dense or dense is None or not executed:
        return "", False
    text = reduction(dense / executed)
    return text, text == "no saving"
