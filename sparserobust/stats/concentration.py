"""How concentrated a map of non-negative values is, and what Gaussian noise would give."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.floating[Any]]
"""(n, pixels), non-negative, no row all zero."""


def concentration(maps: Maps) -> dict[str, NDArray[np.float64]]:
    """Every measure of every map, by score name, each of shape (n,).

    gini: Gini coefficient; 0 = even, towards 1 = all in one pixel. effective_pixels: (sum g)^2 / (pixels *
    sum g^2), the share of pixels that an even map of its kind would fill. top1_mass, top10_mass: share of the
    sum that the largest 1 % and 10 % of pixels hold (rounded up to whole pixels).
    """
    pixels = maps.shape[1]
    ordered = np.sort(maps, axis=1)
    total = ordered.sum(axis=1)
    rank = np.arange(1, pixels + 1, dtype=maps.dtype)
    return {
        "gini": 2 * (ordered @ rank) / (pixels * total) - (pixels + 1) / pixels,
        "effective_pixels": total**2 / (pixels * np.einsum("ij,ij->i", ordered, ordered)),
        "top1_mass": ordered[:, -_top(0.01, pixels) :].sum(axis=1) / total,
        "top10_mass": ordered[:, -_top(0.10, pixels) :].sum(axis=1) / total,
    }


MEASURES = ("gini", "effective_pixels", "top1_mass", "top10_mass")
"""What `concentration` gives."""


def _top(share: float, pixels: int) -> int:
    return math.ceil(share * pixels)


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
        return float(above.sf(chi.isf(_top(share, pixels) / pixels)))

    return {
        "gini": float(spread / mean),
        "effective_pixels": mean**2 / channels,
        "top1_mass": mass(0.01),
        "top10_mass": mass(0.10),
    }
