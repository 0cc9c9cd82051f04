"""PGD: what accuracy is left within a budget, by projected gradient descent with the best iterate kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from sparserobust.arguments import seed_number
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.losses import LOSS_NAMES
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.scoring import Batch, BudgetSweep
from sparserobust.scoring.settings import check_steps, one_of


class PGD(BudgetSweep):
    """Projected gradient descent on the margin, in linf or l2, with restarts.

    The margin, in units of what it is at the clean image, makes the attack blind to the scale of the logits; the
    cross-entropy, which is not, is there to compare with.

    Args:
        norm: "linf" or "l2"; the second is an evaluator of its own, `pgd-l2`.
        eps: budgets in pixels from 0 to 1.
        steps: for each start and budget.
        step_size: the first one, in pixels; None for 2 * eps. It falls to 0 along half a cosine.
        restarts: starts for each budget; the first is the clean image, the others are drawn.
        loss: "soft-margin" (every near class pulls), "margin" (the nearest alone), "cross-entropy" or "logit-ratio"
            (DLR).
        seed: of the drawn starts.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "pgd"
    title = "PGD"
    source = "Madry et al. 2018, arXiv:1706.06083, sec. 2.1"
    default_eps: ClassVar[dict[Norm, tuple[float, ...]]] = {
        "linf": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        "l2": (0.25, 0.5, 1.0, 1.5, 2.0),
    }

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        eps: Sequence[float] | None = None,
        steps: int = 40,
        step_size: float | None = None,
        restarts: int = 1,
        loss: str = "soft-margin",
        seed: int = 0,
    ) -> None:
        super().__init__(norm, eps)
        check_steps(steps, restarts, step_size)
        self.steps = steps
        self.step_size = step_size
        self.restarts = restarts
        self.loss = one_of("loss", loss, LOSS_NAMES)
        self.seed = seed_number(seed)

    def within(self, batch: Batch, eps: float) -> Tensor:
        """The best image of all starts."""
        return pgd(
            Oracle(batch.model, batch.passes),
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
