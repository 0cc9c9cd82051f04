"""Learning-compression: weights are drawn to their own best sparse version, ever more strongly, until they are it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.during import Era, StartsFull, era_epochs, keep_highest
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.settings import Positive


@dataclass(frozen=True, kw_only=True)
class LearningCompression(StartsFull):
    """Learns w under the constraint that at most k weights are not 0, by an augmented Lagrangian.

    Trains the dense network; then learning steps, of `every` epochs each, on the loss plus
    mu/2 ||w - theta - lambda/mu||^2, and after each a compression step: theta becomes the k largest entries of
    w - lambda/mu and 0 elsewhere, and lambda falls by mu (w - theta). mu grows geometrically from step to step. In
    the end w is set to theta, and is fine-tuned on theta's support for the epochs that are left, if any.

    In a short training the authors' last mu pulls little, and setting w to theta loses much: raise `last_mu` there.

    The optimizer keeps its memory, where the authors' code starts a new one for each learning step. They also lower
    the rate to 1/mu: keep `last_mu` far below 1 / learning rate.

    Attributes:
        era: first and last epoch of the learning steps, counted from 0, whole numbers; None: from a quarter to three
            quarters of the training. (The authors compress a trained network, in 800 epochs.)
        mu: of the first learning step, above 0. mu and last_mu are those of the authors' LeNet-300-100,
            9e-5 * 1.1^j for j = 0 ... 39.
        last_mu: of the last learning step, at least mu; the factor between two steps follows from both.
        every: epochs of a learning step; the last one may be shorter.
        multipliers: False leaves lambda at 0: the quadratic-penalty method.
    """

    name: ClassVar[str] = "learning-compression"
    title: ClassVar[str] = "LC"
    source: ClassVar[str] = (
        "Carreira-Perpinan and Idelbayev 2018, CVPR, Learning-Compression Algorithms for Neural Net Pruning, "
        "sec. 3 (constraint form, l0)"
    )
    when: ClassVar[str] = "learning and compression steps during training"

    era: Era = None
    mu: float = 9e-5
    last_mu: float = 3.7e-3
    every: Positive = 1
    multipliers: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset == "frozen":
            raise ConfigError(
                "learning-compression draws pruned weights to 0 and takes no frozen offset, which would put them back "
                "to their initial values; choose offset='zero' or 'dct'"
            )
        if not 0 < self.mu <= self.last_mu < math.inf:
            raise ConfigError(
                f"mu must be above 0 and not above last_mu, got {self.mu:g} and {self.last_mu:g}"
            )

    def pruner(self, training: TrainingState) -> Pruner:
        """The steps within the era.

        Raises:
            ConfigError: the era does not lie within the training, or is shorter than an epoch.
        """
        return _Alternation(self, training)


class _Alternation(Pruner):
    """`targets` is theta + lambda/mu and `lambdas` lambda, per layer; both empty outside the era."""

    def __init__(self, method: LearningCompression, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        first, last = era_epochs(training, method.era, default=(0.25, 0.75))
        self.first, self.last = math.floor(first), math.ceil(last)
        self.count = math.ceil((self.last - self.first) / method.every)
        self.targets: dict[str, Tensor] = {}
        self.lambdas: dict[str, Tensor] = {}

    def mu(self, number: int) -> float:
        """Of a learning step, counted from 0."""
        low, high = self.method.mu, self.method.last_mu
        return low * (high / low) ** (number / (self.count - 1)) if self.count > 1 else high

    @property
    def number(self) -> int:
        """Of the learning step that the epoch under way, or just begun, is in."""
        return (self.training.epoch - self.first) // self.method.every

    @property
    def settled(self) -> bool:
        return self.training.epoch >= self.last

    def before_training(self) -> None:
        if self.first == 0:
            self._begin()

    def penalty(self) -> Tensor | None:
        if not self.targets:
            return None
        gaps = [(value - self.targets[name]).square().sum() for name, value in self.training.values.items()]
        return 0.5 * self.mu(self.number) * torch.stack(gaps).sum()

    def end_of_epoch(self) -> None:
        training = self.training
        if training.epoch == self.first:
            self._begin()
        elif training.epoch == self.last:
            self._end()
        elif self.targets and (training.epoch - self.first) % self.method.every == 0:
            self._compress(self.number - 1)

    def _begin(self) -> None:
        """Direct compression: the first theta is the k largest weights, and lambda is 0."""
        weights = {name: value.detach() for name, value in self.training.values.items()}
        masks = self._largest(weights)
        self.targets = {name: weight.masked_fill(~masks[name], 0) for name, weight in weights.items()}
        self.lambdas = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def _compress(self, number: int) -> None:
        """The compression step and the multipliers' after a learning step, and the target of the next."""
        mu, following = self.mu(number), self.mu(number + 1)
        shifted = self._shifted(mu)
        masks = self._largest(shifted)
        for name, value in self.training.values.items():
            theta = shifted[name].masked_fill(~masks[name], 0)
            if self.method.multipliers:
                self.lambdas[name] -= mu * (value.detach() - theta)
            self.targets[name] = theta + self.lambdas[name] / following

    @torch.no_grad()
    def _end(self) -> None:
        """The last compression step; w becomes theta."""
        shifted = self._shifted(self.mu(self.count - 1))
        masks = self._largest(shifted)
        for name, value in self.training.values.items():
            value.copy_(shifted[name])
        self.training.set_masks(masks)
        self.targets, self.lambdas = {}, {}

    def _shifted(self, mu: float) -> dict[str, Tensor]:
        """W - lambda/mu."""
        return {
            name: value.detach() - self.lambdas[name] / mu for name, value in self.training.values.items()
        }

    def _largest(self, weights: dict[str, Tensor]) -> Masks:
        sizes = {name: weight.abs() for name, weight in weights.items()}
        masks = keep_highest(self.training, sizes, self.training.k, self.method.allocation)
        return {name: mask.to(weights[name].device) for name, mask in masks.items()}

    def state(self) -> dict[str, Any]:
        return {"targets": self.targets, "lambdas": self.lambdas}

    def resume(self, state: dict[str, Any]) -> None:
        self.targets, self.lambdas = state["targets"], state["lambdas"]
