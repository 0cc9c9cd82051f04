"""Sparse momentum: after each epoch weights move to the layers, and places, where the momentum is large."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.during import BetweenEpochs, StartsSparse, cosine
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.sparsity.allocation import share_out
from sparserobust.sparsity.drop_and_grow import drop_smallest, grow_largest

LAST_RATE = 0.005
"""What the share that is pruned has fallen to at the end."""
FILLED = 0.99
"""Share of a layer's free places that may be filled at once."""


@dataclass(frozen=True, kw_only=True)
class SparseMomentum(StartsSparse):
    """Starts from a random mask of equal density in every layer, and keeps the number of weights in all.

    After each epoch but the last (with the next one's first step, so that what is validated are the weights that
    the epoch ended with) every layer loses a share of its weights, the smallest ones; the share falls along a
    cosine. Their number is handed out to the layers in proportion to the mean momentum of their weights, and grows
    there where the momentum of missing weights is largest. New weights are 0; a weight just dropped may grow again
    at once, and then keeps its value (the authors' code).

    The momentum is an average of dense gradients that the method keeps itself, because an optimizer forgets
    weights that are not there; under Adam it is divided by the root of the second moment as well.

    Attributes:
        rate: share of a layer's weights that is pruned at first.
    """

    name: ClassVar[str] = "sparse-momentum"
    title: ClassVar[str] = "Sparse momentum"
    source: ClassVar[str] = "Dettmers and Zettlemoyer 2019, arXiv:1907.04840, sec. 3, Algorithm 1"
    when: ClassVar[str] = "drop and grow by momentum after each epoch"

    allocation: str = "uniform"
    rate: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not LAST_RATE <= self.rate < 1:
            raise ConfigError(f"rate of sparse-momentum must be in [{LAST_RATE}, 1), got {self.rate}")

    def pruner(self, training: TrainingState) -> Pruner:
        """A redistribution after each epoch but the last."""
        return _Redistribution(self, training)


class _Redistribution(BetweenEpochs):
    def __init__(self, method: SparseMomentum, training: TrainingState) -> None:
        super().__init__(training)
        self.rate = method.rate
        group = training.optimizer.param_groups[0]
        self.adaptive = "betas" in group
        betas: tuple[float, float] = group["betas"] if self.adaptive else (group.get("momentum") or 0.9, 0.0)
        self.decay, self.second_decay = betas
        self.momentum = {name: torch.zeros_like(value) for name, value in training.values.items()}
        self.second = {
            name: torch.zeros_like(value) for name, value in training.values.items() if self.adaptive
        }

    @torch.no_grad()
    def after_backward(self) -> bool:
        for name, value in self.training.values.items():
            if value.grad is None:  # a layer that the loss does not depend on
                continue
            if self.adaptive:
                self.momentum[name].lerp_(value.grad, 1 - self.decay)
                self.second[name].mul_(self.second_decay).addcmul_(
                    value.grad, value.grad, value=1 - self.second_decay
                )
            else:
                self.momentum[name].mul_(self.decay).add_(value.grad)
        return False

    def move(self) -> None:
        training = self.training
        rate = LAST_RATE + cosine(self.rate - LAST_RATE, training.step, training.steps)
        pull = {name: self._pull(name) for name in training.values}
        before = {name: mask.clone() for name, mask in training.masks.items()}
        fewer: Masks = {}
        shares: dict[str, float] = {}
        room: dict[str, int] = {}
        for name, value in training.values.items():
            mask = before[name]
            kept, size = int(mask.sum()), mask.numel()
            # a layer that is nearly full has nowhere to move to: it loses no larger a share than it lacks
            count = min(math.ceil(min(rate, 1 - kept / size) * kept), max(kept - 1, 0))
            fewer[name] = drop_smallest(value, mask, count, generator=training.generator)
            shares[name] = float(pull[name][mask].mean()) if kept else 0.0
            room[name] = max(count, int(FILLED * (size - kept)))
        if not all(math.isfinite(share) for share in shares.values()):
            return  # the training has diverged, and ends here
        total = training.kept - sum(int(mask.sum()) for mask in fewer.values())
        grown = share_out(shares if any(shares.values()) else dict.fromkeys(shares, 1.0), room, total)
        training.set_masks(
            {
                name: grow_largest(pull[name], mask, ~mask, grown[name], generator=training.generator)
                for name, mask in fewer.items()
            }
        )

    def _pull(self, name: str) -> Tensor:
        if not self.adaptive:
            return self.momentum[name].abs()
        return self.momentum[name].abs() / (self.second[name].sqrt() + 1e-8)

    def state(self) -> dict[str, Any]:
        return {**super().state(), "momentum": self.momentum, "second": self.second}

    def resume(self, state: dict[str, Any]) -> None:
        super().resume(state)
        self.momentum, self.second = state["momentum"], state["second"]
