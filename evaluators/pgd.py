"""PGD: what accuracy is left within a budget, by projected gradient descent with the best iterate kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.attacks.losses import LOSSES, margin
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.errors import ConfigError
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.attack_scores import BUDGET_SCORES
from sparserobust.scoring.settings import budgets, one_of

EPS: dict[Norm, tuple[float, ...]] = {
    "linf": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
    "l2": (0.25, 0.5, 1.0, 1.5, 2.0),
}


class PGD(AttackEvaluator):
    """Projected gradient descent on the margin, in linf or l2, with restarts.

    An image that fools the model within a small budget does so within a larger one: it is not attacked again,
    and robust accuracy never rises with eps. The margin makes the attack blind to the scale of the logits; the
    cross-entropy, which is not, is there to compare with.

    Args:
        norm: "linf" or "l2"; the second is an evaluator of its own, `pgd-l2`.
        eps: budgets in pixels from 0 to 1.
        steps: for each start and budget.
        step_size: in pixels; None for 2.5 * eps / steps.
        restarts: starts for each budget; the first is the clean image, the others are drawn.
        loss: "margin", "cross-entropy" or "logit-ratio" (DLR).
        seed: of the drawn starts.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "pgd"
    source = "Madry et al. 2018, arXiv:1706.06083, sec. 2.1"
    scores = BUDGET_SCORES

    def __init__(
        self,
        *,
        norm: Norm = "linf",
        eps: Sequence[float] | None = None,
        steps: int = 40,
        step_size: float | None = None,
        restarts: int = 1,
        loss: str = "margin",
        seed: int = 0,
    ) -> None:
        self.norm = one_of("norm", norm, EPS)
        self.eps = budgets(EPS[self.norm] if eps is None else eps, self.norm)
        if steps < 1 or restarts < 1 or (step_size is not None and step_size <= 0):
            raise ConfigError(
                "steps and restarts must be at least 1 and step_size above 0, "
                f"got {steps}, {restarts} and {step_size}"
            )
        self.steps = steps
        self.step_size = step_size
        self.restarts = restarts
        self.loss = one_of("loss", loss, LOSSES)
        self.seed = seed
        self.headline_eps = 0.1 if norm == "linf" else 0.5
        if norm == "l2":
            self.name = "pgd-l2"

    def perturb(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) from the smallest budget to the largest."""
        oracle = Oracle(batch.model, batch.passes)
        images = batch.images.clone()
        for eps in sorted(self.eps):
            (standing,) = (margin(oracle.logits(images), batch.labels) <= 0).nonzero(as_tuple=True)
            images[standing] = pgd(
                oracle,
                batch.images[standing],
                batch.labels[standing],
                norm=self.norm,
                eps=eps,
                steps=self.steps,
                step_size=self.step_size,
                restarts=self.restarts,
                losses=(self.loss,),
                seed=self.seed,
            )
            yield eps, images.clone() if len(images) else torch.empty_like(images)
