"""SNIP: single-shot network pruning by connection sensitivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.methods.by_score import ScoreOnExamples
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class SNIP(ScoreOnExamples):
    """Keeps the globally largest |w * dL/dw| after one forward and one backward pass, before training.

    Scored in evaluation mode, so that BatchNorm uses its running statistics (as the official code does).
    The paper has no rule for empty layers; FreezeNet's comparison uses rescue="random". The official code
    trains a fresh draw of the weights under the mask: control="reinitialised".
    """

    name: ClassVar[str] = "snip"
    title: ClassVar[str] = "SNIP"
    source: ClassVar[str] = "Lee et al. 2019, arXiv:1810.02340, sec. 4"

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w * dL/dw|."""
        return scores.snip(model)
