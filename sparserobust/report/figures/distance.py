"""Success of a minimum-norm attack against its distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.analysis.nearest import Distances, distances, share_within
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.records import Run
from sparserobust.report.figures import style
from sparserobust.report.look.marks import mark
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GRID = 120  # points on the distance axis


def plot_success_against_distance(ax: Axes, runs: Sequence[Run], *, evaluator: str | None = None) -> None:
    """Draws the share (in percent) of initially correct images that are broken within an l2 distance.

    By the nearest image that any attack in l2 found; `evaluator` names one attack instead.

    One network: the empirical distribution with a simultaneous 95 % band (Dvoretzky-Kiefer-Wolfowitz).
    Several seeds: the mean of their curves with a pointwise band (Student's t). Images for which nothing was
    found never count as broken. Small ticks on the axis are the medians.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    worst = lineup.worst("l2") if evaluator is None else WorstCase("l2", (evaluator,))
    if worst is None:
        style.clean(ax)
        return
    draw(ax, lineup, lineup.sparse, worst, named=len(lineup.methods()) > 1)
    style.title(ax, "examples broken, %")


def reach(groups: Sequence[Group], worst: WorstCase) -> float | None:
    """Where the axis ends: what breaks all but three in a hundred of the images that can be broken."""
    ends = []
    for group in groups:
        for run in group.runs:
            values = distances(run, worst)
            finite = values[np.isfinite(values)] if values is not None else np.empty(0)
            if len(finite):
                ends.append(float(np.quantile(finite, 0.97)))
    return max(ends) * 1.05 if ends else None


def draw(
    ax: Axes,
    lineup: Lineup,
    groups: Sequence[Group],
    worst: WorstCase,
    *,
    end: float | None = None,
    suspicious: frozenset[int] = frozenset(),
    collapsed: frozenset[int] = frozenset(),
    named: bool = False,
) -> None:
    """Draws these groups and their dense references under these attacks; `end` is where the axis ends.

    `suspicious` are places in the line-up that are not reliable (dotted), `collapsed` those that always
    name one class: they are named in the key, without a curve.
    """
    style.clean(ax)
    references = list({id(d): d for g in groups if (d := lineup.dense_of(g)) is not None}.values())
    shown = [*sorted(groups, key=lambda g: g.target), *(references or (lineup.dense if not groups else []))]
    stop = end or reach(shown, worst)
    if stop is None:
        return
    grid = np.linspace(0, stop, GRID)
    entries: list[tuple[str, dict[str, Any], str]] = []
    for rank, group in enumerate(shown):
        own, place = mark(group), lineup.place(group)
        found = share_within(group, grid, worst)
        text = "dense" if group.dense else target(group.target)
        text = f"{row_name(group)} {text}" if named and not group.dense else text
        if found is not None and place in collapsed:
            entries.append((f"{text} collapsed", {"linewidth": 0}, style.ACCENT))
            continue
        if found is None:
            continue
        share, low, high = found
        look = style.line_style(own, dense=group.dense, reliable=place not in suspicious)
        look.setdefault("linewidth", style.width_of(rank, len(groups)))
        colour = style.INK3 if group.dense else own.colour
        ax.plot(grid, 100 * share, **look)
        ax.fill_between(grid, 100 * low, 100 * high, color=colour, alpha=0.16, linewidth=0, zorder=2)
        _median_tick(ax, grid, share, look)
        entries.append((text, look, style.INK2 if group.dense else own.text))
    ax.set_xlim(0, stop)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0", "50", "100"])
    ticks = style.nice_ticks(stop)
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    style.key(ax, entries[::-1], corner="lower")


def _median_tick(ax: Axes, grid: Distances, share: Distances, look: dict[str, Any]) -> None:
    if share[-1] >= 0.5:
        median = float(grid[int(np.argmax(share >= 0.5))])
        ax.plot([median, median], [0, 6], color=look["color"], linewidth=1.6, zorder=6, solid_capstyle="butt")
