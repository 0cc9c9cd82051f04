"""Random pruning at initialisation, with any allocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.methods.by_score import PruneByScore
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class Random(PruneByScore):
    """Keeps weights drawn without replacement; by default the same density in every layer.

    SNIP-it's Random draws each weight by itself (the same expected density per layer); here counts are exact.
    allocation="erk", "epl" and "epf" are those of RigL and DCTpS.
    """

    name: ClassVar[str] = "random"
    source: ClassVar[str] = "Verdenius et al. 2020 (SNIP-it), sec. 4, baseline Random"

    allocation: str = "uniform"

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """A draw for each weight."""
        return scores.random(model)

    @property
    def positions(self) -> Literal["stored", "seeded"]:
        """The seed brings them back."""
        return "seeded"
