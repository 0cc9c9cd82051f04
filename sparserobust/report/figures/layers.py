"""Weights kept in each layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparserobust.analysis.lineup import Group, arrange
from sparserobust.records import Run
from sparserobust.report.figures import style
from sparserobust.report.look.marks import mark
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import superscript, target

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_weights_per_layer(ax: Axes, runs: Sequence[Run]) -> None:
    """Draws the density kept in each prunable layer, log scale, input to the left.

    Seeds are averaged. A layer that keeps nothing is a red cross on the axis; line width grows with sparsity.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    draw(ax, lineup.sparse, floor(lineup.sparse), named=len(lineup.methods()) > 1)
    style.title(ax, "share of weights kept")


def densities(group: Group) -> list[float]:
    """Share kept in each layer, the mean over seeds."""
    layers = [run.subject.layers for run in group.runs if run.subject.layers]
    if not layers:
        return []
    many = min(len(own) for own in layers)
    return [sum(own[k].kept / own[k].numel for own in layers) / len(layers) for k in range(many)]


def floor(groups: Sequence[Group]) -> float:
    """The power of ten below every density that is not 0."""
    positive = [d for group in groups for d in densities(group) if d > 0]
    power = 1.0
    while positive and power > min(positive) * 0.999:
        power /= 10
    return min(0.1, power)


def draw(ax: Axes, groups: Sequence[Group], bottom: float, *, named: bool = False) -> None:
    """Draws these groups down to `bottom`, the same for every panel."""
    style.clean(ax)
    ax.set_yscale("log")
    ordered = sorted(groups, key=lambda g: g.target)
    many = 1
    labels: list[tuple[float, str, str]] = []
    for place, group in enumerate(ordered):
        kept = densities(group)
        if not kept:
            continue
        many = max(many, len(kept))
        x = [k + 1 for k, d in enumerate(kept) if d > 0]
        y = [d for d in kept if d > 0]
        look = style.line_style(mark(group))
        ax.plot(x, y, linewidth=style.width_of(place, len(ordered)), marker="o", markersize=2.6, **look)
        empty = [k + 1 for k, d in enumerate(kept) if d == 0]
        ax.plot(empty, [bottom * 1.25] * len(empty), "x", color=style.ACCENT, markersize=5, zorder=6)
        text = f"{row_name(group)} {target(group.target)}" if named else target(group.target)
        labels.append((kept[-1] or bottom, text, mark(group).text))
    ax.set_xlim(0.7, many + 0.3)
    ax.set_ylim(bottom, 1.15)
    step = 1 if many <= 8 else (many + 5) // 6
    ax.set_xticks([k for k in range(1, many + 1) if (k - 1) % step == 0])
    ticks = [10.0**k for k in range(round(math.log10(bottom)), 1)]
    ax.set_yticks(ticks, [_power(tick) for tick in ticks])
    ax.minorticks_off()
    style.end_labels(ax, labels)


def _power(value: float) -> str:
    """1, 0.1, 0.01, then 10⁻³."""
    return f"{value:g}" if value >= 0.009 else f"10{superscript(round(math.log10(value)))}"
