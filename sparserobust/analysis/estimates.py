"""One number per row: a single network with its own interval, or several seeds with Student's t."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparserobust.analysis.lineup import Group
from sparserobust.analysis.made import is_made
from sparserobust.analysis.readings import NOT_FOUND, Reading, clean, read
from sparserobust.analysis.worst_case import Robustness
from sparserobust.one_line import OneLine
from sparserobust.records import Remark, Run, remark
from sparserobust.stats import harmonic_mean, mean_t

CLAIM_SEEDS = 3  # fewer say nothing about a method


@dataclass(frozen=True, repr=False)
class RowEstimate(OneLine):
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
    reason: Remark | None = None

    @property
    def half(self) -> float | None:
        """Half the width of the interval, where there is one; of the side that is not cut where one is."""
        if self.value is None or self.low is None or self.high is None:
            return None
        return max(self.high - self.value, self.value - self.low)

    @property
    def band(self) -> tuple[float, float] | None:
        """The interval as a pair where both ends are known."""
        return None if self.low is None or self.high is None else (self.low, self.high)


def estimate(
    group: Group, score: str, *, evaluator: str | None = None, at: float | str | None = None
) -> RowEstimate:
    """A score of all of the group's networks: the record's interval for one, Student's t for several."""
    return combine([read(run, score, evaluator=evaluator, at=at) for run in group.runs])


def estimate_by(group: Group, of_run: Callable[[Run], Reading]) -> RowEstimate:
    """A number that is read off each network, as one."""
    return combine(
        [of_run(run) if is_made(run) else Reading(None, reason=run.subject.not_made) for run in group.runs]
    )


def clean_accuracy(group: Group) -> RowEstimate:
    """Clean accuracy, of whichever evaluator looked at the clean images."""
    return combine([clean(run) for run in group.runs])


def primary_estimate(group: Group, robust: Robustness | None) -> RowEstimate:
    """Robust accuracy of the table, or clean accuracy where no attack was run."""
    return clean_accuracy(group) if robust is None else estimate_by(group, robust.reading)


def stored_bytes(group: Group) -> RowEstimate:
    """Bytes of the best format, positions from a seed where they can be."""
    seeded = group.first.subject.positions == "seeded"
    e = estimate(group, "best_bytes", at="seeded") if seeded else RowEstimate(None)
    return e if e.value is not None else estimate(group, "best_bytes", at="stored")


def harmonic(group: Group, fraction: str) -> RowEstimate:
    """Harmonic mean of clean accuracy and a sparsity: "zero_fraction", or "trainable_fraction" (1 minus it)."""

    def of_run(run: Run) -> Reading:
        top1, share = clean(run), read(run, fraction)
        if top1.value is None or share.value is None:
            return Reading(None, reason=top1.reason or share.reason)
        sparse = share.value if fraction == "zero_fraction" else 1 - share.value
        return Reading(harmonic_mean(top1.value, min(1.0, max(0.0, sparse))))

    return estimate_by(group, of_run)


def combine(readings: list[Reading]) -> RowEstimate:
    """Several networks' readings as one; undefined values (not found) are never averaged away.

    Student's interval of a share is cut at 0 and 1, which takes nothing from its coverage.
    """
    values = [r.value for r in readings if r.value is not None]
    missing = len(readings) - len(values)
    reasons = [r.reason for r in readings if r.value is None and r.reason is not None]
    if not values:
        return RowEstimate(None, missing=missing, reason=reasons[0] if reasons else remark("not-measured"))
    if len(readings) == 1:
        r = readings[0]
        return RowEstimate(r.value, r.low, r.high, 1, 0, r.n)
    infinite = [reason for reason in reasons if reason.code == NOT_FOUND]
    if infinite:
        reason = remark(NOT_FOUND, **infinite[0].facts, in_a_seed=True)
        return RowEstimate(None, seeds=len(values), missing=missing, reason=reason)
    mean = mean_t(values)
    low, high = mean.low, mean.high
    if low is not None and high is not None and all(r.share for r in readings):
        low, high = max(0.0, low), min(1.0, high)
    return RowEstimate(mean.value, low, high, mean.n, missing, readings[0].n)
