"""Accuracy over the budgets of an attack: as measured, the worst so far, and the worst of several attacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparserobust.analysis.attacks import robust_score
from sparserobust.analysis.estimates import RowEstimate, clean_accuracy, estimate, estimate_by
from sparserobust.analysis.lineup import Group
from sparserobust.analysis.readings import Reading, ok, share_of
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.records import Run, remark

Points = list[tuple[float, RowEstimate]]
"""(budget, accuracy) by budget, those without a number left out; the first is clean accuracy, at 0."""
Curve = Callable[[Group], Points]


def raw_curve(attack: str) -> Curve:
    """Accuracy at each budget as measured, at the budgets that all of a group's runs have."""

    def curve(group: Group) -> Points:
        scored = next((o for run in group.runs if (o := ok(run, attack)) is not None), None)
        points = [(0.0, clean_accuracy(group))]
        if scored is not None:
            score = robust_score(scored)
            points += [
                (eps, estimate(group, score, evaluator=attack, at=eps)) for eps in _budgets(group, attack)
            ]
        return _known(points)

    return curve


def cumulative_curve(attack: str) -> Curve:
    """Accuracy at each budget and every smaller one: that a larger step breaks less is no robustness.

    As measured where the record holds no results per image.
    """

    def reading(run: Run, eps: float) -> Reading:
        outcome = ok(run, attack)
        kept = outcome.per_example.get("robust") if outcome is not None else None
        if outcome is None or kept is None:
            return Reading(None, reason=remark("not-per-image"))
        smaller = [row for point, row in zip(outcome.axis, kept, strict=False) if point <= eps]
        return share_of(np.logical_and.reduce([row.astype(bool) for row in smaller]))

    def curve(group: Group) -> Points:
        points = [(0.0, clean_accuracy(group)), *_over(group, _budgets(group, attack), reading)]
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
            return share_of(own > eps) if own is not None else Reading(None, reason=remark("not-per-image"))

        return _known(_over(group, [0.0, *budgets], reading))

    return curve


def rises(cumulative: Points, raw: Points) -> bool:
    """Whether accuracy as measured rises with the budget somewhere, so that the two curves differ."""
    return [e.value for _, e in cumulative] != [e.value for _, e in raw]


def _over(group: Group, budgets: list[float], reading: Callable[[Run, float], Reading]) -> Points:
    return [(eps, estimate_by(group, lambda run, eps=eps: reading(run, eps))) for eps in budgets]  # type: ignore[misc]


def _budgets(group: Group, attack: str) -> list[float]:
    axes = [set(outcome.axis) for run in group.runs if (outcome := ok(run, attack)) is not None]
    return sorted(set.intersection(*axes) - {0.0}) if axes else []


def _known(points: Points) -> Points:
    return [(eps, e) for eps, e in points if e.value is not None]
