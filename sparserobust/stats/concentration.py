"""How concentrated a map of non-negative values is, and what Gaussian noise would give."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.floating[Any]]
"""(n, pixels), non-negative, no row all zero."""


def gini(maps: Maps) -> NDArray[np.float64]:
    """Gini coefficient of each map: 0 = even, towards 1 = all in one pixel. Shape (n,)."""
    pixels = maps.shape[1]
    rank = np.arange(1, pixels + 1)
    ordered = np.sort(maps, axis=1)
    value: NDArray[np.float64] = 2 * (ordered @ rank) / (pixels * maps.sum(axis=1)) - (pixels + 1) / pixels
    return value


def effective_pixels(maps: Maps) -> NDArray[np.float64]:
    """(sum g)^2 / (pixels * sum g^2) of each map: the share of pixels that an even map of its kind would fill."""
    share: NDArray[np.float64] = maps.sum(axis=1) ** 2 / (maps.shape[1] * (maps**2).sum(axis=1))
    return share


def top1_mass(maps: Maps) -> NDArray[np.float64]:
    """Share of the sum that the largest 1 % of pixels hold (rounded up to whole pixels)."""
    return _top_mass(maps, 0.01)


def top10_mass(maps: Maps) -> NDArray[np.float64]:
    """Share of the sum that the largest 10 % of pixels hold (rounded up to whole pixels)."""
    return _top_mass(maps, 0.10)


def _top_mass(maps: Maps, share: float) -> NDArray[np.float64]:
    count = math.ceil(share * maps.shape[1])
    largest = np.partition(maps, maps.shape[1] - count, axis=1)[:, -count:]
    mass: NDArray[np.float64] = largest.sum(axis=1) / maps.sum(axis=1)
    return mass


MEASURES: dict[str, Callable[[Maps], NDArray[np.float64]]] = {
    "gini": gini,
    "effective_pixels": effective_pixels,
    "top1_mass": top1_mass,
    "top10_mass": top10_mass,
}
"""By score name."""


@cache
def of_noise(channels: int, pixels: int) -> dict[str, float]:
    """Every measure on Gaussian noise whose maps are l2 norms over this many channels (chi-distributed).

    One channel gives effective pixels 2 / pi = 0.637 and a Gini of sqrt(2) - 1 = 0.414. The mass above a
    quantile q is the tail of a chi distribution with one more degree of freedom at q. Values are those of
    many pixels; with few pixels drawn maps differ a little.
    """
    from scipy import integrate, stats

    chi, above = stats.chi(channels), stats.chi(channels + 1)
    mean = float(chi.mean())
    spread = integrate.quad(lambda x: float(chi.cdf(x) * chi.sf(x)), 0, chi.isf(1e-12))[0]

    def mass(share: float) -> float:
        return float(above.sf(chi.isf(math.ceil(share * pixels) / pixels)))

    return {
        "gini": float(spread / mean),
        "effective_pixels": mean**2 / channels,
        "top1_mass": mass(0.01),
        "top10_mass": mass(0.10),
    }
