"""Dynamic network surgery: pruned weights go on learning out of sight, and come back when they have grown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Lt
from torch import Tensor

from sparserobust.methods.during import Era, StartsFull, era_steps, keep_highest
from sparserobust.pruner import Masks, Pruner, TrainingState


def update_probability(iteration: int, gamma: float, power: float) -> float:
    """(1 + gamma * iteration) ** -power: how probable it is that a step updates the masks; 1 at iteration 0.

    Source: the authors' code; Guo et al. 2016, sec. 3.3, only asks sigma(iter) not to rise.
    """
    return float((1 + gamma * iteration) ** -power)


@dataclass(frozen=True, kw_only=True)
class DynamicNetworkSurgery(StartsFull):
    """Prunes what falls below one threshold, and splices back what rises above another, higher one.

    A layer's thresholds are a = (1 - margin) t and b = (1 + margin) t, with t = mean + c * deviation of its absolute
    weights as they were when surgery began (the authors' code). The paper picks c for each layer; here one c, or one
    per layer under an allocation, is solved for by rank, so that exactly the target is kept: at the first update, at
    the first one of each epoch, so that thresholds follow the weights, and at the last. In between the number kept
    may drift.

    A pruned weight is exactly 0 in the network. Its surrogate, which starts at its last value, goes on as under SGD:
    with the gradient of the loss at the pruned network, and the optimizer's learning rate, weight decay and (SGD's)
    momentum. Adam's scaling is not copied: raise `speed` there. A weight that comes back has the surrogate's value,
    and no momentum. One draw decides for all layers whether a step updates the masks, where the authors draw for each.

    Attributes:
        era: first and last epoch of surgery, counted from 0; None: from 10/26 to 24/26 of the training, as for the
            paper's LeNet-5 (10k iterations of the dense network, masks fixed after 14k of another 16k).
        threshold: "deviation", the rule above, or "magnitude": the same t in every layer, which is solved for. Under
            an allocation other than "global" both keep the same weights.
        margin: half of the distance between the thresholds, relative, in [0, 1); 0 is no hysteresis.
        gamma: how fast updates become rare, at least 0: their probability is (1 + gamma * iteration) ** -power, the
            iteration counted from the first step of surgery. The authors' example value.
        power: see gamma; at least 0.
        speed: learning rate of the surrogates, in multiples of the optimizer's.
    """

    name: ClassVar[str] = "dynamic-network-surgery"
    title: ClassVar[str] = "Network surgery"
    source: ClassVar[str] = "Guo et al. 2016, arXiv:1608.04493, sec. 3, eq. 3 and Algorithm 1"
    when: ClassVar[str] = "prune and splice during training"

    era: Era = None
    threshold: Literal["deviation", "magnitude"] = "deviation"
    margin: Annotated[float, Ge(0), Lt(1)] = 0.1
    gamma: Annotated[float, Ge(0)] = 1e-4
    power: Annotated[float, Ge(0)] = 1.0
    speed: Annotated[float, Ge(0)] = 1.0

    def pruner(self, training: TrainingState) -> Pruner:
        """Surgery in the era.

        Raises:
            ConfigError: the era does not lie within the training.
        """
        return _Surgery(self, training)


class _Surgery(Pruner):
    """Surrogates and their momentum are 0 on the mask; all dicts are empty before the first update and after the last.

    `means` and `deviations` are those of |weight| per layer, `bounds` the c of each layer.
    """

    PARTS = ("surrogates", "velocities", "means", "deviations", "bounds")

    def __init__(self, method: DynamicNetworkSurgery, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        self.first, self.last = era_steps(training, method.era, default=(10 / 26, 24 / 26))
        self.surrogates: dict[str, Tensor] = {}
        self.velocities: dict[str, Tensor] = {}
        self.means: dict[str, Tensor] = {}
        self.deviations: dict[str, Tensor] = {}
        self.bounds: dict[str, Tensor] = {}
        self.solve = True
        self.ended = False

    @property
    def settled(self) -> bool:
        return self.training.step >= self.last or self.ended

    @torch.no_grad()
    def after_backward(self) -> bool:
        """Surrogates take their step of SGD; the masks hide their gradients from the optimizer only afterwards."""
        if not self.surrogates:
            return False
        groups = {id(p): group for group in self.training.optimizer.param_groups for p in group["params"]}
        for name, value in self.training.values.items():
            group = groups.get(id(value))
            if group is None or value.grad is None:
                continue
            surrogate, velocity = self.surrogates[name], self.velocities[name]
            velocity.mul_(group.get("momentum", 0.0)).add_(value.grad)
            velocity.add_(surrogate, alpha=group.get("weight_decay", 0.0))
            velocity.masked_fill_(self.training.masks[name], 0)
            surrogate.sub_(velocity, alpha=float(group["lr"]) * self.method.speed)
        return False

    def after_step(self) -> None:
        training = self.training
        if not self.first <= training.step <= self.last or training.k == training.prunable:
            return
        if not self.surrogates:
            self._begin()
        probability = update_probability(training.step - self.first, self.method.gamma, self.method.power)
        last = training.step == self.last
        if last or float(torch.rand((), generator=training.generator)) < probability:
            self._update(exactly=self.solve or last)
            self.solve = False
        if last:
            self._end()

    def finish(self) -> None:
        """The last update, where there were fewer steps than foreseen."""
        if self.settled or self.training.k == self.training.prunable:
            return
        if not self.surrogates:
            self._begin()
        self._update(exactly=True)
        self._end()

    def _end(self) -> None:
        self.ended = True
        for part in self.PARTS:
            getattr(self, part).clear()

    def end_of_epoch(self) -> None:
        self.solve = True

    def _begin(self) -> None:
        for name, value in self.training.values.items():
            self.surrogates[name] = torch.zeros_like(value)
            self.velocities[name] = torch.zeros_like(value)
            size, tiny = value.detach().abs(), torch.finfo(value.dtype).tiny
            plain = self.method.threshold == "magnitude"
            self.means[name] = size.new_tensor(0.0) if plain else size.mean()
            self.deviations[name] = size.new_tensor(1.0) if plain else size.std(correction=0).clamp_min(tiny)

    @torch.no_grad()
    def _update(self, *, exactly: bool) -> None:
        """Prunes and splices, by thresholds that are solved for or by those of the last time."""
        training, old = self.training, self.training.masks
        whole = {
            name: torch.where(old[name], v.detach(), self.surrogates[name])
            for name, v in training.values.items()
        }
        scores = {name: self._score(name, weight) for name, weight in whole.items()}
        if exactly:
            everywhere = {name: torch.ones_like(mask) for name, mask in old.items()}
            masks = keep_highest(training, scores, training.k, self.method.allocation, among=everywhere)
            self.bounds = _bounds(scores, masks, together=self.method.allocation == "global")
        else:
            masks = {name: score >= self.bounds[name] for name, score in scores.items()}
        moved = {name: mask != old[name] for name, mask in masks.items()}
        training.set_masks(masks)
        for name, value in training.values.items():
            value.copy_(torch.where(masks[name], whole[name], value))
            self.surrogates[name] = whole[name].masked_fill_(masks[name], 0)
            self.velocities[name].masked_fill_(moved[name], 0)

    def _score(self, name: str, weight: Tensor) -> Tensor:
        """At least c where a kept weight reaches a, or a pruned one b."""
        handicap = (1 - self.method.margin) / (1 + self.method.margin)
        size = weight.abs()
        size = torch.where(self.training.masks[name], size, size * handicap)
        return (size - self.means[name]) / self.deviations[name]

    def state(self) -> dict[str, Any]:
        return {part: getattr(self, part) for part in self.PARTS}

    def resume(self, state: dict[str, Any]) -> None:
        for part in self.PARTS:
            setattr(self, part, state[part])


def _bounds(scores: dict[str, Tensor], masks: Masks, *, together: bool) -> dict[str, Tensor]:
    """Name -> the lowest score that is kept, in the layer or in the whole network; infinite where none is."""
    lowest = {
        name: score[masks[name]].min() if bool(masks[name].any()) else score.new_tensor(math.inf)
        for name, score in scores.items()
    }
    return dict.fromkeys(lowest, torch.stack(list(lowest.values())).min()) if together else lowest
