"""Means: over seeds, where the statement is about a method, and over examples for losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from sparserobust.stats.interval import Estimate, as_pair, as_values, check_level


@dataclass(frozen=True)
class PairedSeeds:
    """mean(a - b) over seeds, a statement about two methods; sd is that of the differences.

    low, high, p and sd are None for one seed, which shows a difference but not how far it varies.
    """

    difference: float
    low: float | None
    high: float | None
    p: float | None
    sd: float | None
    n: int


def mean_t(values: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean over seeds with Student's interval; low and high are None for one seed.

    Args:
        values: one score per seed, shape (n,), n >= 1, finite. Claims about a method need n >= 3.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: no values, a value that is not finite, or a level out of its range.

    Source: Student 1908, Biometrika 6:1-25.
    """
    check_level(level)
    scores = as_values(values, "values")
    value, n = float(scores.mean()), len(scores)
    if n == 1:
        return Estimate(value, None, None, n)
    half = t_half_width(sample_sd(scores), n, level)
    return Estimate(value, value - half, value + half, n)


def mean_normal(values: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Mean over examples with an interval, for losses such as the negative log-likelihood of one model.

    The mean of many examples is nearly normal; the quantile is still Student's, which costs nothing at small
    n.

    Args:
        values: one loss per example, shape (n,), n >= 1, finite.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: as for `mean_t`.

    Source: the central limit theorem; `mean_t` with examples as the unit.
    """
    return mean_t(values, level=level)


def paper_interval(values: ArrayLike) -> Estimate:
    """Mean over seeds +- 1.96 sd / sqrt(n), as many papers print it; None bounds for one seed.

    Too narrow: it covers only .88 at n = 5 and .81 at n = 3 of what it says is .95. To be shown beside
    `mean_t` as "the paper's interval", never used for a decision.

    Args:
        values: one score per seed, shape (n,), n >= 1, finite. sd has the divisor n - 1.

    Raises:
        ConfigError: no values, or a value that is not finite.

    Source: the normal approximation; its coverage is P(|t| < 1.96) at n - 1 degrees of freedom.
    """
    scores = as_values(values, "values")
    value, n = float(scores.mean()), len(scores)
    if n == 1:
        return Estimate(value, None, None, n)
    half = 1.96 * sample_sd(scores) / math.sqrt(n)
    return Estimate(value, value - half, value + half, n)


def paired_t(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> PairedSeeds:
    """Mean difference a - b over seeds, with Student's interval and two-sided p value.

    Where all differences are equal the interval is that one point, and p is 1 if it is 0, else 0.

    Args:
        a: one score per seed, shape (n,), n >= 1, finite.
        b: the other method's score for the same seeds in the same order, shape (n,).
        level: confidence, in (0, 1).

    Raises:
        ConfigError: no values, lengths that differ, a value that is not finite, or a level out of its range.

    Source: Student 1908, Biometrika 6:1-25.
    """
    check_level(level)
    first, second = as_pair(a, b)
    differences = first - second
    difference, n = float(differences.mean()), len(differences)
    if n == 1:
        return PairedSeeds(difference, None, None, None, None, n)
    sd = sample_sd(differences)
    half = t_half_width(sd, n, level)
    if sd == 0:
        p = 1.0 if difference == 0 else 0.0
    else:
        p = 2 * float(stats.t.sf(abs(difference) * math.sqrt(n) / sd, n - 1))
    return PairedSeeds(difference, difference - half, difference + half, p, sd, n)


def sample_sd(values: NDArray[np.float64]) -> float:
    """Standard deviation with divisor n - 1, exactly 0 where all values are equal; needs n >= 2."""
    # The rounding of the mean would leave about 1e-17, and a p value made of noise.
    return float(values.std(ddof=1)) if np.ptp(values) > 0 else 0.0


def t_half_width(sd: float, n: int, level: float) -> float:
    """Half-width of Student's interval for a mean of n >= 2 values."""
    return float(stats.t.isf((1 - level) / 2, n - 1)) * sd / math.sqrt(n)
