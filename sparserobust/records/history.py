"""What training did, epoch by epoch: half of the papers' figures are drawn from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import JsonValue

from sparserobust.one_line import short
from sparserobust.records.base import Record

ChosenBecause = Literal[
    "best-validation",
    "best-robust-validation",
    "last-without-validation",
    "last-at-its-sparsity",
    "none-completed",
]


class EpochRecord(Record):
    """One epoch.

    Attributes:
        epoch: from 1.
        loss: mean training loss over the epoch's examples.
        train_accuracy: share classified correctly while training (dropout and batch statistics on); in
            adversarial training of the perturbed images.
        val_accuracy: on the validation split in eval mode, None without one; always of the images as they are.
        val_robust_accuracy: share of the validation split that is right and stays so under PGD with the budget,
            steps and step size of adversarial training; None without that or without the split.
        learning_rate: at the epoch's last step.
        sparsity: realised sparsity of every prunable layer, in the order of `History.layers`.
        gradient_mean, gradient_std: over the epoch's batches, l1 norm of the gradient on kept weights
            divided by their number.
        gradient_unmasked_mean, gradient_unmasked_std: the same over all prunable weights without the mask.
        seconds: wall time.
    """

    epoch: int
    loss: float
    train_accuracy: float
    val_accuracy: float | None
    val_robust_accuracy: float | None = None
    learning_rate: float
    sparsity: tuple[float, ...]
    gradient_mean: float
    gradient_std: float
    gradient_unmasked_mean: float
    gradient_unmasked_std: float
    seconds: float


class History(Record):
    """The record of one training.

    Attributes:
        recipe: name of the recipe; `settings` holds its values as used.
        layers: names of the prunable weights, for `EpochRecord.sparsity`.
        chosen_epoch: whose weights the model carries, 0 = the initial ones.
        chosen_because: "best-validation" or "best-robust-validation" (of the highest accuracy on the validation split,
            clean or under attack, the earliest of equals), "last-without-validation" (there is no such split),
            "last-at-its-sparsity" (the method reaches its sparsity only at the end), "none-completed".
        status: "completed", or "diverged" (the loss was not finite; training stopped).
        pruned_at_end: validation accuracy before and after a frozen offset was set to zero at the end; None
            where that was not done.
        steps: optimizer steps taken; `examples`: training examples seen, repetitions counted.
        started_from: sha256 of all that decides what a training comes to, but for device and threads: model,
            masks, method, recipe, seed and examples, the code of model and method among it; "" in records of
            earlier versions.
    """

    recipe: str
    settings: dict[str, JsonValue]
    seed: int
    data: str
    layers: tuple[str, ...]
    epochs: tuple[EpochRecord, ...]
    chosen_epoch: int
    chosen_because: ChosenBecause
    status: Literal["completed", "diverged"]
    pruned_at_end: tuple[float | None, float | None] | None = None
    steps: int
    examples: int
    batch_size: int
    device: str
    threads: int
    started_from: str = ""

    def _shown(self) -> Iterator[str]:
        yield f"recipe={self.recipe!r}"
        yield f"epochs={len(self.epochs)}"
        yield f"chosen={self.chosen_epoch} ({self.chosen_because})"
        if self.epochs:
            first, last = self.epochs[0], self.epochs[-1]
            yield f"loss={short(first.loss)} to {short(last.loss)}"
            yield f"train_accuracy={short(last.train_accuracy)}"
        if self.status != "completed":
            yield self.status
