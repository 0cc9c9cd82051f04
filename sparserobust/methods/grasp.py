"""GraSP: keeps the weights that the gradient flow after pruning rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.methods.by_score import ScoreOnExamples
from sparserobust.settings import Above0
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel, ScoringSettings


@dataclass(frozen=True, kw_only=True)
class GraSP(ScoreOnExamples):
    """Keeps the globally highest w * (H g), one shot. The sign counts: a large negative score is pruned first.

    Gradient and Hessian are those of the loss with logits divided by a temperature, which keeps a network
    at initialisation out of the flat ends of the softmax. The official code draws the linear layers anew in
    the copy that it scores on; here the weights that are trained are those that were scored.

    Attributes:
        temperature: logits are divided by it.
        keep: "highest", as the paper means it, or "lowest", the inverted sign of SNIP-it's port, which keeps the
            weights that the paper prunes first: the rows called GraSP in SNIP-it's tables are that.
    """

    name: ClassVar[str] = "grasp"
    title: ClassVar[str] = "GraSP"
    source: ClassVar[str] = (
        "Wang et al. 2020, arXiv:2002.07376, Algorithm 2; sign: FreezeNet, supplement S1.3"
    )
    recipe: ClassVar[str] = "grasp"

    temperature: Above0 = 200.0
    keep: Literal["highest", "lowest"] = field(
        default="highest", metadata={"words": {"lowest": "inverted sign"}}
    )

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """The weight times (H g), with the sign that `keep` says."""
        return scores.grasp(model) if self.keep == "highest" else scores.negated_grasp(model)

    def scoring(self) -> ScoringSettings:
        """With the temperature."""
        return super().scoring() | {"temperature": self.temperature}
