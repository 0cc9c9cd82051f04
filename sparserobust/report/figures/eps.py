"""Accuracy against the attack's budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparserobust.records import Run
from sparserobust.report.estimates import RowEstimate, estimate
from sparserobust.report.figures import style
from sparserobust.report.groups import Group, Lineup, arrange
from sparserobust.report.numbers import target
from sparserobust.report.readings import attack_name, ok

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_accuracy_against_eps(ax: Axes, runs: Sequence[Run]) -> None:
    """Draws accuracy (in percent) over the budget of the attack, clean accuracy at 0.

    Bands are pointwise 95 % intervals: Wilson's for one network, Student's t over seeds. Dense is dashed and
    on top; line width grows with sparsity.

    Raises:
        ConfigError: no runs.
    """
    lineup = arrange(runs)
    draw(ax, lineup, lineup.sparse, named=len(lineup.methods()) > 1)
    style.title(ax, "accuracy, %")


def curve(group: Group, attack: str) -> list[tuple[float, RowEstimate]]:
    """(budget, robust accuracy) from 0, which is clean accuracy; budgets that all of the group's runs have."""
    axes = [set(outcome.axis) for run in group.runs if (outcome := ok(run, attack)) is not None]
    if not axes:
        return []
    shared = sorted(set.intersection(*axes) - {0.0})
    points = [(0.0, estimate(group, "accuracy", "top1"))]
    points += [(eps, estimate(group, attack, "robust_accuracy", at=eps)) for eps in shared]
    return [(eps, e) for eps, e in points if e.value is not None]


def draw(
    ax: Axes,
    lineup: Lineup,
    groups: Sequence[Group],
    *,
    suspicious: frozenset[int] = frozenset(),
    collapsed: frozenset[int] = frozenset(),
    named: bool = False,
) -> None:
    """Draws these groups and their dense references.

    Args:
        ax: where.
        lineup: all groups, for the attack and the dense references.
        groups: whose curves to draw.
        suspicious: places in the line-up whose numbers are not believable.
        collapsed: places of networks that always name one class.
        named: whether the key names the method beside the sparsity.
    """
    style.clean(ax)
    if lineup.attack is None:
        return
    attack, headline = lineup.attack
    references = list({id(d): d for g in groups if (d := lineup.dense_of(g)) is not None}.values())
    ordered = sorted(groups, key=lambda g: g.target)
    entries = []
    end = headline
    for place, group in enumerate([*ordered, *(references or (lineup.dense if not groups else []))]):
        points = curve(group, attack)
        if not points:
            continue
        believable = lineup.groups.index(group) not in suspicious
        look = style.line_style(group.mark, dense=group.dense, believable=believable)
        look.setdefault("linewidth", style.width_of(place, len(ordered)))
        x = [eps for eps, _ in points]
        end = max(end, x[-1])
        ax.plot(x, [100 * (e.value or 0.0) for _, e in points], **look)
        _band(ax, points, group)
        text = "dense" if group.dense else target(group.target)
        text = f"{group.name} {text}" if named and not group.dense else text
        colour = style.INK2 if group.dense else group.mark.text
        if lineup.groups.index(group) in collapsed:
            text, colour = f"{text} collapsed", style.ACCENT
        entries.append((text, look, colour))
    ax.set_xlim(0, end)
    ax.set_ylim(0, 100)
    ax.set_yticks([0, 50, 100], ["0", "50", "100"])
    ax.axvline(headline, color=style.ACCENT, linewidth=1, zorder=1)
    far = [x for x in _nice(end) if abs(x - headline) > 0.18 * end]
    ticks = sorted([headline, *far])
    ax.set_xticks(ticks, [f"ε = {x:g}" if x == headline else f"{x:g}" for x in ticks])
    ax.get_xticklabels()[ticks.index(headline)].set_color(style.ACCENT)
    style.key(ax, [*entries[::-1]], corner="upper")


def described(lineup: Lineup, name: str) -> str:
    """The figure in a sentence, for a reader who does not see it."""
    attack = attack_name(lineup.attack[0]) if lineup.attack else "the attack"
    return f"{name}: accuracy in percent against the budget of {attack}, dense dashed"


def _band(ax: Axes, points: list[tuple[float, RowEstimate]], group: Group) -> None:
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
