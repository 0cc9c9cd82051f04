"""What a comparison may claim: equivalence, the smallest difference it could show, Holm over a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike, NDArray

from sparserobust.errors import ConfigError
from sparserobust.stats.interval import check_alpha, check_count, check_fraction, check_level
from sparserobust.stats.proportions import mcnemar_midp, newcombe_paired
from sparserobust.stats.seeds import paired_t, t_half_width


@dataclass(frozen=True)
class Equivalence:
    """Whether a - b was shown to lie within +- margin; low and high bound it at confidence 1 - 2 alpha.

    Not equivalent means "not shown", not "different". low and high are None for one seed.
    """

    equivalent: bool
    difference: float
    low: float | None
    high: float | None
    margin: float
    n: int


def equivalence_paired_examples(
    a: NDArray[Any], b: NDArray[Any], *, margin: float, alpha: float = 0.05
) -> Equivalence:
    """Two one-sided tests that two models differ by less than the margin on the same examples.

    Equivalent where the 1 - 2 alpha interval of `newcombe_paired` lies strictly inside (-margin, margin).

    Args:
        a: boolean outcomes, shape (n,), n >= 1.
        b: boolean outcomes on the same examples, shape (n,).
        margin: the largest difference that counts as none, in (0, 1); 0.015 is 1.5 points. Choose it
            beforehand.
        alpha: size of each one-sided test, in (0, 0.5).

    Raises:
        ConfigError: margin or alpha out of its range, or outcomes that `newcombe_paired` refuses.

    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657-680, with Newcombe's interval for the tests.
    """
    check_alpha(alpha)
    if not 0 < margin < 1:
        raise ConfigError(f"margin must be in (0, 1), got {margin}; write 0.015 for 1.5 points")
    result = newcombe_paired(a, b, level=1 - 2 * alpha)
    inside = -margin < result.low and result.high < margin
    return Equivalence(inside, result.difference, result.low, result.high, margin, result.n)


def equivalence_paired_seeds(
    a: ArrayLike, b: ArrayLike, *, margin: float, alpha: float = 0.05
) -> Equivalence:
    """Two one-sided t tests that two methods differ by less than the margin, paired by seed.

    Equivalent where the 1 - 2 alpha interval of `paired_t` lies strictly inside (-margin, margin), which is
    where both tests have p < alpha. One seed shows nothing: not equivalent.

    Args:
        a: one score per seed, shape (n,), n >= 1, finite.
        b: the other method's score for the same seeds, shape (n,).
        margin: the largest difference that counts as none, > 0, in the unit of the scores. Choose it
            beforehand.
        alpha: size of each one-sided test, in (0, 0.5).

    Raises:
        ConfigError: margin or alpha out of its range, or scores that `paired_t` refuses.

    Source: Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657-680.
    """
    check_alpha(alpha)
    if not 0 < margin < math.inf:
        raise ConfigError(
            f"margin must be finite and > 0, got {margin}; write 0.015 for 1.5 points of a fraction"
        )
    result = paired_t(a, b, level=1 - 2 * alpha)
    low, high = result.low, result.high
    inside = low is not None and high is not None and -margin < low and high < margin
    return Equivalence(inside, result.difference, low, high, margin, result.n)


def smallest_difference_examples(n: int, discordant_rate: float, *, level: float = 0.95) -> float | None:
    """Minimum detectable difference |mean(a) - mean(b)| of n paired examples, in (0, 1]; None if there is none.

    Rule: with d = round(discordant_rate * n) examples on which the two models differ, the smallest k / n for
    which a split of d into two counts k apart has McNemar mid-p < 1 - level. Where even d against 0 is not
    significant (d < 5 at .95), the smallest k / n for which k against 0 is.

    Args:
        n: examples, >= 1.
        discordant_rate: (only_a + only_b) / n as seen, in [0, 1].
        level: confidence, in (0, 1).

    Raises:
        ConfigError: an argument is out of its range.

    Source: ours, an inversion of `mcnemar_midp`.
    """
    check_count(n, "n", least=1)
    check_fraction(discordant_rate, "discordant_rate")
    check_level(level)
    seen = round(discordant_rate * n)
    for apart in range(1, n + 1):
        discordant = max(seen, apart)
        fewer, odd = divmod(discordant - apart, 2)
        if not odd and mcnemar_midp(fewer + apart, fewer) < 1 - level:
            return apart / n
    return None


def smallest_difference_seeds(sd: float, n: int, *, level: float = 0.95) -> float:
    """Minimum detectable difference |mean(a - b)|, >= 0, of n seeds with differences this spread.

    Rule: t quantile at (1 + level) / 2 with n - 1 degrees of freedom, times sd / sqrt(n). A larger mean has p
    below 1 - level in `paired_t`, a smaller one above.

    Args:
        sd: standard deviation of the paired differences, divisor n - 1, finite and >= 0 (`PairedSeeds.sd`).
        n: seeds, >= 2.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: an argument is out of its range.

    Source: Student 1908, Biometrika 6:1-25, solved for the mean.
    """
    check_count(n, "n", least=2)
    check_level(level)
    if not 0 <= sd < math.inf:
        raise ConfigError(f"sd must be finite and >= 0, got {sd}; pass the sd of the paired differences")
    return t_half_width(sd, n, level)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values in the order given, each in [0, 1]; below alpha means significant in the whole table.

    Args:
        p_values: p in [0, 1], or None where there was no test: it stays None and is not counted.

    Raises:
        ConfigError: a p value outside [0, 1].

    Source: Holm 1979, Scand. J. Stat. 6:65-70, the step-down Bonferroni method.
    """
    tested: list[tuple[float, int]] = []
    for place, p in enumerate(p_values):
        if p is not None:
            check_fraction(p, f"p_values[{place}]")
            tested.append((float(p), place))
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(sorted(tested)):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[place] = highest
    return adjusted
