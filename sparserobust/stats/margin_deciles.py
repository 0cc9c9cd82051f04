"""Errors by dense-margin decile: whether newly misclassified examples lay close to the dense model's boundary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparserobust.errors import ConfigError
from sparserobust.stats.interval import Interval, as_values, check_count, check_same_length
from sparserobust.stats.proportions import wilson


@dataclass(frozen=True)
class Part:
    """One part of the dense model's correct examples, in the order of their margin.

    Attributes:
        low, high: smallest and largest margin in it.
        n: examples in it; `misclassified`: those of them that the sparse model gets wrong.
    """

    low: float
    high: float
    n: int
    misclassified: int

    @property
    def share(self) -> float:
        """Newly misclassified examples / examples."""
        return self.misclassified / self.n

    @property
    def interval(self) -> Interval:
        """Wilson's interval of the share."""
        return wilson(self.misclassified, self.n)


def margin_deciles(
    margin: ArrayLike, dense: NDArray[Any], sparse: NDArray[Any], *, parts: int = 10
) -> tuple[Part, ...]:
    """Newly misclassified examples in parts of equal size of the dense model's margin, the smallest first.

    Only examples count that the dense model gets right; newly misclassified are those that the sparse one does not.
    Equal margins stay in the order of the examples. Parts differ by at most one example, the first are the larger.

    Args:
        margin: of the dense model's label logit over its largest other one, shape (n,).
        dense: whether the dense model is right (or robust), boolean, shape (n,).
        sparse: the same of the sparse model on the same examples.
        parts: how many, 10 for deciles; fewer where the dense model gets fewer examples right.

    Returns:
        the parts; none where the dense model gets nothing right.

    Raises:
        ConfigError: lengths that differ, outcomes that are not boolean, or fewer than one part.

    Source: Piras et al. 2023, arXiv:2310.08073, who show it for robust networks; deciles and intervals are ours.
    """
    check_count(parts, "parts", least=1)
    values = as_values(margin, "margin", inf=True)
    outcomes = [np.asarray(array) for array in (dense, sparse)]
    for array in outcomes:
        if array.dtype != np.bool_ or array.ndim != 1:
            raise ConfigError(f"outcomes must be booleans of shape (n,), got {array.dtype} of {array.shape}")
        check_same_length(len(values), len(array))
    right, kept = outcomes
    places = np.flatnonzero(right)
    ordered = places[np.argsort(values[places], kind="stable")]
    found = []
    for own in np.array_split(ordered, min(parts, len(ordered)) or 1):
        if len(own):
            ends = values[own[[0, -1]]]
            found.append(Part(float(ends[0]), float(ends[1]), len(own), int((~kept[own]).sum())))
    return tuple(found)
