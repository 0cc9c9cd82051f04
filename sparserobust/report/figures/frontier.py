"""Sparsity against robustness: what is left as weights go."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from sparserobust.analysis.estimates import RowEstimate, clean_accuracy, primary_estimate
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.records import Run
from sparserobust.report.figures import style
from sparserobust.report.figures.splits import Split, methods
from sparserobust.report.look.marks import mark
from sparserobust.report.table.strip import scale_over
from sparserobust.report.text.attacks import robust_budget, robust_name
from sparserobust.report.text.names import tagged_name
from sparserobust.report.text.numbers import fixed, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Value = Callable[[Group], RowEstimate]
Labels = Literal["full", "names", "brief"]


def plot_frontier(ax: Axes, runs: Sequence[Run], *, clean: bool = False) -> None:
    """Draws robust accuracy (in percent) over the density that is kept, sparser to the right.

    Args:
        ax: where.
        runs: at two or more sparsities.
        clean: draw clean accuracy instead.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    value = clean_accuracy if clean else robust_value(lineup)
    draw(ax, lineup, value, Split("", tuple(methods(lineup))))
    style.title(ax, heading(lineup, clean=clean))


def heading(lineup: Lineup, *, clean: bool) -> str:
    """The quantity and its unit."""
    if clean or lineup.robustness is None:
        return "Clean accuracy, %"
    return (
        f"Robust accuracy, {robust_name(lineup.robustness, lineup)} at {robust_budget(lineup.robustness)}, %"
    )


def robust_value(lineup: Lineup) -> Value:
    """Robust accuracy at the budget of the table, clean accuracy where no attack was run."""
    return lambda group: primary_estimate(group, lineup.robustness)


def draw(
    ax: Axes,
    lineup: Lineup,
    value: Value,
    curves: Split,
    *,
    suspicious: frozenset[int] = frozenset(),
    collapsed: frozenset[int] = frozenset(),
    labels_as: Labels = "full",
    room: float = math.inf,
) -> None:
    """Draws these methods over their sparsities; what is not reliable is dotted, what collapsed is a cross.

    The axes hold all of the line-up, so that panels can be compared.

    Args:
        ax: where.
        lineup: all groups, for the axes and the dense references.
        value: what is drawn.
        curves: of this panel.
        suspicious: places in the line-up whose numbers are not reliable.
        collapsed: places of networks that always name one class.
        labels_as: see `end_text`.
        room: px that names may take beside the axis.
    """
    style.clean(ax)
    labels: list[tuple[float, str, str]] = []
    heights: list[float] = []
    fallen: list[tuple[float, float, str]] = []
    for _, _, groups in curves.others:
        known = [(_place(g), 100 * e.value) for g in groups if (e := value(g)).value is not None]
        ax.plot([x for x, _ in known], [y for _, y in known], color=style.RULE, linewidth=1.2, zorder=1.5)
        heights += [y for _, y in known]
    for name, own, groups in curves.methods:
        points = [(_place(g), value(g), lineup.place(g)) for g in groups]
        points = [p for p in points if p[1].value is not None]
        if not points:
            continue
        alive = [p for p in points if p[2] not in collapsed]
        x, y = [p[0] for p in alive], [100 * (p[1].value or 0.0) for p in alive]
        for k in range(len(alive) - 1):
            sure = not {alive[k][2], alive[k + 1][2]} & suspicious
            look = style.line_style(own, reliable=sure)
            ax.plot(x[k : k + 2], y[k : k + 2], linewidth=1.6, **look)
        style.markers(ax, x, y, own)
        bounded = [
            (p[0], p[1].low, p[1].high) for p in alive if p[1].low is not None and p[1].high is not None
        ]
        if len(bounded) > 1:
            ax.fill_between(
                [b[0] for b in bounded], [100 * max(0.0, b[1]) for b in bounded],
                [100 * min(1.0, b[2]) for b in bounded], color=own.colour, alpha=0.13, linewidth=0, zorder=2,
            )  # fmt: skip
        heights += y
        last_place, last, last_index = points[-1]
        end = 100 * (last.value or 0.0)
        gone, doubtful = last_index in collapsed, last_index in suspicious
        text = end_text(name, end, gone=gone, doubtful=doubtful, labels_as=labels_as, room=room)
        if gone:
            fallen.append((last_place, end, text))
        else:
            labels.append((end, text, own.text))
    heights += _dense(ax, lineup, value, labels)
    _axes(ax, lineup, heights)
    for place, wished, text in fallen:  # below the scale of those that still work, at its edge
        shown = max(wished, float(ax.get_ylim()[0]))
        ax.plot([place], [shown], "x", color=style.ACCENT, markersize=5, zorder=5, clip_on=False)
        labels.append((shown, text, style.ACCENT))
    style.end_labels(ax, labels)


def end_text(
    name: str, value: float, *, gone: bool, doubtful: bool, labels_as: Labels, room: float = math.inf
) -> str:
    """What stands at the end of a line: "SNIP 45.2", "SNIP 10.0 collapsed", "SNIP 45.2, not reliable".

    Args:
        name: of the curve; where `room` is short of px, its end is left out.
        value: in percent.
        gone: whether the network always names one class.
        doubtful: whether the number is not reliable.
        labels_as: "names" leaves the value out, "brief" what the dotted line and the red cross say already.
        room: px for all of it.
    """
    shown = fixed(value)
    end = {
        "full": f" {shown} collapsed" if gone else f" {shown}{', not reliable' if doubtful else ''}",
        "names": f" {shown} collapsed" if gone else ", not reliable" if doubtful else "",
        "brief": " collapsed" if gone else f" {shown}",
    }[labels_as]
    if room == math.inf:
        return name + end
    if labels_as == "brief" and gone and style.clipped(name + end, room) != name + end:
        end = ""
    return style.clipped(name, room - style.CHARACTER * len(end)) + end


def _place(group: Group) -> float:
    return -math.log10(max(1e-9, 1 - group.target))


def _dense(ax: Axes, lineup: Lineup, value: Value, labels: list[tuple[float, str, str]]) -> list[float]:
    heights = []
    for group in lineup.dense:
        e = value(group)
        if e.value is None:
            continue
        y = 100 * e.value
        heights.append(y)
        if e.low is not None and e.high is not None:
            ax.axhspan(
                100 * max(0.0, e.low), 100 * min(1.0, e.high), color=style.BAND, linewidth=0, zorder=0.5
            )
        ax.axhline(y, **{**style.line_style(mark(group), dense=True), "zorder": 2.5})
        labels.append((y, f"{tagged_name(group)} {percent(e.value)}", style.INK))
    return heights


def _axes(ax: Axes, lineup: Lineup, heights: list[float]) -> None:
    scale = scale_over(heights)
    if scale is not None:
        ax.set_ylim(scale.ticks[0], scale.ticks[-1])
        ax.set_yticks(scale.ticks, [f"{tick:g}" for tick in scale.ticks])
    places = sorted({_place(group) for group in lineup.sparse})
    if not places:
        return
    margin = 0.08 * max(places[-1] - places[0], 0.2)
    ax.set_xlim(places[0] - margin, places[-1] + margin)
    densities = [f"{10**-place:.4g}" for place in places]
    ax.set_xticks(places, densities)
