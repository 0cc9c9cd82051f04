"""Success of a minimum-norm attack against its distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import Run
from sparserobust.report.attacks import WorstCase
from sparserobust.report.figures import style
from sparserobust.report.figures.eps import _nice as nice_ticks
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.numbers import target
from sparserobust.report.readings import correct
from sparserobust.stats import dkw_band, mean_t

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


def distances(run: Run, worst: WorstCase) -> NDArray[np.float64] | None:
    """Smallest distances of the initially correct images, infinite where nothing was found."""
    found, right = worst.distance(run), correct(run)
    if found is None or right is None or not right.any():
        return None
    return np.sort(found[right])


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


def curve(
    group: Group, grid: NDArray[np.float64], worst: WorstCase
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """(share broken, low, high) on the grid."""
    samples = [values for run in group.runs if (values := distances(run, worst)) is not None]
    if not samples:
        return None
    shares = np.stack([np.searchsorted(values, grid, side="right") / len(values) for values in samples])
    if len(samples) == 1:
        half = dkw_band(len(samples[0]))
        return shares[0], np.clip(shares[0] - half, 0, 1), np.clip(shares[0] + half, 0, 1)
    means = [mean_t(column) for column in shares.T]
    low = np.clip([m.value if m.low is None else m.low for m in means], 0, 1)
    high = np.clip([m.value if m.high is None else m.high for m in means], 0, 1)
    return np.array([m.value for m in means]), low, high


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

    `suspicious` are places in the line-up that are not believable (dotted), `collapsed` those that always
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
    for place, group in enumerate(shown):
        found = curve(group, grid, worst)
        text = "dense" if group.dense else target(group.target)
        text = f"{group.name} {text}" if named and not group.dense else text
        if found is not None and lineup.groups.index(group) in collapsed:
            entries.append((f"{text} collapsed", {"linewidth": 0}, style.ACCENT))
            continue
        if found is None:
            continue
        share, low, high = found
        believable = lineup.groups.index(group) not in suspicious
        look = style.line_style(group.mark, dense=group.dense, believable=believable)
        look.setdefault("linewidth", style.width_of(place, len(groups)))
        colour = style.INK3 if group.dense else group.mark.colour
        ax.plot(grid, 100 * share, **look)
        ax.fill_between(grid, 100 * low, 100 * high, color=colour, alpha=0.16, linewidth=0, zorder=2)
        _median_tick(ax, grid, share, look)
        entries.append((text, look, style.INK2 if group.dense else group.mark.text))
    ax.set_xlim(0, stop)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0", "50", "100"])
    ticks = nice_ticks(stop)
    ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
    style.key(ax, entries[::-1], corner="lower")


def _median_tick(
    ax: Axes, grid: NDArray[np.float64], share: NDArray[np.float64], look: dict[str, Any]
) -> None:
    if share[-1] >= 0.5:
        median = float(grid[int(np.argmax(share >= 0.5))])
        ax.plot([median, median], [0, 6], color=look["color"], linewidth=1.6, zorder=6, solid_capstyle="butt")
