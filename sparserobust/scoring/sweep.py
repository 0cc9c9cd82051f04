"""Attacks that run at one budget after another: what a smaller budget broke is not attacked again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.attacks.oracle import Oracle
from sparserobust.scoring.attack import AttackEvaluator
from sparserobust.scoring.attack_scores import BUDGET_SCORES
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.settings import budgets, one_of


class BudgetSweep(AttackEvaluator):
    """A fixed-budget attack in linf, and under a name of its own (`pgd-l2`) in l2. Its author writes `within`.

    An image that fools the model within a small budget does so within a larger one: it is kept, only the
    others are attacked again, and robust accuracy never rises with eps.

    Attributes:
        default_eps: budgets of each norm.
        headline: the budget of each norm that the headline is nearest to.
    """

    default_eps: ClassVar[Mapping[Norm, tuple[float, ...]]]
    headline: ClassVar[Mapping[Norm, float]] = {"linf": 0.1, "l2": 0.5}
    scores = BUDGET_SCORES

    def __init__(self, norm: Norm, eps: Sequence[float] | None) -> None:
        self.norm = one_of("norm", norm, self.default_eps)
        self.eps = budgets(self.default_eps[self.norm] if eps is None else eps, self.norm)
        self.headline_eps = self.headline[self.norm]
        if norm == "l2":
            self.name = f"{self.name}-l2"

    @abstractmethod
    def within(self, batch: Batch, eps: float) -> Float[Tensor, "n c h w"]:
        """Images within eps, of examples that the model gets right and no smaller budget broke."""

    def perturb(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) from the smallest budget to the largest."""
        oracle = Oracle(batch.model, batch.passes)
        images, standing = batch.images.clone(), batch.correct.clone()
        ordered = sorted(self.eps)
        for eps in ordered:
            if bool(standing.any()):
                images[standing] = self.within(batch.only(standing, batch.passes), eps)
            yield eps, images.clone()
            if eps < ordered[-1] and bool(standing.any()):
                standing[standing.clone()] = ~oracle.fooled(images[standing], batch.labels[standing])
