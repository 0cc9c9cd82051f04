"""FGSM: how accuracy falls under one signed gradient step, over a sweep of eps from one gradient."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor

from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.fgsm import fgsm_step
from sparserobust.records import Score, ScoreSpec, remark
from sparserobust.scoring import Batch, FixedBudgetAttack
from sparserobust.scoring.per_batch import Arrays
from sparserobust.stats import mean_t

BACKENDS = {"native": None, "foolbox": foolbox_adapter.fgsm, "torchattacks": torchattacks_adapter.fgsm}


@dataclass(frozen=True, kw_only=True)
class FGSM(FixedBudgetAttack):
    """Fast gradient sign method on the cross-entropy, and the same step on the margin beside it.

    A first check on gradient masking comes with it: the share of examples whose loss gradient is zero
    everywhere, and the success of the same step on the logit margin. Where the margin succeeds and the
    loss does not, the gradient of the loss misled the attack. It remains an upper bound on robustness:
    `gradient-masking` audits it.

    A larger step may fool less. The curve is given as it is and as the worst over all smaller eps, on to where
    accuracy is no better than guessing, with the area below it as one number.

    Attributes:
        eps: linf budgets in pixels from 0 to 1, each >= 0.
        backend: "native" (one gradient for all eps), "foolbox" or "torchattacks" (one per eps).
        margin: whether the margin is attacked too.
    """

    name: ClassVar[str] = "fgsm"
    title: ClassVar[str] = "FGSM"
    source: ClassVar[str] = "Goodfellow et al. 2015, arXiv:1412.6572, sec. 4"
    norm: ClassVar[Norm] = "linf"
    checks_gradient: ClassVar[bool] = True
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="cumulative_robust_accuracy",
            unit="fraction",
            higher_is_better=True,
            axis="eps",
            about="correct at this eps and at every smaller one: a larger step that fools less is no robustness",
        ),
        ScoreSpec(
            name="area_under_curve",
            unit="eps",
            higher_is_better=True,
            about="area under the cumulative curve up to the largest eps: the mean eps that an image withstands",
        ),
        ScoreSpec(
            name="eps_at_chance",
            unit="eps",
            higher_is_better=True,
            about="smallest eps at which cumulative robust accuracy is no better than guessing",
        ),
        ScoreSpec(
            name="margin_attack_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis="eps",
            about="the same for a step on the margin between the predicted and the next logit",
        ),
        ScoreSpec(
            name="zero_gradient_share",
            unit="fraction",
            higher_is_better=False,
            about="examples whose loss gradient is zero at every pixel",
        ),
    )

    eps: tuple[float, ...] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
    backend: Literal["native", "foolbox", "torchattacks"] = "native"
    margin: bool = True

    @property
    def has_second_opinion(self) -> bool:
        """Whether the margin is attacked too."""
        return self.margin

    def within(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) for every eps."""
        attack = BACKENDS[self.backend]
        if attack is not None:
            made = attack(batch.model, batch.images, batch.labels, self.budgets, batch.passes)
            yield from zip(self.budgets, made, strict=True)
            return
        gradient = batch.loss_gradient
        for eps in self.budgets:
            yield eps, fgsm_step(batch.images, gradient, eps)

    def second_opinion(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """The same step down the margin."""
        gradient = -batch.margin_gradient
        for eps in self.budgets:
            yield eps, fgsm_step(batch.images, gradient, eps)

    def summary(self, arrays: Arrays, chance: float) -> tuple[Score, ...]:
        """The cumulative curve, the area under it and where it meets chance."""
        correct, robust = arrays["correct"], arrays["robust"]
        order = np.argsort(self.budgets)
        points = np.array(self.budgets)[order]
        withstood = np.logical_and.accumulate(robust[order], axis=0)
        n = len(correct)
        scores = [
            self.rate("cumulative_robust_accuracy", kept, n, at=eps)
            for eps, kept in zip(points.tolist(), withstood.sum(axis=1).tolist(), strict=True)
        ]
        heights = np.vstack([correct, withstood]).astype(float)
        area = mean_t(np.trapezoid(heights, np.concatenate([[0.0], points]), axis=0))
        scores.append(self.score("area_under_curve", area.value, n=n, ci_low=area.low, ci_high=area.high))
        lost = withstood.mean(axis=1) <= chance
        where = float(points[lost.argmax()]) if lost.any() else None
        reason = None if lost.any() else remark("above-chance", chance=chance)
        return (*scores, self.score("eps_at_chance", where, n=n, reason=reason))
