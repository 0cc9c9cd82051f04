"""Statements that need no distribution: the median, and the band around an empirical curve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from sparserobust.stats.interval import Estimate, as_values, check_count, check_level


def median_order(values: ArrayLike, *, level: float = 0.95) -> Estimate:
    """Median with an interval of order statistics, for example of the distance to an adversarial image.

    The interval runs from the k-th smallest to the k-th largest value, k the largest with
    P(Binomial(n, 1/2) < k) <= (1 - level) / 2, so it covers at least `level` whatever the distribution.

    Args:
        values: shape (n,), n >= 1, finite or +inf ("not found").
        level: confidence, in (0, 1).

    Returns:
        value and bounds, +inf where more were not found than the quantile leaves out; bounds are None where n
        is too small for the level (n < 6 at .95).

    Raises:
        ConfigError: no values, NaN or -inf, or a level out of its range.

    Source: Thompson 1936, Ann. Math. Stat. 7:122-128 (the sign-test interval).
    """
    check_level(level)
    ordered = np.sort(as_values(values, "values", inf=True))
    n = len(ordered)
    value = float(np.median(ordered))
    k = int((stats.binom.cdf(np.arange(n // 2 + 1), n, 0.5) <= (1 - level) / 2).sum())
    if k == 0:
        return Estimate(value, None, None, n)
    return Estimate(value, float(ordered[k - 1]), float(ordered[n - k]), n)


def dkw_band(n: int, *, level: float = 0.95) -> float:
    """Half-width of the simultaneous band around an empirical distribution function of n values.

    The whole true curve lies within +- this of the empirical one with probability >= level; clip to [0, 1] to
    draw.

    Args:
        n: values, >= 1.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: an argument is out of its range.

    Source: Dvoretzky, Kiefer and Wolfowitz 1956 with the constant of Massart 1990, Ann. Probab. 18:1269-1283.
    """
    check_count(n, "n", least=1)
    check_level(level)
    return math.sqrt(math.log(2 / (1 - level)) / (2 * n))
