"""FORCE and Iter-SNIP: foresight connection sensitivity, pruned progressively before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.methods.by_score import ScoreInEvents
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class IterSNIP(ScoreInEvents):
    """SNIP's |w * dL/dw| taken again at every sparse point; what is pruned stays pruned.

    This is what the DCTpS paper calls FORCE: its code has no revival. The published code scores with batch
    statistics, on raw logits, and keeps ties: batchnorm="batch", loss="raw-logits", ties="keep".
    """

    name: ClassVar[str] = "iter-snip"
    title: ClassVar[str] = "Iter-SNIP"
    source: ClassVar[str] = "de Jorge et al. 2021, arXiv:2006.09081, sec. 4, Iterative SNIP"
    recipe: ClassVar[str] = "force-cifar"

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w * dL/dw|."""
        return scores.snip(model)


@dataclass(frozen=True, kw_only=True)
class FORCE(ScoreInEvents):
    """|w * dL/dw| with the gradient of the sparse network but the dense w: pruned weights may come back.

    Past the sparsity where all gradients vanish on the way (throughput collapse) there is nothing to choose
    by: DegenerateScores names the event and the layers; the published code returns a dense network there.
    """

    name: ClassVar[str] = "force"
    title: ClassVar[str] = "FORCE"
    source: ClassVar[str] = "de Jorge et al. 2021, arXiv:2006.09081, sec. 4"
    recipe: ClassVar[str] = "force-cifar"
    revive: ClassVar[bool] = True

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w * dL/dw| with the dense w."""
        return scores.snip(model)
