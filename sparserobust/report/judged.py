"""The line-up with everything concluded about its rows: trust, differences to dense, the value in the table."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.compare import Difference, compare_all
from sparserobust.report.estimates import RowEstimate, clean_accuracy, estimate_by
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
    differences = compare_all(lineup, excluded, lineup.robustness)
    return Judged(lineup, trust, differences, primary)


def primary_estimate(group: Group, lineup: Lineup) -> RowEstimate:
    """Robust accuracy of the table, or clean accuracy where no attack was run."""
    robust = lineup.robustness
    return clean_accuracy(group) if robust is None else estimate_by(group, robust.reading)
