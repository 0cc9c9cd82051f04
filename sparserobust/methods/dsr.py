"""Dynamic sparse reparameterization: weights below one threshold move to other layers while the network trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from sparserobust.methods.during import StartsSparse, moving_steps
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.settings import Above0, Positive, Share, ShareOrAll
from sparserobust.sparsity.allocation import share_out
from sparserobust.sparsity.drop_and_grow import grow_random


@dataclass(frozen=True, kw_only=True)
class DSR(StartsSparse):
    """Starts from a random mask and keeps the number of weights in all.

    Every `every` steps all weights below one threshold for the whole network go; the threshold doubles where
    they were too few and halves where they were too many. As many grow at random, in each layer in proportion to
    what it has left. New weights are 0.

    Attributes:
        every: optimizer steps between two reallocations; None: 100, or fewer in a training too short for ten.
        fraction: share of the kept weights that is to be reallocated at a time.
        tolerance: by how much of that number it may be missed before the threshold changes.
        threshold: the first one.
        until: share of the training's steps after which the mask stays.
    """

    name: ClassVar[str] = "dsr"
    title: ClassVar[str] = "DSR"
    source: ClassVar[str] = "Mostafa and Wang 2019, arXiv:1902.05967, sec. 3, Algorithm 1"
    when: ClassVar[str] = "reallocation across layers during training"

    allocation: str = "uniform"
    every: Positive | None = None
    fraction: Share = 0.01
    tolerance: Share = 0.1
    threshold: Above0 = 1e-3
    until: ShareOrAll = 0.75

    def pruner(self, training: TrainingState) -> Pruner:
        """A reallocation every so many steps."""
        return _Reallocation(self, training)


class _Reallocation(Pruner):
    def __init__(self, method: DSR, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        self.threshold = method.threshold
        self.every, self.end = moving_steps(training, method.every, method.until)

    @torch.no_grad()
    def after_step(self) -> None:
        training, method = self.training, self.method
        if training.step % self.every or training.step >= self.end or training.kept == training.prunable:
            return
        small = {
            name: training.masks[name] & (value.abs() < self.threshold)
            for name, value in training.values.items()
        }
        removed = sum(int(where.sum()) for where in small.values())
        wanted = method.fraction * training.kept
        if removed < (1 - method.tolerance) * wanted:
            self.threshold *= 2
        elif removed > (1 + method.tolerance) * wanted:
            self.threshold /= 2
        before = training.masks
        fewer: Masks = {name: before[name] & ~where for name, where in small.items()}
        left = {name: int(mask.sum()) for name, mask in fewer.items()}
        room = {name: mask.numel() - left[name] for name, mask in fewer.items()}
        grown = share_out(left if any(left.values()) else dict.fromkeys(left, 1), room, removed)
        training.set_masks(fewer)  # one that grows again at once begins at 0 as well
        training.set_masks(
            {
                name: grow_random(mask, ~mask, grown[name], generator=training.generator)
                for name, mask in fewer.items()
            }
        )

    def state(self) -> dict[str, Any]:
        return {"threshold": self.threshold}

    def resume(self, state: dict[str, Any]) -> None:
        self.threshold = state["threshold"]
