"""What every attack has: its facts, its settings, and the images that it proposes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.records import AttackFacts, Remark, Score
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.evaluator import Evaluator
from sparserobust.scoring.per_batch import Arrays

Steps = Iterable[tuple[float, Tensor]]
"""Adversarial images for one budget after another."""


class AttackBase(Evaluator):
    """What the library asks an attack; plugins derive from `AttackEvaluator`.

    Attributes:
        norm: of the budget, "linf" or "l2", in pixels from 0 to 1.
        eps: budgets of a fixed-budget attack; for a minimum-norm attack the distance caps reported.
        headline_eps: the budget nearest to this one is the headline.
        minimum_norm: which of the two kinds `perturb` is.
        has_second_opinion: whether `second_opinion` gives images too.
        draws_by_batch: whether random draws follow the batch, so that another batch size gives other images.
        checks_gradient: whether the share of examples without any loss gradient is reported.
        needs_gradient: whether it says nothing where no gradient reaches any image, and then fails.
        access: what it must know of the model: "white-box" (its weights), "black-box" (its logits) or "transfer"
            (nothing: its images are made on another network).
        targeted: whether a certain wrong class must be reached.
    """

    norm: Norm
    minimum_norm: ClassVar[bool] = False
    checks_gradient: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = True
    access: ClassVar[Literal["white-box", "black-box", "transfer"]] = "white-box"
    targeted: ClassVar[bool] = False
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

    def summary(self, arrays: Arrays, chance: float) -> tuple[Score, ...]:
        """Further scores that follow from the results per example of all batches.

        Args:
            chance: accuracy of the best constant guess, the share of the most frequent label.
        """
        return ()

    def warn(self, classes: int) -> tuple[str | Remark, ...]:
        """Warnings about the settings on a model with so many classes; they stand at what the attack reached.

        That is at every robust accuracy and at the median distance.
        """
        return ()

    def warn_of_distances(self) -> tuple[str | Remark, ...]:
        """Warnings about the settings that concern the median distance alone."""
        return ()

    @property
    def goal(self) -> Literal["minimum-distance", "fixed-budget"]:
        """What it looks for: the nearest image, or any within the budget."""
        return "minimum-distance" if self.minimum_norm else "fixed-budget"

    def attack_facts(self) -> AttackFacts:
        """What kind of attack it is, as the record has it."""
        return AttackFacts(
            norm=self.norm,
            goal=self.goal,
            access=self.access,
            needs_gradient=self.needs_gradient,
            targeted=self.targeted,
            headline=self.headline_point,
        )

    @property
    def headline_point(self) -> float:
        """The budget that the headline is measured at."""
        return min(self.eps, key=lambda eps: (abs(eps - self.headline_eps), eps))
