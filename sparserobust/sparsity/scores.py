"""How important is a weight: one function per criterion, all with one signature.

A score takes `(model, batches, generator)` and returns name -> importance, a tensor of the weight's shape,
larger = keep. `batches` are (images, labels) pairs, empty for criteria that need no data. The caller guards
the model's state and chooses its mode; scores change nothing themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.weights.plan import prunable_modules, weight_of

Batches = Sequence[tuple[Tensor, Tensor]]
ScoreFunction = Callable[[nn.Module, Batches, torch.Generator], dict[str, Tensor]]


def magnitude(model: nn.Module, batches: Batches, generator: torch.Generator) -> dict[str, Tensor]:
    """|w|.

    Source: Han et al. 2015, sec. 3; here one shot and without retraining cycles.
    """
    return {name: weight_of(module).detach().abs() for name, module in prunable_modules(model).items()}


def random(model: nn.Module, batches: Batches, generator: torch.Generator) -> dict[str, Tensor]:
    """Uniform draws in (0, 1], one per weight, so that any k of them are equally likely."""
    scores = {}
    for name, module in prunable_modules(model).items():
        weight = weight_of(module)
        draws = 1 - torch.rand(weight.shape, generator=generator, dtype=torch.float64)
        scores[name] = draws.to(weight.device)
    return scores


def snip(model: nn.Module, batches: Batches, generator: torch.Generator) -> dict[str, Tensor]:
    """|w * dL/dw|, the connection sensitivity, with L the mean cross-entropy over all examples given.

    One forward and one backward pass per batch; gradients of several batches add up to that of the whole.
    The paper divides by the sum over all weights, which changes no ranking and is left out.

    Source: Lee et al. 2019 (SNIP), eq. 5; Wimmer et al. 2020 (FreezeNet), eq. 1.
    """
    modules = prunable_modules(model)
    weights = [weight_of(module) for module in modules.values()]
    examples = sum(len(labels) for _, labels in batches)
    total: list[Tensor] = [torch.zeros_like(w) for w in weights]
    for images, labels in batches:
        loss = F.cross_entropy(model(images), labels, reduction="sum") / examples
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        for sum_, gradient in zip(total, gradients, strict=True):
            if gradient is not None:
                sum_ += gradient
    return {
        name: (w.detach() * gradient).abs() for name, w, gradient in zip(modules, weights, total, strict=True)
    }


CRITERIA: dict[str, ScoreFunction] = {"magnitude": magnitude, "random": random, "snip": snip}
"""By name, as a method's `criterion`."""

NEED_DATA = frozenset({"snip"})
"""Criteria that see training examples."""
