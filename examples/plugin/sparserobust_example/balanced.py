"""A method: the largest weights, positive and negative ones ranked apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.methods import PruneByScore, ScoringModel
from sparserobust.settings import Share


@dataclass(frozen=True, kw_only=True)
class Balanced(PruneByScore):
    """Keeps the largest positive and the largest negative weights of every layer, each by its rank among its kind.

    Attributes:
        share: of the negative weights; 0.5 ranks both alike, less favours the positive ones.
    """

    name: ClassVar = "balanced"
    source: ClassVar = "an example of sparserobust"

    share: Share = 0.5

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """The place of a weight among those of its sign in its layer, from 0 to 1, times the share of the sign."""
        return {name: self._ranked(weight) for name, weight in model.candidates.items()}

    def _ranked(self, weight: Tensor) -> Tensor:
        scores = weight.new_zeros(weight.shape)
        for sign, share in ((1, 1 - self.share), (-1, self.share)):
            own = sign * weight > 0
            places = weight[own].abs().argsort().argsort() + 1
            scores[own] = share * places.to(weight) / max(1, len(places))
        return scores
