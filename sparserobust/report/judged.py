"""The line-up with everything concluded about its rows: trust, differences to dense, the value in the table."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.compare import Difference, compare_all
from sparserobust.report.estimates import RowEstimate, estimate
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.trust import Trust, judge


@dataclass(frozen=True)
class Judged:
    """The line-up with everything that was concluded about its rows, by place."""

    lineup: Lineup
    trust: dict[int, Trust]
    differences: dict[int, Difference]
    primary: dict[int, RowEstimate]


def judged(lineup: Lineup) -> Judged:
    """Trust, differences and primary estimates of every row."""
    trust = {i: judge(group, lineup) for i, group in enumerate(lineup.groups)}
    excluded = {i for i, t in trust.items() if not t.ranked}
    primary = {i: primary_estimate(group, lineup) for i, group in enumerate(lineup.groups)}
    return Judged(lineup, trust, compare_all(lineup, excluded), primary)


def primary_estimate(group: Group, lineup: Lineup) -> RowEstimate:
    """Robust accuracy at the headline budget, or clean accuracy where no attack was run."""
    if lineup.attack is None:
        return estimate(group, "accuracy", "top1")
    return estimate(group, lineup.attack[0], "robust_accuracy", at=lineup.attack[1])
