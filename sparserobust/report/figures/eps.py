"""Accuracy against the attack's budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sparserobust.analysis.curves import Curve, Points, cumulative_curve, raw_curve, worst_curve
from sparserobust.analysis.lineup import Group, Lineup, arrange
from sparserobust.records import Run
from sparserobust.report.figures import style
from sparserobust.report.look.marks import mark
from sparserobust.report.text.attacks import robust_budget
from sparserobust.report.text.names import row_name
from sparserobust.report.text.numbers import target

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_accuracy_against_eps(ax: Axes, runs: Sequence[Run]) -> None:
    """Draws accuracy (in percent) over the budget of the attack, clean accuracy at 0.

    With several attacks in one norm an image counts as broken from the smallest budget on at which any of them
    broke it. With one, the line is its worst over all smaller budgets too, and a thin one beside it the accuracy
    as measured, where a larger budget broke less. Bands are pointwise 95 % intervals: Wilson's for one network,
    Student's t over seeds. Dense is dashed and on top; line width grows with sparsity.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    robust = lineup.robustness
    if robust is None:
        style.clean(ax)
        return
    name = lineup.attack[0] if lineup.attack else ""
    several = robust.several
    draw(
        ax,
        lineup,
        lineup.sparse,
        worst_curve(robust.worst) if several else cumulative_curve(name),
        beside=None if several else raw_curve(name),
        named=len(lineup.methods()) > 1,
    )
    style.title(ax, "accuracy, %")


def reach(groups: Sequence[Group], curve: Curve, headline: float, lost: float) -> float | None:
    """Where the axis ends: the first budget at which every curve has come down to `lost`, else the largest."""
    ends = []
    for group in groups:
        points = curve(group)
        if len(points) > 1:
            gone = [eps for eps, e in points if e.value is not None and e.value <= lost]
            ends.append(gone[0] if gone else points[-1][0])
    return max([2 * headline, *ends]) if ends else None


def draw(
    ax: Axes,
    lineup: Lineup,
    groups: Sequence[Group],
    curve: Curve,
    *,
    beside: Curve | None = None,
    end: float | None = None,
    suspicious: frozenset[int] = frozenset(),
    collapsed: frozenset[int] = frozenset(),
    named: bool = False,
) -> None:
    """Draws these groups and their dense references.

    Args:
        ax: where.
        lineup: all groups, for the budget of the table and the dense references.
        groups: whose curves to draw.
        curve: of a group.
        beside: drawn thin beside it where it differs.
        end: of the axis, the largest budget when not given.
        suspicious: places in the line-up whose numbers are not reliable.
        collapsed: places of networks that always name one class.
        named: whether the key names the method beside the sparsity.
    """
    style.clean(ax)
    headline = lineup.robustness.eps if lineup.robustness is not None else 0.0
    named_budget = robust_budget(lineup.robustness) if lineup.robustness is not None else ""
    references = list({id(d): d for g in groups if (d := lineup.dense_of(g)) is not None}.values())
    ordered = sorted(groups, key=lambda g: g.target)
    entries = []
    far = headline
    for rank, group in enumerate([*ordered, *(references or (lineup.dense if not groups else []))]):
        points = curve(group)
        if not points:
            continue
        own, place = mark(group), lineup.place(group)
        look = style.line_style(own, dense=group.dense, reliable=place not in suspicious)
        look.setdefault("linewidth", style.width_of(rank, len(ordered)))
        far = max(far, points[-1][0])
        _line(ax, points, look)
        thin = beside(group) if beside is not None else points
        if _heights(thin) != _heights(points):
            _line(ax, thin, look | {"linewidth": 0.7, "linestyle": "-", "alpha": 0.7})
        _band(ax, points, group)
        text = "dense" if group.dense else target(group.target)
        text = f"{row_name(group)} {text}" if named and not group.dense else text
        colour = style.INK2 if group.dense else own.text
        if place in collapsed:
            text, colour = f"{text} collapsed", style.ACCENT
        entries.append((text, look, colour))
    stop = far if end is None else end
    ax.set_xlim(0, stop)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0", "50", "100"])
    ax.axvline(headline, color=style.ACCENT, linewidth=1, zorder=1)
    away = [x for x in style.nice_ticks(stop) if abs(x - headline) > 0.18 * stop]
    ticks = sorted([headline, *away])
    ax.set_xticks(ticks, [named_budget if x == headline else f"{x:g}" for x in ticks])
    ax.get_xticklabels()[ticks.index(headline)].set_color(style.ACCENT)
    style.key(ax, [*entries[::-1]], corner="upper")


def _line(ax: Axes, points: Points, look: dict[str, Any]) -> None:
    ax.plot([eps for eps, _ in points], _heights(points), **look)


def _heights(points: Points) -> list[float]:
    return [100 * (e.value or 0.0) for _, e in points]


def _band(ax: Axes, points: Points, group: Group) -> None:
    bounded = [(eps, e.low, e.high) for eps, e in points if e.low is not None and e.high is not None]
    if bounded:
        x = [eps for eps, _, _ in bounded]
        low, high = [100 * max(0.0, b[1]) for b in bounded], [100 * min(1.0, b[2]) for b in bounded]
        colour = style.INK3 if group.dense else mark(group).colour
        ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, zorder=2)
