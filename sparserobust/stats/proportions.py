"""Rates: one model on n examples (Wilson), two models on the same examples (Newcombe, McNemar)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from sparserobust.errors import ConfigError
from sparserobust.stats.interval import Interval, check_count, check_fraction, check_level, check_same_length


@dataclass(frozen=True)
class PairedDifference:
    """mean(a) - mean(b) on the same examples: a statement about these two models, not about methods.

    only_a and only_b count the examples that one has right and the other wrong; p is McNemar's mid-p.
    """

    difference: float
    low: float
    high: float
    only_a: int
    only_b: int
    n: int
    p: float


def wilson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Score interval of one rate, inside [0, 1] and containing successes / n.

    Args:
        successes: how many of the n, 0 <= successes <= n.
        n: how many examples, >= 1.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: a count or the level is out of its range.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22:209-212; no continuity correction.
    """
    check_count(n, "n", least=1)
    check_count(successes, "successes", least=0)
    if successes > n:
        raise ConfigError(
            f"successes must be at most n = {n}, got {successes}; count both on the same examples"
        )
    check_level(level)
    z = -float(special.ndtri((1 - level) / 2))
    centre = (successes + z * z / 2) / (n + z * z)
    half = z * math.sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z)
    # At 0 and n the bound is exactly 0 or 1; rounding would put it a last bit inside.
    return Interval(
        0.0 if successes == 0 else max(0.0, centre - half), 1.0 if successes == n else min(1.0, centre + half)
    )


def newcombe_paired(a: NDArray[Any], b: NDArray[Any], *, level: float = 0.95) -> PairedDifference:
    """Difference of two rates on the same examples, with interval, discordant counts and mid-p value.

    The interval squares and adds the distances to both Wilson intervals, corrected by the correlation phi of
    the outcomes. phi = (eh - fg) / sqrt of the product of the four margins, for e both right, f only a, g
    only b, h both wrong; a positive numerator is first lowered by n / 2 but not below 0, and phi is 0 where a
    margin is empty. So two models that never differ still get an interval of positive width.

    Args:
        a: boolean outcomes, shape (n,), n >= 1.
        b: boolean outcomes on the same examples in the same order, shape (n,).
        level: confidence of the interval, in (0, 1).

    Returns:
        difference, low and high in [-1, 1]; exchanging a and b negates and mirrors them.

    Raises:
        ConfigError: not boolean, not one axis, empty, lengths that differ, or a level out of its range.

    Source: Newcombe 1998, Stat. Med. 17:2635-2650, method 10; p as in `mcnemar_midp`.
    """
    first, second = _as_outcomes(a, "a"), _as_outcomes(b, "b")
    check_same_length(len(first), len(second))
    n = len(first)
    both, only_a = int((first & second).sum()), int((first & ~second).sum())
    only_b, neither = int((~first & second).sum()), int((~first & ~second).sum())
    right_a, right_b = both + only_a, both + only_b
    interval_a, interval_b = wilson(right_a, n, level=level), wilson(right_b, n, level=level)

    association: float = both * neither - only_a * only_b
    if association > 0:
        association = max(association - n / 2, 0.0)
    margins = right_a * (n - right_a) * right_b * (n - right_b)
    phi = association / math.sqrt(margins) if margins else 0.0

    below_a, above_a = right_a / n - interval_a.low, interval_a.high - right_a / n
    below_b, above_b = right_b / n - interval_b.low, interval_b.high - right_b / n
    difference = (only_a - only_b) / n
    down = math.sqrt(max(0.0, below_a**2 - 2 * phi * below_a * above_b + above_b**2))
    up = math.sqrt(max(0.0, above_a**2 - 2 * phi * above_a * below_b + below_b**2))
    return PairedDifference(
        difference=difference,
        low=max(-1.0, difference - down),
        high=min(1.0, difference + up),
        only_a=only_a,
        only_b=only_b,
        n=n,
        p=mcnemar_midp(only_a, only_b),
    )


def newcombe_independent(a: int, n_a: int, b: int, n_b: int, *, level: float = 0.95) -> Interval:
    """Interval for a / n_a - b / n_b, two rates on different examples, from their Wilson intervals.

    Args:
        a: successes among the first n_a >= 1 examples.
        n_a: how many.
        b: successes among the other n_b >= 1 examples.
        n_b: how many.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: a count out of its range.

    Source: Newcombe 1998, Stat. Med. 17:873-890, method 10.
    """
    first, second = wilson(a, n_a, level=level), wilson(b, n_b, level=level)
    rate_a, rate_b = a / n_a, b / n_b
    below = math.hypot(rate_a - first.low, second.high - rate_b)
    above = math.hypot(first.high - rate_a, rate_b - second.low)
    return Interval(rate_a - rate_b - below, rate_a - rate_b + above)


def mcnemar_midp(only_a: int, only_b: int) -> float:
    """Two-sided mid-p value in (0, 1] for "both models are right equally often".

    The exact binomial test of the discordant counts, the observed split counted half; 1 where nothing is
    discordant. An even split gives 1 - P(observed) / 2, a little below 1.

    Args:
        only_a: examples that only a has right, >= 0.
        only_b: examples that only b has right, >= 0.

    Raises:
        ConfigError: a count is negative or not whole.

    Source: Fagerland, Lydersen and Laake 2013, BMC Med. Res. Methodol. 13:91.
    """
    check_count(only_a, "only_a", least=0)
    check_count(only_b, "only_b", least=0)
    discordant, fewer = only_a + only_b, min(only_a, only_b)
    if discordant == 0:
        return 1.0
    observed = float(stats.binom.pmf(fewer, discordant, 0.5))
    if only_a == only_b:
        return 1 - observed / 2
    return 2 * float(stats.binom.cdf(fewer, discordant, 0.5)) - observed


def harmonic_mean(a: float, b: float) -> float:
    """Harmonic mean of two fractions, in [0, 1]; 0 when either is 0.

    Args:
        a: for example accuracy, in [0, 1].
        b: for example sparsity, in [0, 1].

    Raises:
        ConfigError: one is outside [0, 1].

    Source: Verdenius et al. 2020 (SNIP-it) rank by it, with the zero fraction as sparsity.
    """
    check_fraction(a, "a")
    check_fraction(b, "b")
    return 2 * a * (b / (a + b)) if a > 0 and b > 0 else 0.0


def _as_outcomes(outcomes: NDArray[Any], name: str) -> NDArray[np.bool_]:
    array = np.asarray(outcomes)
    if array.dtype != np.bool_ or array.ndim != 1 or array.size == 0:
        got = f"{array.dtype} of shape {array.shape}"
        raise ConfigError(
            f"{name} must be booleans of shape (n,), n >= 1, got {got}; pass prediction == label"
        )
    return array
