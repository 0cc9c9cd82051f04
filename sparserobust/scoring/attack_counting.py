"""What an attack achieved, counted by the library: the images are checked here and the model decides here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.errors import PluginError
from sparserobust.records import Outcome, Score
from sparserobust.scoring.batch import Batch, check_logits
from sparserobust.scoring.budget import checked, distances, project
from sparserobust.scoring.evaluator import Context, Measurement
from sparserobust.stats import median_order, wilson

if TYPE_CHECKING:
    from sparserobust.scoring.attack import AttackEvaluator

Steps = Iterable[tuple[float, Tensor]]


class _AttackMeasurement(Measurement):
    """What both kinds share: which examples were right, and the pass counts."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        self.attack = attack
        self.context = context
        self.passes: Counter[str] = context.passes
        self.correct: list[Tensor] = []

    def fooled(self, batch: Batch, images: Tensor, labels: Tensor) -> Tensor:
        """Which images the model, put back to what it was, no longer gives their label: one forward pass."""
        self.context.guard.restore()
        with torch.no_grad():
            logits = batch.model(images)
        self.passes["forward"] += len(images)
        check_logits(logits)
        fooled: Tensor = logits.argmax(dim=1) != labels
        return fooled

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


class FixedBudget(_AttackMeasurement):
    """robust_accuracy and attack_success_rate at every eps."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        super().__init__(attack, context)
        self.robust: list[Tensor] = []
        self.second: list[Tensor] = []
        self.zero_gradient = 0

    def update(self, batch: Batch) -> None:
        attack, correct = self.attack, batch.correct
        if attack.checks_gradient:
            self.zero_gradient += int((batch.loss_gradient.flatten(1) == 0).all(dim=1).sum())
        self.correct.append(correct.cpu())
        self.robust.append(self._survivors(batch, attack.perturb))
        if attack.has_second_opinion:
            self.second.append(self._survivors(batch, attack.second_opinion))

    def _survivors(
        self, batch: Batch, perturb: Callable[[Batch], Steps | tuple[Tensor, Tensor]]
    ) -> Bool[Tensor, "eps n"]:
        """Whether each example is correct and stays so, for every eps of the attack.

        The plugin gets copies; what it writes into them does not reach what is checked here.
        """
        attack, correct = self.attack, batch.correct
        images, labels = batch.images[correct], batch.labels[correct]
        robust = torch.zeros(len(attack.eps), len(batch), dtype=torch.bool)
        if not len(labels):
            return robust
        seen: set[float] = set()
        for eps, adversarial in perturb(batch.only(correct, self.passes)):
            if not isinstance(eps, int | float) or float(eps) not in attack.eps:
                raise PluginError(
                    f"{attack.name} yielded images for eps {eps!r}, which is not among {attack.eps}"
                )
            adversarial = checked(images, adversarial, attack.norm, float(eps), attack.name)
            robust[attack.eps.index(float(eps)), correct.cpu()] = ~self.fooled(
                batch, adversarial, labels
            ).cpu()
            seen.add(float(eps))
        if missing := [eps for eps in attack.eps if eps not in seen]:
            raise PluginError(
                f"{attack.name} yielded no images for eps {', '.join(f'{eps:g}' for eps in missing)}"
            )
        return robust

    def finish(self) -> Outcome:
        attack = self.attack
        correct = torch.cat(self.correct).numpy()
        robust = torch.cat(self.robust, dim=1).numpy()
        scores: list[Score] = []
        for index, eps in enumerate(attack.eps):
            scores += self.robust_scores("", robust[index], correct, eps)
        arrays = {"correct": correct, "robust": robust}
        if attack.has_second_opinion:
            second = torch.cat(self.second, dim=1).numpy()
            arrays["margin_robust"] = second
            for index, eps in enumerate(attack.eps):
                scores += self.robust_scores("margin_", second[index], correct, eps)
        if attack.checks_gradient:
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


class MinimumNorm(_AttackMeasurement):
    """Distances per example, their median, and two success rates at every cap."""

    def __init__(self, attack: AttackEvaluator, context: Context) -> None:
        super().__init__(attack, context)
        self.distance: list[Tensor] = []
        self.rescaled: list[Tensor] = []

    def update(self, batch: Batch) -> None:
        correct = batch.correct
        distance = torch.zeros(len(batch), dtype=torch.float64)
        rescaled = torch.zeros(len(self.attack.eps), len(batch), dtype=torch.bool)
        if bool(correct.any()):
            size, broken = self._attack(batch)
            distance[correct.cpu()] = size.cpu()
            rescaled[:, correct.cpu()] = broken.cpu()
        self.correct.append(correct.cpu())
        self.distance.append(distance)
        self.rescaled.append(rescaled)

    def _attack(self, batch: Batch) -> tuple[Float[Tensor, " n"], Bool[Tensor, "eps n"]]:
        """(distance, infinite where nothing was found; whether the image scaled back to each cap still fools)."""
        attack, correct = self.attack, batch.correct
        images, labels = batch.images[correct], batch.labels[correct]
        proposed = attack.perturb(batch.only(correct, self.passes))
        if not isinstance(proposed, tuple) or len(proposed) != 2:
            raise PluginError(f"{attack.name} must return (images, found), got {type(proposed).__name__}")
        candidate, found = proposed
        if not isinstance(candidate, Tensor) or not isinstance(found, Tensor) or found.shape != labels.shape:
            raise PluginError(
                f"{attack.name} must return (images, found) with found of shape ({len(labels)},)"
            )
        found = found.to(images.device, torch.bool)
        if candidate.shape == images.shape:
            candidate = torch.where(found.view(-1, 1, 1, 1), candidate.to(images), images)
        adversarial = checked(images, candidate, attack.norm, None, attack.name)
        fooled = found & self.fooled(batch, adversarial, labels)
        size = torch.where(fooled, distances(images, adversarial, attack.norm), torch.inf)
        within = torch.stack([fooled & (size <= cap) for cap in attack.eps])
        for index, cap in enumerate(attack.eps):
            beyond = fooled & (size > cap)
            if bool(beyond.any()):
                shrunk = project(images[beyond], adversarial[beyond], attack.norm, cap)
                within[index, beyond] = self.fooled(batch, shrunk, labels[beyond])
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
            counted = wilson(n - m + broken, n)
            scores.append(
                attack.score(
                    "paper_success",
                    (n - m + broken) / n,
                    at=cap,
                    n=n,
                    ci_low=counted.low,
                    ci_high=counted.high,
                )
            )
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
