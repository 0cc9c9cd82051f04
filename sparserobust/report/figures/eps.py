"""Accuracy against the attack's budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparserobust.records import Run
from sparserobust.report.attacks import WorstCase
from sparserobust.report.estimates import RowEstimate, clean_accuracy, estimate, estimate_by
from sparserobust.report.figures import style
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.numbers import target
from sparserobust.report.readings import Reading, ok, robust_score, share_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = list[tuple[float, RowEstimate]]
Curve = Callable[[Group], Points]


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


def raw_curve(attack: str) -> Curve:
    """Accuracy at each budget as measured, from 0, which is clean accuracy; budgets that all of a group's runs have."""

    def curve(group: Group) -> Points:
        points = [(0.0, clean_accuracy(group))]
        points += [
            (eps, estimate(group, attack, robust_score(attack), at=eps)) for eps in _budgets(group, attack)
        ]
        return _known(points)

    return curve


def cumulative_curve(attack: str) -> Curve:
    """Accuracy at each budget and every smaller one: that a larger step breaks less is no robustness."""

    def reading(run: Run, eps: float) -> Reading:
        outcome = ok(run, attack)
        kept = outcome.per_example.get("robust") if outcome is not None else None
        if outcome is None or kept is None:
            return Reading(None, reason="not measured per image")
        smaller = [row for point, row in zip(outcome.axis, kept, strict=False) if point <= eps]
        return share_of(np.logical_and.reduce([row.astype(bool) for row in smaller]))

    def curve(group: Group) -> Points:
        points = [(0.0, clean_accuracy(group))]
        points += [
            (eps, estimate_by(group, lambda run, eps=eps: reading(run, eps)))  # type: ignore[misc]
            for eps in _budgets(group, attack)
        ]
        known = _known(points)
        return known if len(known) > 1 else raw_curve(attack)(group)

    return curve


def worst_curve(worst: WorstCase) -> Curve:
    """Accuracy under the worst of several attacks for each image, at every budget of any of them."""

    def curve(group: Group) -> Points:
        distance = {id(run): d for run in group.runs if (d := worst.distance(run)) is not None}
        if not distance:
            return []
        axes = [o.axis for run in group.runs for name in worst.attacks if (o := ok(run, name)) is not None]
        budgets = sorted({eps for axis in axes for eps in axis if eps > 0})

        def reading(run: Run, eps: float) -> Reading:
            own = distance.get(id(run))
            return share_of(own > eps) if own is not None else Reading(None, reason="not measured per image")

        return _known(
            [
                (eps, estimate_by(group, lambda run, eps=eps: reading(run, eps)))  # type: ignore[misc]
                for eps in (0.0, *budgets)
            ]
        )

    return curve


def _budgets(group: Group, attack: str) -> list[float]:
    axes = [set(outcome.axis) for run in group.runs if (outcome := ok(run, attack)) is not None]
    return sorted(set.intersection(*axes) - {0.0}) if axes else []


def _known(points: Points) -> Points:
    return [(eps, e) for eps, e in points if e.value is not None]


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
        suspicious: places in the line-up whose numbers are not believable.
        collapsed: places of networks that always name one class.
        named: whether the key names the method beside the sparsity.
    """
    style.clean(ax)
    headline = lineup.robustness.eps if lineup.robustness is not None else 0.0
    named_budget = lineup.robustness.budget if lineup.robustness is not None else ""
    references = list({id(d): d for g in groups if (d := lineup.dense_of(g)) is not None}.values())
    ordered = sorted(groups, key=lambda g: g.target)
    entries = []
    far = headline
    for place, group in enumerate([*ordered, *(references or (lineup.dense if not groups else []))]):
        points = curve(group)
        if not points:
            continue
        believable = lineup.groups.index(group) not in suspicious
        look = style.line_style(group.mark, dense=group.dense, believable=believable)
        look.setdefault("linewidth", style.width_of(place, len(ordered)))
        far = max(far, points[-1][0])
        _line(ax, points, look)
        thin = beside(group) if beside is not None else points
        if _heights(thin) != _heights(points):
            _line(ax, thin, look | {"linewidth": 0.7, "linestyle": "-", "alpha": 0.7})
        _band(ax, points, group)
        text = "dense" if group.dense else target(group.target)
        text = f"{group.name} {text}" if named and not group.dense else text
        colour = style.INK2 if group.dense else group.mark.text
        if lineup.groups.index(group) in collapsed:
            text, colour = f"{text} collapsed", style.ACCENT
        entries.append((text, look, colour))
    stop = far if end is None else end
    ax.set_xlim(0, stop)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0", "50", "100"])
    ax.axvline(headline, color=style.ACCENT, linewidth=1, zorder=1)
    away = [x for x in _nice(stop) if abs(x - headline) > 0.18 * stop]
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
        colour = style.INK3 if group.dense else group.mark.colour
        ax.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0, zorder=2)


def _nice(end: float) -> list[float]:
    from sparserobust.report.strip import nice_step

    step = nice_step(end / 4.5)
    return [round(i * step, 10) for i in range(int(end / step + 1e-9) + 1)]
