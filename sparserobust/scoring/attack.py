"""The base of all attacks: the plugin proposes images, this class checks them, runs the model and counts."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.errors import PluginError
from sparserobust.records import Outcome, Score
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.budget import Norm, checked, distances, project
from sparserobust.scoring.evaluator import Context, Evaluator, Measurement
from sparserobust.stats import median_order, wilson

Steps = Iterable[tuple[float, Tensor]]


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
    """

    norm: ClassVar[Norm]
    minimum_norm: ClassVar[bool] = False
    headline_eps: ClassVar[float]
    eps: tuple[float, ...]

    @abstractmethod
    def perturb(self, batch: Batch) -> Steps | tuple[Tensor, Tensor]:
        """Adversarial images for the examples of this batch; see the class."""

    def second_opinion(self, batch: Batch) -> Steps:
        """The same budgets attacked another way, reported beside the attack; nothing by default."""
        return ()

    def begin(self, context: Context) -> Measurement:
        """Starts the attack."""
        return _MinimumNorm(self, context) if self.minimum_norm else _FixedBudget(self, context)

    def warn(self) -> tuple[str, ...]:
        """Warnings about the settings, for the record."""
        return ()

    @property
    def headline_point(self) -> float:
        """The budget that the headline is measured at."""
        return min(self.eps, key=lambda eps: (abs(eps - self.headline_eps), eps))


class _AttackMeasurement(Measurement):
    """What both kinds share: which examples were right, and the pass counts."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        self.attack = attack
        self.passes: Counter[str] = context.passes
        self.correct: list[Tensor] = []

    def predict(self, batch: Batch, images: Tensor) -> Tensor:
        """The model's decisions on images, one forward pass."""
        with torch.no_grad():
            predicted: Tensor = batch.model(images).argmax(dim=1)
        self.passes["forward"] += len(images)
        return predicted

    def robust_scores(self, name: str, robust: np.ndarray, correct: np.ndarray, point: float) -> list[Score]:
        """Robust accuracy over all examples and attack success among those initially correct, at one point."""
        attack = self.attack
        n, m = len(correct), int(correct.sum())
        kept = int(robust.sum())
        low_high = wilson(kept, n)
        scores = (
            [
                attack.score(
                    "robust_accuracy",
                    kept / n,
                    at=point,
                    n=n,
                    ci_low=low_high.low,
                    ci_high=low_high.high,
                    headline=point == attack.headline_point,
                )
            ]
            if name == ""
            else []
        )
        return [*scores, self.success(f"{name}attack_success_rate", m - kept, m, point)]

    def success(self, name: str, broken: int, m: int, point: float) -> Score:
        """A success rate among m initially correct examples."""
        if m == 0:
            return self.attack.score(name, None, at=point, n=0, reason="no example was classified correctly")
        bounds = wilson(broken, m)
        return self.attack.score(name, broken / m, at=point, n=m, ci_low=bounds.low, ci_high=bounds.high)


class _FixedBudget(_AttackMeasurement):
    """robust_accuracy and attack_success_rate at every eps."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        super().__init__(attack, context)
        self.robust: list[Tensor] = []
        self.second: list[Tensor] = []
        self.zero_gradient = 0

    def update(self, batch: Batch) -> None:
        correct = batch.correct
        part = batch.only(correct, self.passes)
        robust = torch.zeros(len(self.attack.eps), len(batch), dtype=torch.bool)
        second = robust.clone()
        seconded = False
        if len(part):
            robust[:, correct.cpu()] = self._survives(part, self.attack.perturb(part))
            opinion = list(self.attack.second_opinion(part))
            if opinion:
                seconded = True
                second[:, correct.cpu()] = self._survives(part, opinion)
        self.correct.append(correct.cpu())
        self.robust.append(robust)
        if seconded or self.second:
            self.second.append(second)
        if "loss_gradient" in batch.__dict__:
            self.zero_gradient += int((batch.loss_gradient.flatten(1) == 0).all(dim=1).sum())

    def _survives(self, part: Batch, steps: Steps | tuple[Tensor, Tensor]) -> Bool[Tensor, "eps n"]:
        """Whether each example stays correct, for every eps of the attack."""
        name = self.attack.name
        found: dict[float, Tensor] = {}
        for eps, images in steps:
            if not isinstance(eps, int | float) or float(eps) not in self.attack.eps:
                raise PluginError(
                    f"{name} yielded images for eps {eps!r}, which is not among {self.attack.eps}"
                )
            adversarial = checked(part.images, images, self.attack.norm, float(eps), name)
            found[float(eps)] = (self.predict(part, adversarial) == part.labels).cpu()
        if missing := [eps for eps in self.attack.eps if eps not in found]:
            raise PluginError(f"{name} yielded no images for eps {', '.join(f'{eps:g}' for eps in missing)}")
        return torch.stack([found[eps] for eps in self.attack.eps])

    def finish(self) -> Outcome:
        attack = self.attack
        correct = torch.cat(self.correct).numpy()
        robust = torch.cat(self.robust, dim=1).numpy()
        scores: list[Score] = []
        for index, eps in enumerate(attack.eps):
            scores += self.robust_scores("", robust[index], correct, eps)
        arrays = {"correct": correct, "robust": robust}
        if self.second:
            second = torch.cat(self.second, dim=1).numpy()
            arrays["margin_robust"] = second
            for index, eps in enumerate(attack.eps):
                scores += self.robust_scores("margin_", second[index], correct, eps)
        if any(spec.name == "zero_gradient_share" for spec in attack.scores):
            n = len(correct)
            bounds = wilson(self.zero_gradient, n)
            scores.append(
                attack.score(
                    "zero_gradient_share", self.zero_gradient / n, n=n, ci_low=bounds.low, ci_high=bounds.high
                )
            )
        return attack.outcome(
            scores=tuple(scores),
            per_example=arrays,
            axis=attack.eps,
            verdict="upper bound, not audited",
            warnings=attack.warn(),
        )


class _MinimumNorm(_AttackMeasurement):
    """Distances per example, their median, and two success rates at every cap."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        super().__init__(attack, context)
        self.distance: list[Tensor] = []
        self.rescaled: list[Tensor] = []

    def update(self, batch: Batch) -> None:
        correct = batch.correct
        distance = torch.zeros(len(batch), dtype=torch.float64)
        rescaled = torch.zeros(len(self.attack.eps), len(batch), dtype=torch.bool)
        part = batch.only(correct, self.passes)
        if len(part):
            size, broken = self._attack(part)
            distance[correct.cpu()] = size.cpu()
            rescaled[:, correct.cpu()] = broken.cpu()
        self.correct.append(correct.cpu())
        self.distance.append(distance)
        self.rescaled.append(rescaled)

    def _attack(self, part: Batch) -> tuple[Float[Tensor, " n"], Bool[Tensor, "eps n"]]:
        """(distance, infinite where nothing was found; whether the image scaled back to each cap still fools)."""
        attack = self.attack
        proposed = attack.perturb(part)
        if not isinstance(proposed, tuple) or len(proposed) != 2:
            raise PluginError(f"{attack.name} must return (images, found), got {type(proposed).__name__}")
        images, found = proposed
        if (
            not isinstance(images, Tensor)
            or not isinstance(found, Tensor)
            or found.shape != part.labels.shape
        ):
            raise PluginError(f"{attack.name} must return (images, found) with found of shape ({len(part)},)")
        found = found.to(part.images.device, torch.bool)
        keep = found.view(-1, 1, 1, 1)
        adversarial = torch.where(
            keep, checked(part.images, images, attack.norm, None, attack.name), part.images
        )
        fooled = found & (self.predict(part, adversarial) != part.labels)
        size = distances(part.images, adversarial, attack.norm)
        size = torch.where(fooled, size, torch.inf)
        within = torch.stack([fooled & (size <= cap) for cap in attack.eps])
        for index, cap in enumerate(attack.eps):
            beyond = fooled & (size > cap)
            if bool(beyond.any()):
                shrunk = project(part.images[beyond], adversarial[beyond], attack.norm, cap)
                within[index, beyond] = self.predict(part, shrunk) != part.labels[beyond]
        return size, within

    def finish(self) -> Outcome:
        attack = self.attack
        correct = torch.cat(self.correct).numpy()
        distance = torch.cat(self.distance).numpy()
        rescaled = torch.cat(self.rescaled, dim=1).numpy()
        n, m = len(correct), int(correct.sum())
        found = int(np.isfinite(distance[correct]).sum())
        scores = [self._median(distance[correct], m, found)]
        for index, cap in enumerate(attack.eps):
            within = correct & (distance <= cap)
            scores += self.robust_scores("", correct & ~within, correct, cap)
            broken = int(rescaled[index].sum())
            scores.append(self.success("rescaled_success_rate", broken, m, cap))
            scores.append(attack.score("paper_success", (n - m + broken) / n, at=cap, n=n))
        return attack.outcome(
            scores=tuple(scores),
            per_example={"correct": correct, "distance": distance, "rescaled": rescaled},
            axis=attack.eps,
            verdict=f"found {found} of {m}" if found == m else f"not found: {m - found} of {m}",
            warnings=attack.warn(),
        )

    def _median(self, distance: np.ndarray, m: int, found: int) -> Score:
        if m == 0:
            return self.attack.score("median_l2", None, n=0, reason="no example was classified correctly")
        estimate = median_order(distance)
        finite = np.isfinite(estimate.value)
        return self.attack.score(
            "median_l2",
            float(estimate.value) if finite else None,
            n=m,
            ci_low=_finite(estimate.low),
            ci_high=_finite(estimate.high),
            reason=None if finite else f"not found: {m - found} of {m}",
        )


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
