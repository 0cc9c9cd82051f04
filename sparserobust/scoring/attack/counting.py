"""What an attack achieved, counted by the library: the images are checked here and the model decides here."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter

import numpy as np
from torch import Tensor

from sparserobust.attacks.oracle import FLAT, Oracle
from sparserobust.errors import ModelError, PluginError
from sparserobust.records import Remark, Score, remark
from sparserobust.scoring.attack.base import Attack
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context
from sparserobust.scoring.per_batch import Arrays, PerBatch

FLAT_GRADIENT = "flat_gradient"
NOTHING_CORRECT = remark("nothing-correct")


class AttackMeasurement(PerBatch):
    """What both kinds share: which examples were right, and what the model says about an image.

    Attributes:
        classes: how many logits the model has, 0 before the first batch.
        constant: whether all images had the same logits so far.
        flat: (n,) whether no gradient reaches the image, once all batches are joined; empty where none is needed.
    """

    def __init__(self, attack: Attack, context: Context) -> None:
        super().__init__(attack, context)
        self.attack = attack
        self.classes = 0
        self.flat = np.zeros(0, dtype=bool)
        self.constant = True
        self._first: Tensor | None = None
        self._labels: Counter[int] = Counter()

    @property
    def chance(self) -> float:
        """The share of the most frequent label."""
        return max(self._labels.values()) / self._labels.total()

    def update(self, batch: Batch) -> None:
        """Takes in one batch."""
        super().update(batch)
        self._labels.update(batch.labels.tolist())
        self.classes = batch.logits.shape[1]
        self._first = batch.logits[0] if self._first is None else self._first
        self.constant &= bool((batch.logits == self._first).all())

    @abstractmethod
    def attacked(self, batch: Batch) -> Arrays:
        """What the attack did to the examples of one batch."""

    def measure(self, batch: Batch) -> Arrays:
        """The attack's arrays, and which examples were right to begin with."""
        self.require_attackable(batch)
        arrays = {"correct": batch.correct.cpu().numpy()}
        if self.attack.needs_gradient:
            gradient = batch.loss_gradient if self.attack.checks_gradient else batch.margin_gradient
            arrays[FLAT_GRADIENT] = (gradient.flatten(1) == 0).all(dim=1).cpu().numpy()
        return arrays | self.attacked(batch)

    def joined(self) -> Arrays:
        """The arrays over all examples.

        Raises:
            ModelError: the attack follows gradients and there is none at any image, although the logits differ from
                image to image. (Where they do not, nothing can change the decision, and that is no artefact.)
        """
        arrays = super().joined()
        self.flat = arrays.pop(FLAT_GRADIENT, np.zeros(0, dtype=bool))
        if len(self.flat) and bool(self.flat.all()) and not self.constant:
            raise ModelError(FLAT)
        return arrays

    def warnings(self) -> tuple[str | Remark, ...]:
        """The attack's own, and how many images have no gradient that it could follow: it leaves them as they are."""
        found = self.attack.warn(self.classes)
        if (where := int(self.flat.sum())) and not self.constant:
            found = (*found, remark("no-gradient", images=where, of=len(self.flat)))
        return found

    def fooled(self, batch: Batch, images: Tensor, labels: Tensor, *, restore: bool = True) -> Tensor:
        """Which images the model, put back to what it was, no longer gives their label: one forward pass."""
        if restore:
            self.context.guard.restore()
        return Oracle(batch.model, self.passes).fooled(images, labels)

    def robust_scores(self, name: str, robust: np.ndarray, correct: np.ndarray, point: float) -> list[Score]:
        """Robust accuracy over all examples and attack success among those initially correct, at one point."""
        attack = self.attack
        n, m, kept = len(correct), int(correct.sum()), int(robust.sum())
        success = self.success(f"{name}attack_success_rate", m - kept, m, point)
        if name:
            return [success]
        robust_accuracy = attack.rate(
            "robust_accuracy",
            kept,
            n,
            at=point,
            headline=point == attack.headline_point,
            warnings=self.warnings(),
        )
        return [robust_accuracy, success]

    def further(self, arrays: Arrays) -> tuple[Score, ...]:
        """The scores that the attack makes of the results, of which it gets copies.

        Raises:
            PluginError: one of them is a score that the library counts.
        """
        scores = self.attack.summary({name: array.copy() for name, array in arrays.items()}, self.chance)
        ours = {spec.name for spec in self.attack.base_scores}
        if taken := [score.name for score in scores if score.name in ours]:
            raise PluginError(
                f"summary() of {self.attack.label} must not give {taken[0]}, which the library counts"
            )
        return tuple(scores)

    def success(self, name: str, broken: int, m: int, point: float) -> Score:
        """A success rate among m initially correct examples."""
        return self.attack.rate(name, broken, m, at=point, nothing=NOTHING_CORRECT)
