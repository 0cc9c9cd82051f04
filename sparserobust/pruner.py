"""What a method does while a network trains: the hooks, and what they may know and touch.

A method that fixes its mask before training has `NoPruning`. Any other has one for each training; the loop, or a
user's own, calls its hooks in this order:

    before_training
    for each step:   penalty, (backward), after_backward, (optimizer step), after_step
    for each epoch:  end_of_epoch
    finish
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.sparsity.allocation import kept_count
from sparserobust.weights.attach import SparseWeights

Masks = dict[str, Tensor]
"""Name -> bool, in the order of the prunable weights."""


@dataclass
class TrainingState:
    """One training, as a pruner sees it.

    Attributes:
        weights: masks and offset of the model; change the masks by `set_masks`.
        optimizer: whose slots of removed and of new weights are cleared.
        sparsity: that is to be reached, in [0, 1).
        epochs: how many there will be.
        steps_per_epoch: optimizer steps.
        generator: of everything that the method draws, on the CPU.
        examples: event number -> (images, labels) batches of training examples on the model's device, for
            methods that score on them; None where there are none.
        step: optimizer steps taken.
        epoch: epochs completed.
        lag_steps, lag_epochs: how far the learning rate's schedule is behind them, after weights were rewound.
    """

    weights: SparseWeights
    optimizer: torch.optim.Optimizer
    sparsity: float
    epochs: int
    steps_per_epoch: int
    generator: torch.Generator
    examples: Callable[[int], Sequence[tuple[Tensor, Tensor]]] | None = None
    step: int = 0
    epoch: int = 0
    lag_steps: int = 0
    lag_epochs: int = 0

    @property
    def model(self) -> nn.Module:
        """The network."""
        return self.weights.model

    @cached_property
    def values(self) -> dict[str, Tensor]:
        """Name -> parameter that the optimizer holds, with its gradient; prunable weights only."""
        return self.weights.values

    @property
    def masks(self) -> Masks:
        """Name -> mask as it is; not to be written into."""
        return self.weights.masks

    @property
    def prunable(self) -> int:
        """How many weights the masks cover."""
        return self.weights.prunable

    @property
    def kept(self) -> int:
        """How many weights the masks keep now."""
        return self.weights.kept

    @property
    def k(self) -> int:
        """How many weights are to be kept in the end."""
        return kept_count(self.prunable, self.sparsity)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return self.epochs * self.steps_per_epoch

    @property
    def schedule_step(self) -> int:
        """Optimizer steps as the learning rate's schedule counts them."""
        return self.step - self.lag_steps

    @property
    def schedule_epoch(self) -> int:
        """Epochs as the learning rate's schedule counts them."""
        return self.epoch - self.lag_epochs

    def state(self) -> dict[str, int]:
        """Where it is, for a checkpoint."""
        return {name: getattr(self, name) for name in ("step", "epoch", "lag_steps", "lag_epochs")}

    def resume(self, state: dict[str, int]) -> None:
        """Takes back what `state` gave."""
        for name, value in state.items():
            setattr(self, name, value)

    def set_masks(self, masks: Masks) -> None:
        """Removed weights become what the offset says, new ones start there; the optimizer forgets both."""
        self.weights.set_masks(masks, self.optimizer)


class Pruner:
    """One method in one training. Every hook does nothing here; a method overrides those that it needs.

    Attributes:
        training: the training.
    """

    def __init__(self, training: TrainingState) -> None:
        self.training = training

    @property
    def settled(self) -> bool:
        """Whether the mask is what the method means to end with: here as soon as no more is kept than is asked for.

        Only epochs that end so are chosen by their accuracy. A method that is not settled when training ends gets
        there in `finish`, and then the last weights count.
        """
        return self.training.kept <= self.training.k

    def before_training(self) -> None:
        """Before the first step; not called again where a training is resumed."""

    def penalty(self) -> Tensor | None:
        """What is added to the loss, on the graph; None for nothing."""
        return None

    def after_backward(self) -> bool:
        """Sees the dense gradients, before they are masked; True: this stands in the place of the optimizer's step."""
        return False

    def after_step(self) -> None:
        """After the optimizer's step, or what stood in its place; `training.step` has counted it."""

    def end_of_epoch(self) -> None:
        """After the last step of an epoch, before validation; `training.epoch` has counted it."""

    def finish(self) -> None:
        """After the last epoch, with the weights as they are then."""

    def state(self) -> dict[str, Any]:
        """What a resumed training needs beside masks, weights and optimizer: tensors, numbers, text, lists, dicts."""
        return {}

    def resume(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave, its tensors on the model's device."""


class NoPruning(Pruner):
    """Where the mask is fixed, whatever was asked for."""

    @property
    def settled(self) -> bool:
        """From the start."""
        return True
