"""Cost: kept weights, executed multiply-adds and bytes, relative to dense."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from sparserobust.analysis.estimates import estimate, estimate_by, stored_bytes
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.analysis.readings import Reading
from sparserobust.records import Run
from sparserobust.report.figures import dots, style
from sparserobust.report.figures.splits import Method, methods
from sparserobust.report.text.numbers import LEAST_SAVING

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
        runs: with executed multiply-adds and stored bytes measured.
        quantity: "kept", "macs" or "bytes".

    Raises:
        ConfigError: no runs.
    """
    dots.draw(ax, rows(arrange(runs), quantity), unit="/")
    style.title(ax, ": ".join(TITLES[quantity]))


def rows(lineup: Lineup, quantity: Quantity) -> list[dots.DotRow]:
    """One row per method."""
    return [_row(method, quantity) for method in methods(lineup)]


def ratio(group: Group, quantity: Quantity) -> float | None:
    """The quantity relative to dense, None where it was not measured."""
    if quantity == "kept":
        return estimate_by(group, lambda run: Reading(run.subject.kept / run.subject.prunable)).value
    if quantity == "macs":
        own, dense = estimate(group, "executed_macs").value, estimate(group, "dense_macs").value
    else:
        own, dense = stored_bytes(group).value, estimate(group, "dense_bytes").value
    return own / dense if own is not None and dense else None


def _row(method: Method, quantity: Quantity) -> dots.DotRow:
    name, mark, groups = method
    values = tuple((g.target, ratio(g, quantity)) for g in groups)
    known = [v for _, v in values if v is not None]
    nothing = quantity == "macs" and bool(known) and all(1 / v < LEAST_SAVING for v in known if v > 0)
    note = "saves no MACs" if nothing else ""
    return dots.DotRow(name, mark, values, note=note, empty="not measured")
