"""One number per row: a single network with its own interval, or several seeds with Student's t."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparserobust.records import Run
from sparserobust.report.groups import Group
from sparserobust.report.readings import Reading, clean, read
from sparserobust.report.unmade import in_short, is_made
from sparserobust.stats import mean_t

CLAIM_SEEDS = 3  # fewer say nothing about a method


@dataclass(frozen=True)
class RowEstimate:
    """A row's value with its 95 % interval, or the reason why there is none.

    Attributes:
        seeds: how many networks are behind it.
        missing: how many of the row's networks have no value.
        n: examples behind a single network's value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    missing: int = 0
    n: int | None = None
    reason: str = ""

    @property
    def half(self) -> float | None:
        """Half the width of the interval, where there is one; of the side that is not cut where one is."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.high - self.value, self.value - self.low)


def estimate(group: Group, evaluator: str, score: str, *, at: float | str | None = None) -> RowEstimate:
    """A score of all of the group's networks: the record's interval for one, Student's t for several."""
    return combine([read(run, evaluator, score, at=at) for run in group.runs])


def clean_accuracy(group: Group) -> RowEstimate:
    """Clean accuracy, of whichever evaluator looked at the clean images."""
    return combine([clean(run) for run in group.runs])


def estimate_by(group: Group, value: Callable[[Run], Reading]) -> RowEstimate:
    """As `estimate`, for anything that can be computed from one run that has a network."""
    return combine(
        [
            value(run) if is_made(run) else Reading(None, reason=in_short(run.subject.not_made or ""))
            for run in group.runs
        ]
    )


def combine(readings: list[Reading]) -> RowEstimate:
    """Several networks' readings as one; undefined values (not found) are never averaged away.

    Student's interval of a share is cut at 0 and 1, which takes nothing from its coverage.
    """
    values = [r.value for r in readings if r.value is not None]
    missing = len(readings) - len(values)
    reasons = [r.reason for r in readings if r.value is None]
    if not values:
        return RowEstimate(None, missing=missing, reason=reasons[0] if reasons else "not measured")
    if len(readings) == 1:
        r = readings[0]
        return RowEstimate(r.value, r.low, r.high, 1, 0, r.n)
    infinite = [reason for reason in reasons if reason.startswith("not found")]
    if infinite:
        return RowEstimate(None, seeds=len(values), missing=missing, reason=f"{infinite[0]}, in a seed")
    mean = mean_t(values)
    low, high = mean.low, mean.high
    if low is not None and high is not None and all(r.share for r in readings):
        low, high = max(0.0, low), min(1.0, high)
    return RowEstimate(mean.value, low, high, mean.n, missing, readings[0].n)


def band(readings: RowEstimate) -> tuple[float, float] | None:
    """The interval as a pair where both ends are known."""
    return None if readings.low is None or readings.high is None else (readings.low, readings.high)
