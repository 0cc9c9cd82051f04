"""What is summed up over one epoch of training, and the record that comes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sparserobust.records import EpochRecord


@dataclass
class EpochSums:
    """One value per step; all stay on the device until the epoch ends, so that no step waits for them.

    Attributes:
        loss: summed over the step's examples; `hits`: how many of them were right.
        kept: l1 norm of the gradient on kept weights / kept weights, under the mask of the forward pass.
        unmasked: the same over all prunable weights, without the mask.
        examples: seen so far.
    """

    loss: list[Tensor] = field(default_factory=list)
    hits: list[Tensor] = field(default_factory=list)
    kept: list[Tensor] = field(default_factory=list)
    unmasked: list[Tensor] = field(default_factory=list)
    examples: int = 0

    def mean_loss(self) -> float:
        """Over the epoch's examples."""
        return float(torch.stack(self.loss).sum()) / self.examples

    def is_finite(self) -> bool:
        """Whether the loss and every gradient were finite."""
        gradients = torch.stack([*self.kept, *self.unmasked])
        return math.isfinite(self.mean_loss()) and bool(torch.isfinite(gradients).all())

    def record(
        self,
        number: int,
        *,
        val_accuracy: float | None,
        val_robust_accuracy: float | None,
        learning_rate: float,
        sparsity: tuple[float, ...],
        seconds: float,
    ) -> EpochRecord:
        """The record of this epoch."""
        kept, unmasked = torch.stack(self.kept).double(), torch.stack(self.unmasked).double()
        return EpochRecord(
            epoch=number,
            loss=self.mean_loss(),
            train_accuracy=int(torch.stack(self.hits).sum()) / self.examples,
            val_accuracy=val_accuracy,
            val_robust_accuracy=val_robust_accuracy,
            learning_rate=learning_rate,
            sparsity=sparsity,
            gradient_mean=float(kept.mean()),
            gradient_std=float(kept.std(correction=0)),
            gradient_unmasked_mean=float(unmasked.mean()),
            gradient_unmasked_std=float(unmasked.std(correction=0)),
            seconds=round(seconds, 4),
        )


def is_finite(model: nn.Module) -> bool:
    """Whether all weights and buffers are finite."""
    tensors = (t for t in model.state_dict().values() if t.is_floating_point())
    return all(bool(torch.isfinite(t).all()) for t in tensors)
