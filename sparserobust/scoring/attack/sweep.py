"""Attacks that run at one budget after another: what a smaller budget broke is not attacked again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.scoring.attack.fixed_budget import FixedBudgetAttack
from sparserobust.scoring.batch import Batch


@dataclass(frozen=True, kw_only=True)
class BudgetSweep(FixedBudgetAttack):
    """A fixed-budget attack in linf, and under a name of its own (`pgd-l2`) in l2. Its author writes `within_one`.

    An image that fools the model within a small budget does so within a larger one: it is kept, only the
    others are attacked again, and robust accuracy never rises with eps.
    """

    norm: Norm = "linf"

    @abstractmethod
    def within_one(self, batch: Batch, eps: float) -> Float[Tensor, "n c h w"]:
        """Images within eps, of examples that the model gets right and no smaller budget broke."""

    def within(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) from the smallest budget to the largest."""
        images, standing = batch.images.clone(), batch.correct.clone()
        ordered = sorted(self.budgets)
        for eps in ordered:
            if bool(standing.any()):
                images[standing] = self.within_one(batch.only(standing, batch.passes), eps)
            yield eps, images
            if eps < ordered[-1] and bool(standing.any()):
                standing[standing.clone()] = ~batch.oracle.fooled(images[standing], batch.labels[standing])
