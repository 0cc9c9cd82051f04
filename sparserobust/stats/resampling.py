"""Intervals by resampling: any statistic over examples, and a mean over seeds and examples together."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from sparserobust.errors import ConfigError
from sparserobust.stats.interval import Estimate, as_values, check_count, check_level

CHUNK_VALUES = 2**22  # resampled values held at once: 32 MiB


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], ArrayLike],
    *,
    seed: int,
    resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """A statistic over examples with its percentile bootstrap interval, for example calibration error.

    A statistic that is biased upwards (calibration error is) has resamples that lie higher still: the
    interval may then leave the value out, and is returned so. Two calls with one seed agree bit for bit.

    Args:
        values: shape (n, ...), n >= 1, finite; resampled along the first axis (confidence and outcome stay
            together).
        statistic: maps (m, n, ...) to (m,), one finite number for each resample.
        seed: of the resampling, >= 0.
        resamples: how many, >= 100.
        level: confidence, in (0, 1).

    Raises:
        ConfigError: an argument out of its range, or a statistic that returns another shape or not finite.

    Source: Efron 1979, Ann. Stat. 7:1-26; Efron and Tibshirani 1993, ch. 13 (percentile interval).
    """
    sample = as_values(values, "values", ndim=None)
    _check_resampling(seed, resamples, level)
    n = len(sample)
    rng = np.random.default_rng(seed)
    value = float(_evaluate(statistic, sample[np.newaxis])[0])
    draws: list[NDArray[np.float64]] = []
    chunk = max(1, CHUNK_VALUES // sample.size)
    for start in range(0, resamples, chunk):
        chosen = rng.integers(n, size=(min(chunk, resamples - start), n))
        draws.append(_evaluate(statistic, sample[chosen]))
    low, high = np.quantile(np.concatenate(draws), [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value, float(low), float(high), n)


def crossed_bootstrap(
    matrix: ArrayLike, *, seed: int, resamples: int = 2000, level: float = 0.95
) -> Estimate:
    """Mean over seeds and examples with an interval for new seeds and new examples alike.

    Seeds and examples are resampled independently, each cell used as often as its row times its column (the
    pigeonhole bootstrap). Its standard error is taken, not its percentiles: where seeds dominate, those cover
    .84 at 5 seeds and .75 at 3 of what should be .95. For R seeds we multiply by sqrt(R / (R - 1)) and use
    Student's quantile with Satterthwaite's degrees of freedom, about R - 1 where seeds dominate; measured,
    that covers .95 there and .96 to 1 where examples or the cells' own noise do. For two methods pass the
    matrix of differences.

    Args:
        matrix: shape (seeds, examples), at least 2 by 2, finite.
        seed: of the resampling, >= 0.
        resamples: how many, >= 100.
        level: confidence, in (0, 1).

    Returns:
        the mean with its interval; n is the number of seeds, never of cells.

    Raises:
        ConfigError: an argument out of its range; one seed says nothing about other seeds.

    Source: Owen 2007, Ann. Appl. Stat. 1:386-411, for the resampling; the small-sample rule is ours.
    """
    cells = as_values(matrix, "matrix", ndim=2)
    seeds, examples = cells.shape
    if min(seeds, examples) < 2:
        wanted = f"matrix must be (seeds, examples), at least 2 by 2, got {cells.shape}"
        raise ConfigError(f"{wanted}; with one seed use bootstrap over its examples")
    _check_resampling(seed, resamples, level)
    value = float(cells.mean())
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    for draw in range(resamples):
        rows, columns = rng.integers(seeds, size=seeds), rng.integers(examples, size=examples)
        means[draw] = cells[rows].mean(axis=0)[columns].mean()
    of_seeds = float(cells.mean(axis=1).var(ddof=1)) / seeds
    of_examples = float(cells.mean(axis=0).var(ddof=1)) / examples
    if of_seeds + of_examples == 0:
        return Estimate(value, value, value, seeds)
    freedom = (of_seeds + of_examples) ** 2 / (of_seeds**2 / (seeds - 1) + of_examples**2 / (examples - 1))
    error = float(means.std()) * math.sqrt(seeds / (seeds - 1))
    half = float(stats.t.isf((1 - level) / 2, freedom)) * error
    return Estimate(value, value - half, value + half, seeds)


def _check_resampling(seed: int, resamples: int, level: float) -> None:
    check_count(seed, "seed", least=0)
    check_count(resamples, "resamples", least=100)
    check_level(level)


def _evaluate(
    statistic: Callable[[NDArray[np.float64]], ArrayLike], samples: NDArray[np.float64]
) -> NDArray[np.float64]:
    result = np.asarray(statistic(samples), dtype=np.float64)
    if result.shape != samples.shape[:1] or not np.isfinite(result).all():
        wanted = f"statistic must map {samples.shape} to {samples.shape[:1]} finite numbers"
        raise ConfigError(f"{wanted}, got shape {result.shape}; reduce over axis 1 and give empty bins 0")
    return result
