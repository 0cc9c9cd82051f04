"""What every attack has: its facts, its budgets, and what its author may add."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from sparserobust.attacks.budget import Norm
from sparserobust.errors import PluginError
from sparserobust.records import AttackFacts, Remark, Score, ScoreSpec
from sparserobust.scoring.evaluator import Evaluator
from sparserobust.scoring.per_batch import Arrays

HEADLINES: dict[str, float] = {"linf": 0.1, "l2": 0.5}
"""The budget of each norm that the headline is nearest to where an attack does not say."""


@dataclass(frozen=True, kw_only=True)
class Attack(Evaluator):
    """What the library asks an attack; authors derive from `FixedBudgetAttack` or `MinimumNormAttack`.

    An attack states its norm: as a class variable where it is fixed, as a field where it can be chosen. With another
    norm than its default it is an evaluator of its own, recorded under NAME-NORM (`pgd-l2`).

    Attributes:
        norm: of the budget, "linf" or "l2", in pixels from 0 to 1.
        goal: "fixed-budget" (any image within the budget) or "minimum-distance" (the nearest one).
        default_eps: budgets of each norm where none are given.
        scores: what it measures beside what its base does.
        checks_gradient: whether the share of examples without any loss gradient is reported.
        needs_gradient: whether it says nothing where no gradient reaches any image, and then fails.
        access: what it must know of the model: "white-box" (its weights), "black-box" (its logits) or "transfer"
            (nothing: its images are made on another network).
        targeted: whether a certain wrong class must be reached.
        draws_by_batch: whether random draws follow the batch, so that another batch size gives other images.
        eps: budgets, or distance caps that success is reported at; None: `default_eps`.
    """

    goal: ClassVar[Literal["minimum-distance", "fixed-budget"]]
    default_eps: ClassVar[Mapping[str, tuple[float, ...]]]
    checks_gradient: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = True
    access: ClassVar[Literal["white-box", "black-box", "transfer"]] = "white-box"
    targeted: ClassVar[bool] = False
    draws_by_batch: ClassVar[bool] = False

    eps: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in HEADLINES:
            raise PluginError(f"norm of {self.name} must be one of {', '.join(HEADLINES)}, got {self.norm!r}")
        assert self.budgets

    @property
    def norm(self) -> Norm:
        """The norm of the budget.

        Raises:
            PluginError: the class states none.
        """
        raise PluginError(f'{type(self).__name__} must state its norm: norm: ClassVar = "linf" or "l2"')

    @property
    @abstractmethod
    def budgets(self) -> tuple[float, ...]:
        """What `eps` comes to, in the order given: different numbers in pixels from 0 to 1."""

    @property
    @abstractmethod
    def base_scores(self) -> tuple[ScoreSpec, ...]:
        """What every attack of this kind measures."""

    @property
    def score_specs(self) -> tuple[ScoreSpec, ...]:
        """Those of the base, then its own."""
        taken = {spec.name for spec in self.base_scores}  # what the base says of its own stays
        return (*self.base_scores, *(spec for spec in self.scores if spec.name not in taken))

    @property
    def headline_eps(self) -> float:
        """The budget nearest to this one is the headline: 0.1 in linf and 0.5 in l2, unless the attack says another."""
        return HEADLINES[self.norm]

    @property
    def headline_point(self) -> float:
        """The budget that the headline is measured at."""
        return min(self.budgets, key=lambda eps: (abs(eps - self.headline_eps), eps))

    @property
    def label(self) -> str:
        """Its name, behind it the norm where that was chosen and is not the default."""
        field = type(self).__dataclass_fields__.get("norm")
        chosen = field is not None and self.norm != field.default
        return f"{self.name}-{self.norm}" if chosen and "_label" not in self.__dict__ else super().label

    def resolved(self) -> dict[str, Any]:
        """With the budgets that run."""
        return {**super().resolved(), "eps": list(self.budgets)}

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
