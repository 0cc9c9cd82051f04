"""The reference: every weight kept and trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparserobust.errors import ConfigError
from sparserobust.methods.base import ChosenMasks, PruneBeforeTraining, full_masks
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class Dense(PruneBeforeTraining):
    """No sparsity at all; what every other method is compared with."""

    name: ClassVar[str] = "dense"
    source: ClassVar[str] = "the unpruned network"

    def choose(self, model: ScoringModel, sparsity: float, generator: torch.Generator) -> ChosenMasks:
        """Full masks; any sparsity but 0 is an error."""
        if sparsity != 0:
            raise ConfigError(f"dense keeps every weight: sparsity must be 0, got {sparsity:g}")
        return ChosenMasks(full_masks(model))

    def label(self, sparsity: float) -> str:
        """Without the sparsity, which is 0."""
        return self.name
