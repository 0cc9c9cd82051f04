"""What was saved: kept weights, executed multiply-adds and bytes, relative to dense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sparserobust.records import Run
from sparserobust.report.estimates import estimate, estimate_by
from sparserobust.report.figures import dots, style
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.numbers import RUNS_DENSE_RATIO
from sparserobust.report.readings import Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Quantity = Literal["kept", "macs", "bytes"]
TITLES: dict[Quantity, tuple[str, str]] = {
    "kept": ("Kept weights", "trainable, what a method targets"),
    "macs": ("Executed MACs", "non-zeros of the effective weights"),
    "bytes": ("Bytes stored", "best lossless code, positions included"),
}


def plot_cost(ax: Axes, runs: Sequence[Run], *, quantity: Quantity = "macs") -> None:
    """Draws one quantity relative to dense, a row per method, larger mark = sparser.

    Args:
        ax: where; its left margin holds the names.
        runs: with the storage and flops outcomes.
        quantity: "kept", "macs" or "bytes".

    Raises:
        ConfigError: no runs.
    """
    dots.draw(ax, rows(arrange(runs), quantity), unit="/")
    style.title(ax, ": ".join(TITLES[quantity]))


def rows(lineup: Lineup, quantity: Quantity) -> list[dots.DotRow]:
    """One row per method."""
    return [_row(name, groups, quantity) for name, _, groups in lineup.methods()]


def ratio(group: Group, quantity: Quantity) -> float | None:
    """The quantity relative to dense, None where it was not measured."""
    if quantity == "kept":
        return estimate_by(group, lambda run: Reading(run.subject.kept / run.subject.prunable)).value
    if quantity == "macs":
        own, dense = _value(group, "flops", "executed_macs"), _value(group, "flops", "dense_macs")
    else:
        at = "seeded" if group.first.subject.positions == "seeded" else "stored"
        own = estimate(group, "storage", "best_bytes", at=at).value
        dense = _value(group, "storage", "dense_bytes")
    return own / dense if own is not None and dense else None


def _value(group: Group, evaluator: str, score: str) -> float | None:
    return estimate(group, evaluator, score).value


def _row(name: str, groups: Sequence[Group], quantity: Quantity) -> dots.DotRow:
    values = tuple((g.target, ratio(g, quantity)) for g in groups)
    known = [v for _, v in values if v is not None]
    nothing = quantity == "macs" and bool(known) and all(1 / v < RUNS_DENSE_RATIO for v in known if v > 0)
    note = "saves no MACs" if nothing else ""
    return dots.DotRow(name, groups[0].mark, values, note=note, empty="not measured")
