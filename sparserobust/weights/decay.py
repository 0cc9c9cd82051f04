"""Weight decay on frozen weights: one factor gamma per layer, moved as the optimizer would move each weight."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sparserobust.errors import ConfigError


class OffsetDecay:
    """The factors of frozen offsets gamma * W0, all 1 at the start.

    A frozen weight sees no gradient, only decay. Under SGD its update is linear in the weight, so that all
    weights of a layer keep the ratio gamma to their initial value: u <- mu * u + wd * gamma,
    gamma <- gamma - lr * u; with decoupled decay gamma <- gamma * (1 - lr * wd). Computed in float64.

    Attributes:
        gamma: name -> factor.
    """

    def __init__(self, names: list[str]) -> None:
        self.gamma = dict.fromkeys(names, 1.0)
        self._velocity: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """Factors and velocities, for a checkpoint."""
        return {"gamma": dict(self.gamma), "velocity": dict(self._velocity)}

    def resume(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        self.gamma, self._velocity = dict(state["gamma"]), dict(state["velocity"])

    @staticmethod
    def check(optimizer: torch.optim.Optimizer) -> None:
        """Raises ConfigError for an optimizer whose decay is not one factor per layer."""
        for group in optimizer.param_groups:
            if group.get("weight_decay") and not _is_linear(optimizer, group):
                raise ConfigError(
                    f"decay of a frozen offset needs SGD or decoupled weight decay, got "
                    f"{type(optimizer).__name__}, which moves each weight by another factor; use sgd or adamw "
                    '(in `train`, recipe="own" does)'
                )

    def step(self, optimizer: torch.optim.Optimizer, values: dict[str, Tensor]) -> None:
        """What one step of `optimizer`, which `check` accepted, does to a weight without gradient.

        Args:
            optimizer: after its step.
            values: name -> the parameter that the optimizer holds.
        """
        groups = {id(p): group for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in values.items():
            group = groups.get(id(parameter))
            if group is not None and group.get("weight_decay"):
                self._decay(name, group, isinstance(optimizer, torch.optim.SGD))

    def _decay(self, name: str, group: dict[str, Any], coupled: bool) -> None:
        lr, decay = float(group["lr"]), float(group["weight_decay"])
        if not coupled:
            self.gamma[name] *= 1 - lr * decay
            return
        pull = decay * self.gamma[name]
        if momentum := group["momentum"]:
            velocity = self._velocity.get(name)
            fresh = pull if velocity is None else momentum * velocity + (1 - group["dampening"]) * pull
            self._velocity[name] = fresh
            pull = pull + momentum * fresh if group["nesterov"] else fresh
        self.gamma[name] -= lr * pull


def _is_linear(optimizer: torch.optim.Optimizer, group: dict[str, Any]) -> bool:
    """Whether a step moves a weight without gradient by a factor that does not depend on the weight."""
    decoupled = isinstance(optimizer, torch.optim.AdamW) or bool(group.get("decoupled_weight_decay"))
    return isinstance(optimizer, torch.optim.SGD) or decoupled
