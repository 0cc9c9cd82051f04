"""Gradient norms: at initialisation relative to dense, and while training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.records import EpochRecord, Run
from sparserobust.report.figures import dots, style
from sparserobust.report.figures.splits import methods
from sparserobust.report.look.marks import mark
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import superscript

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_gradient_norms(ax: Axes, runs: Sequence[Run], *, training: bool = False) -> None:
    """Draws gradient norms per kept weight.

    At initialisation: relative to the dense parent, larger dot = sparser; grey ticks below are the same norm
    over all weights without the mask, free of selection. While training: mean and standard deviation over
    the batches of each epoch, of the first seed.

    Args:
        ax: where; at initialisation its left margin holds the names.
        runs: with gradient norms measured, or with a training history.
        training: draw the norms while training instead.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    if training:
        draw_training(ax, lineup.groups)
        style.title(ax, "mean |gradient| on kept weights, log scale")
    else:
        dots.draw(ax, rows(lineup))
        style.title(ax, "At initialisation, relative to dense")


def rows(lineup: Lineup) -> list[dots.DotRow]:
    """One row per method."""
    return [
        dots.DotRow(
            name=name,
            mark=own,
            values=tuple((g.target, _relative(g, "kept")) for g in groups),
            below=tuple((g.target, _relative(g, "unmasked")) for g in groups),
            empty="not measured",
        )
        for name, own, groups in methods(lineup)
    ]


def _relative(group: Group, at: str) -> float | None:
    return estimate(group, "relative_to_dense", at=at).value


def draw_training(
    ax: Axes, groups: Sequence[Group], names: Sequence[str] = (), *, others: Sequence[Group] = ()
) -> None:
    """Draws the first seed of each group over its epochs on a log scale, names at the line ends.

    Args:
        ax: where.
        groups: whose curves to draw.
        names: of the groups, their own unless given.
        others: drawn thin and grey for comparison; the axes hold them too.
    """
    style.clean(ax)
    ax.set_yscale("log")
    labels: list[tuple[float, str, str]] = []
    longest = 1
    values: list[float] = []
    for group in others:
        epochs = _recorded(group)
        ax.plot(
            [e.epoch for e in epochs], [e.gradient_mean for e in epochs],
            color=style.RULE, linewidth=1.2, zorder=1.5,
        )  # fmt: skip
        longest = max([longest, *(e.epoch for e in epochs)])
        values += [e.gradient_mean for e in epochs]
    for group, name in zip(groups, names or [row_name(group) for group in groups], strict=True):
        epochs = _recorded(group)
        if not epochs:
            continue
        own, x = mark(group), [e.epoch for e in epochs]
        mean = [e.gradient_mean for e in epochs]
        low = [max(e.gradient_mean - e.gradient_std, e.gradient_mean * 0.1) for e in epochs]
        colour = style.INK3 if group.dense else own.colour
        ax.plot(x, mean, **{"linewidth": 1.5, **style.line_style(own, dense=group.dense)})
        if not group.dense:
            style.markers(ax, x[-1:], mean[-1:], own, 5.0)
        high = [e.gradient_mean + e.gradient_std for e in epochs]
        ax.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0, zorder=1)
        labels.append((mean[-1], "dense" if group.dense else name, own.text))
        longest, values = max(longest, x[-1]), [*values, *mean]
    if not values:
        return
    ax.set_xlim(1, max(2, longest))
    ax.set_ylim(min(values) / 1.8, max(values) * 1.8)
    low_power, high_power = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    ticks = [10.0**k for k in range(low_power, high_power + 1)]
    start, stop = ax.get_ylim()
    ticks = [t for t in ticks if start <= t <= stop]
    ax.set_yticks(ticks, [f"10{superscript(round(math.log10(t)))}" for t in ticks])
    ax.minorticks_off()
    epochs_axis(ax, longest)
    style.end_labels(ax, labels, x=longest)


def _recorded(group: Group) -> list[EpochRecord]:
    """The epochs of its first seed that have a gradient to show."""
    history = group.first.history
    return [e for e in history.epochs if e.gradient_mean > 0] if history is not None else []


def epochs_axis(ax: Axes, longest: int) -> None:
    """Whole epochs on the axis, the first and the last among them."""
    step = max(1, round(longest / 4))
    inner = [e for e in range(step, longest, step) if 1.5 < e < longest - 0.5 * step]
    ticks = sorted({1, *inner, longest})
    ax.set_xticks(ticks, [str(t) for t in ticks])
