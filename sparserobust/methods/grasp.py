"""GraSP: keeps the weights that the gradient flow after pruning rests on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from sparserobust.methods.base import Scored
from sparserobust.settings import Above0
from sparserobust.sparsity.scores import CRITERIA, Criterion


@dataclass(frozen=True, kw_only=True)
class GraSP(Scored):
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
    criterion: ClassVar[str] = "grasp"
    recipe: ClassVar[str] = "grasp"

    temperature: Above0 = 200.0
    keep: Literal["highest", "lowest"] = field(
        default="highest", metadata={"words": {"lowest": "inverted sign"}}
    )

    @property
    def rule(self) -> Criterion:
        """With the sign."""
        return CRITERIA["grasp" if self.keep == "highest" else "grasp-negated"]

    def scoring(self) -> dict[str, Any]:
        """With the temperature."""
        return super().scoring() | {"temperature": self.temperature}
