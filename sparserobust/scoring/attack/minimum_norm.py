"""Attacks that look for the nearest mistake: distances, and success within caps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.attacks.budget import checked, distances, own_copy, project
from sparserobust.errors import PluginError
from sparserobust.records import ROUNDING, Outcome, Score, ScoreSpec, remark
from sparserobust.scoring.attack.base import Attack
from sparserobust.scoring.attack.budgets import caps
from sparserobust.scoring.attack.counting import NOTHING_CORRECT, AttackMeasurement
from sparserobust.scoring.attack.specs import distance_scores
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.scoring.per_batch import Arrays
from sparserobust.stats import median_order


@dataclass(frozen=True, kw_only=True)
class MinimumNormAttack(Attack):
    """An attack that looks for the nearest mistake. Its author writes `nearest` and states name, source and norm.

    Every image is checked to be finite and in [0, 1], then the model itself decides; what it does not call a mistake
    was not found. Where nothing was found the distance is infinite: the clean image counts, never another one.
    Success is reported within distance caps, `eps`.
    """

    goal: ClassVar[Literal["minimum-distance", "fixed-budget"]] = "minimum-distance"
    default_eps: ClassVar[Mapping[str, tuple[float, ...]]] = MappingProxyType(
        {"linf": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3), "l2": (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)}
    )

    @abstractmethod
    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images (n, c, h, w), whether one was found (n,) bool).

        Args:
            batch: examples that the model gets right; its images and labels are copies.
        """

    @property
    def budgets(self) -> tuple[float, ...]:
        """Distance caps above 0."""
        return caps(self.default_eps[self.norm] if self.eps is None else self.eps)

    @property
    def base_scores(self) -> tuple[ScoreSpec, ...]:
        """The median distance, and success at every cap."""
        return distance_scores(self.norm)

    def begin(self, context: Context) -> Measurement:
        """Starts the attack."""
        return NearestMistakes(self, context)


class NearestMistakes(AttackMeasurement):
    """Distances per example, their median, and two success rates at every cap."""

    attack: MinimumNormAttack

    def attacked(self, batch: Batch) -> Arrays:
        correct = batch.correct
        distance = torch.zeros(len(batch), dtype=torch.float64)
        rescaled = torch.zeros(len(self.attack.budgets), len(batch), dtype=torch.bool)
        if bool(correct.any()):
            size, broken = self._attack(batch)
            distance[correct.cpu()] = size.cpu()
            rescaled[:, correct.cpu()] = broken.cpu()
        return {"distance": distance.numpy(), "rescaled": rescaled.numpy()}

    def _attack(self, batch: Batch) -> tuple[Float[Tensor, " n"], Bool[Tensor, "eps n"]]:
        """(distance, infinite where nothing was found; whether the image scaled back to each cap still fools)."""
        attack, correct = self.attack, batch.correct
        images, labels = batch.images[correct], batch.labels[correct]
        proposed = attack.nearest(batch.only(correct, self.passes))
        if not isinstance(proposed, tuple) or len(proposed) != 2:
            raise PluginError(
                f"nearest() of {attack.label} must return (images, found), got {type(proposed).__name__}"
            )
        candidate, found = map(own_copy, proposed)
        if not isinstance(candidate, Tensor) or not isinstance(found, Tensor) or found.shape != labels.shape:
            raise PluginError(
                f"nearest() of {attack.label} must return (images, found) with found of shape ({len(labels)},), got "
                f"{_shape(candidate)} and {_shape(found)}"
            )
        found = found.to(images.device, torch.bool)
        if candidate.shape == images.shape:
            candidate = torch.where(found.view(-1, 1, 1, 1), candidate.to(images), images)
        adversarial = checked(images, candidate, attack.norm, None, attack.label)
        fooled = found & self.fooled(batch, adversarial, labels)
        size = torch.where(fooled, distances(images, adversarial, attack.norm), torch.inf)
        within = torch.stack([fooled & (size <= cap + ROUNDING) for cap in attack.budgets])
        for index, cap in enumerate(attack.budgets):
            beyond = fooled & (size > cap + ROUNDING)
            if bool(beyond.any()):
                shrunk = project(images[beyond], adversarial[beyond], attack.norm, cap)
                within[index, beyond] = self.fooled(batch, shrunk, labels[beyond])
        return size, within

    def finish(self) -> Outcome:
        attack = self.attack
        arrays = self.joined()
        correct, distance, rescaled = arrays["correct"], arrays["distance"], arrays["rescaled"]
        n, m = len(correct), int(correct.sum())
        found = int(np.isfinite(distance[correct]).sum())
        scores = [self._median(distance[correct], m, found)]
        for index, cap in enumerate(attack.budgets):
            within = correct & (distance <= cap + ROUNDING)
            scores += self.robust_scores("", correct & ~within, correct, cap)
            broken = int(rescaled[index].sum())
            scores.append(self.success("rescaled_success_rate", broken, m, cap))
            scores.append(attack.rate("paper_success", n - m + broken, n, at=cap))
        return attack.outcome(
            scores=(*scores, *self.further(arrays)),
            per_example=arrays,
            axis=attack.budgets,
            verdict=remark("found", found=found, of=m),
        )

    def _median(self, distance: np.ndarray, m: int, found: int) -> Score:
        name = f"median_{self.attack.norm}"
        if m == 0:
            return self.attack.score(name, None, n=0, reason=NOTHING_CORRECT)
        estimate = median_order(distance)
        finite = np.isfinite(estimate.value)
        return self.attack.score(
            name,
            float(estimate.value) if finite else None,
            n=m,
            ci_low=_finite(estimate.low),
            ci_high=_finite(estimate.high),
            reason=None if finite else remark("not-found", lost=m - found, of=m),
            warnings=(*self.attack.warn(self.classes), *self.attack.warn_of_distances()),
        )


def _shape(returned: object) -> str:
    """The shape of a tensor, the type of anything else."""
    return str(tuple(returned.shape)) if isinstance(returned, Tensor) else type(returned).__name__


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None
