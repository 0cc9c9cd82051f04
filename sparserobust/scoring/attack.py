"""The base of all attacks: the plugin proposes images, the library checks them, runs the model and counts."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.records import Score
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.evaluator import Context, Evaluator, Measurement
from sparserobust.scoring.fixed_budget import FixedBudget, Steps
from sparserobust.scoring.minimum_norm import MinimumNorm
from sparserobust.scoring.per_batch import Arrays


class AttackEvaluator(Evaluator):
    """An attack. Its author writes `perturb` and nothing else.

    `perturb(batch)` sees only examples that the model gets right, and either

    - yields `(eps, images)` for every budget, in any order (a fixed-budget attack), or
    - returns `(images, found)`, the closest adversarial image of each example and whether one was found
      (a minimum-norm attack); where nothing was found the clean image counts, never another one.

    Every image is checked to be finite, in [0, 1] and within its budget (an excess up to 1e-6 is projected
    back, more fails the outcome), then the model itself decides. Examples that were wrong to begin with
    count as not robust and are never attacked.

    Attributes:
        norm: of the budget, "linf" or "l2", in pixels from 0 to 1.
        eps: budgets of a fixed-budget attack; for a minimum-norm attack the distance caps reported.
        headline_eps: the budget nearest to this one is the headline.
        minimum_norm: which of the two kinds `perturb` is.
        has_second_opinion: whether `second_opinion` gives images too.
        draws_by_batch: whether random draws follow the batch, so that another batch size gives other images.
        checks_gradient: whether the share of examples without any loss gradient is reported.
        needs_gradient: whether it says nothing where no gradient reaches any image, and then fails.
    """

    norm: Norm
    minimum_norm: ClassVar[bool] = False
    checks_gradient: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = True
    draws_by_batch: ClassVar[bool] = False
    has_second_opinion: bool = False
    headline_eps: float
    eps: tuple[float, ...]

    @abstractmethod
    def perturb(self, batch: Batch) -> Steps | tuple[Tensor, Tensor]:
        """Adversarial images for the examples of this batch; see the class."""

    def second_opinion(self, batch: Batch) -> Steps:
        """The same budgets attacked another way, reported beside the attack as `margin_...`."""
        return ()

    def begin(self, context: Context) -> Measurement:
        """Starts the attack."""
        return MinimumNorm(self, context) if self.minimum_norm else FixedBudget(self, context)

    def summary(self, arrays: Arrays, chance: float) -> tuple[Score, ...]:
        """Further scores that follow from the results per example of all batches.

        Args:
            chance: accuracy of the best constant guess, the share of the most frequent label.
        """
        return ()

    def warn(self, classes: int) -> tuple[str, ...]:
        """Warnings about the settings, for the record of a model with so many classes."""
        return ()

    @property
    def headline_point(self) -> float:
        """The budget that the headline is measured at."""
        return min(self.eps, key=lambda eps: (abs(eps - self.headline_eps), eps))
