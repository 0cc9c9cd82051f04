"""PGD: what accuracy is left within a budget, by projected gradient descent with the best iterate kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.losses import LOSS_NAMES
from sparserobust.attacks.pgd import pgd
from sparserobust.scoring import Batch, BudgetSweep
from sparserobust.settings import Above0, Positive, Seed


@dataclass(frozen=True, kw_only=True)
class PGD(BudgetSweep):
    """Projected gradient descent on the margin, in linf or l2, with restarts.

    The margin, in units of what it is at the clean image, makes the attack blind to the scale of the logits; the
    cross-entropy, which is not, is there to compare with.

    Attributes:
        norm: "linf" or "l2"; the second is an evaluator of its own, `pgd-l2`.
        eps: budgets in pixels from 0 to 1.
        steps: for each start and budget.
        step_size: the first one, in pixels; None for 2 * eps. It falls to 0 along half a cosine.
        restarts: starts for each budget; the first is the clean image, the others are drawn.
        loss: "soft-margin" (every near class pulls), "margin" (the nearest alone), "cross-entropy" or "logit-ratio"
            (DLR).
        seed: of the drawn starts.
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "PGD"
    source: ClassVar[str] = "Madry et al. 2018, arXiv:1706.06083, sec. 2.1"

    steps: Positive = 40
    step_size: Above0 | None = None
    restarts: Positive = 1
    loss: str = "soft-margin"
    seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("loss", LOSS_NAMES)

    def within_one(self, batch: Batch, eps: float) -> Tensor:
        """The best image of all starts."""
        return pgd(
            batch.oracle,
            batch.images,
            batch.labels,
            norm=self.norm,
            eps=eps,
            steps=self.steps,
            step_size=self.step_size,
            restarts=self.restarts,
            losses=(self.loss,),
            seed=self.seed,
        )
