"""Magnitude pruning in one shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.methods.by_score import PruneByScore
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class Magnitude(PruneByScore):
    """Keeps the weights of largest absolute value, over the whole network.

    On a network at initialisation this ranks layers by the scale of their initialisation; on a trained one
    it is classic one-shot pruning.
    """

    name: ClassVar[str] = "magnitude"
    source: ClassVar[str] = "Han et al. 2015, arXiv:1506.02626, sec. 3; one shot, no retraining cycles"

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w|."""
        return scores.magnitude(model)
