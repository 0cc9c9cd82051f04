"""The k-th largest of millions of scores, without sorting or copying them all."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGE = 200_000
"""From so many scores on a bracket around the threshold is looked for first."""

SAMPLE = 50_000


class Threshold(NamedTuple):
    """The k-th largest score, how many are larger and how many are equal, itself included."""

    value: Any
    above: int
    tied: int


def kth_largest(values: NDArray[Any], k: int, usable: NDArray[np.bool_] | None = None) -> Threshold:
    """The k-th largest usable value.

    Of many values a sample says between which two bounds it must lie; only what lies there is partitioned.
    The bounds are checked by counting, and where they are wrong everything usable is partitioned: the result
    is exact in any case.

    Args:
        values: scores, (n,), finite where usable.
        k: 1 <= k <= usable values.
        usable: which of them count, all when None. What does not count must be zero, infinite or NaN.
    """
    if len(values) >= LARGE:
        low, high = _bracket(values, k)
        if low > 0:  # zeros lie outside then
            inside = values[(values >= low) & (values <= high)]
            larger = int(np.count_nonzero(_larger(values, high, usable)))
            if larger < k <= larger + len(inside):
                found = _partitioned(inside, k - larger)
                return Threshold(found.value, larger + found.above, found.tied)
    return _partitioned(values.copy() if usable is None else values[usable], k)


def _bracket(values: NDArray[Any], k: int) -> tuple[float, float]:
    """Bounds that the k-th largest lies between, most probably: six standard errors of the sample to each side."""
    sample = np.sort(values[:: len(values) // SAMPLE])  # NaN comes last
    m = len(sample)
    rank = m * k / len(values)
    margin = 6 * math.sqrt(rank * (1 - rank / m)) + 10
    low, high = math.floor(m - rank - margin), math.ceil(m - rank + margin)
    return float(sample[low]) if low >= 0 else -math.inf, float(sample[high]) if high < m else math.inf


def _larger(values: NDArray[Any], bound: float, usable: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    larger: NDArray[np.bool_] = values > bound
    return larger if usable is None else larger & usable


def _partitioned(values: NDArray[Any], k: int) -> Threshold:
    """By numpy's partition, in place."""
    values.partition(len(values) - k)
    threshold = values[len(values) - k]
    above = int(np.count_nonzero(values > threshold))
    return Threshold(threshold, above, int(np.count_nonzero(values == threshold)))
