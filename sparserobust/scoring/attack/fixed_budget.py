"""Attacks within given budgets: accuracy that is left at every eps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from sparserobust.arguments import plain_numbers
from sparserobust.attacks.budget import checked, own_copy
from sparserobust.errors import PluginError
from sparserobust.records import Outcome, Score, ScoreSpec, remark
from sparserobust.scoring.attack.base import Attack
from sparserobust.scoring.attack.budgets import budgets
from sparserobust.scoring.attack.counting import AttackMeasurement
from sparserobust.scoring.attack.specs import BUDGET_SCORES
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.scoring.per_batch import Arrays

PENDING = 2**26
"""Pixels that may wait for the model's decision: it is put back, which compares all weights, once for all of them."""

MOST_STEPS = 100_000
"""Images that an attack may yield for one batch: one that does not end would hang."""

Steps = Iterable[tuple[float, Tensor]]
"""Adversarial images for one budget after another."""


@dataclass(frozen=True, kw_only=True)
class FixedBudgetAttack(Attack):
    """An attack within budgets. Its author writes `within` and states name, source and norm.

    Every image is checked to be finite, in [0, 1] and within its budget (an excess up to 1e-6 is projected back,
    more fails the outcome), then the model itself decides about the images as they were when they were yielded.
    Examples that were wrong to begin with count as not robust and are never attacked.

        @dataclass(frozen=True, kw_only=True)
        class Darken(FixedBudgetAttack):
            name: ClassVar = "darken"
            source: ClassVar = "ours"
            norm: ClassVar = "linf"

            def within(self, batch):
                for eps in self.budgets:
                    yield eps, (batch.images - eps).clamp(0, 1)
    """

    goal: ClassVar[Literal["minimum-distance", "fixed-budget"]] = "fixed-budget"
    default_eps: ClassVar[Mapping[str, tuple[float, ...]]] = MappingProxyType(
        {"linf": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3), "l2": (0.25, 0.5, 1.0, 1.5, 2.0)}
    )

    @abstractmethod
    def within(self, batch: Batch) -> Steps:
        """Yields (eps, images) for every one of `self.budgets`, in any order; of one that comes twice both count.

        Args:
            batch: examples that the model gets right; its images and labels are copies.
        """

    @property
    def has_second_opinion(self) -> bool:
        """Whether `second_opinion` gives images too."""
        return False

    def second_opinion(self, batch: Batch) -> Steps:
        """The same budgets attacked another way, reported beside the attack as `margin_...`."""
        return ()

    @property
    def budgets(self) -> tuple[float, ...]:
        """In [0, 1] for linf, at least 0 for l2."""
        return budgets(self.default_eps[self.norm] if self.eps is None else self.eps, self.norm)

    @property
    def base_scores(self) -> tuple[ScoreSpec, ...]:
        """Robust accuracy and success at every eps."""
        return BUDGET_SCORES

    def begin(self, context: Context) -> Measurement:
        """Starts the attack."""
        return WithinBudgets(self, context)


class WithinBudgets(AttackMeasurement):
    """robust_accuracy and attack_success_rate at every eps."""

    attack: FixedBudgetAttack

    def attacked(self, batch: Batch) -> Arrays:
        attack = self.attack
        arrays = {"robust": self._survivors(batch, attack.within).numpy()}
        if attack.has_second_opinion:
            arrays["margin_robust"] = self._survivors(batch, attack.second_opinion).numpy()
        return arrays

    def _survivors(self, batch: Batch, attack: Callable[[Batch], Steps]) -> Bool[Tensor, "eps n"]:
        """Whether each example is correct and stays so, for every budget.

        The plugin gets copies; what it writes into them, or into images that it has yielded, does not reach what is
        checked and judged here.
        """
        label, budgets, correct = self.attack.label, self.attack.budgets, batch.correct
        images, labels = batch.images[correct], batch.labels[correct]
        robust = torch.zeros(len(budgets), len(batch), dtype=torch.bool)
        if not len(labels):
            return robust
        standing = torch.ones(len(budgets), len(labels), dtype=torch.bool)
        seen: set[float] = set()
        pending: list[tuple[int, Tensor]] = []

        def decide() -> None:
            """Asks the model about all images that wait, after putting it back once."""
            self.context.guard.restore()
            for row, waiting in pending:
                standing[row] &= ~self.fooled(batch, waiting, labels, restore=False).cpu()
            pending.clear()

        for eps, proposed in _pairs(attack(batch.only(correct, self.passes)), label):
            budget = _budget(eps)
            if budget not in budgets:
                got = type(eps).__name__ if hasattr(eps, "shape") else repr(eps)
                raise PluginError(f"{label} yielded images for eps {got}, which is not among {budgets}")
            own = own_copy(proposed)
            pending.append((budgets.index(budget), checked(images, own, self.attack.norm, budget, label)))
            if len(pending) * images.numel() > PENDING:
                decide()
            seen.add(budget)
        decide()
        if missing := [eps for eps in budgets if eps not in seen]:
            raise PluginError(f"{label} yielded no images for eps {', '.join(f'{eps:g}' for eps in missing)}")
        robust[:, correct.cpu()] = standing
        return robust

    def finish(self) -> Outcome:
        attack = self.attack
        arrays = self.joined()
        correct, robust = arrays["correct"], arrays["robust"]
        scores: list[Score] = []
        for index, eps in enumerate(attack.budgets):
            scores += self.robust_scores("", robust[index], correct, eps)
        if attack.has_second_opinion:
            for index, eps in enumerate(attack.budgets):
                scores += self.robust_scores("margin_", arrays["margin_robust"][index], correct, eps)
        if attack.checks_gradient:
            scores.append(attack.rate("zero_gradient_share", int(self.flat.sum()), len(self.flat)))
        return attack.outcome(
            scores=(*scores, *self.further(arrays)),
            per_example=arrays,
            axis=attack.budgets,
            verdict=remark("not-audited"),
        )


def _pairs(yielded: object, label: str) -> Iterable[tuple[object, object]]:
    """What the plugin yields, two by two.

    Raises:
        PluginError: something else than pairs.
    """
    wanted = f"within() of {label} must yield (eps, images) for every budget"
    if isinstance(yielded, Tensor) or not isinstance(yielded, Iterable):
        raise PluginError(f"{wanted}, got {type(yielded).__name__}; write `yield eps, images`")
    for count, step in enumerate(yielded):
        if count >= MOST_STEPS:
            raise PluginError(f"within() of {label} has yielded {MOST_STEPS:,} times and goes on; end it")
        if not isinstance(step, tuple | list) or len(step) != 2:
            raise PluginError(f"{wanted}, got {type(step).__name__}; write `yield eps, images`")
        yield step[0], step[1]


def _budget(eps: object) -> float | None:
    """A budget as it was yielded, a number of numpy or torch too; None for anything else."""
    number = plain_numbers(eps)
    return float(number) if isinstance(number, int | float) else None
