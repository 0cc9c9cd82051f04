"""Test doubles made from functions: evaluators, attacks, a model with known distances, and misdeeds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.records import Outcome, ScoreSpec
from sparserobust.scoring import (
    Attack,
    Batch,
    Context,
    Evaluator,
    FixedBudgetAttack,
    Measurement,
    MinimumNormAttack,
)
from sparserobust.weights.plan import sha256_of


def evaluator_of(name: str, *, begin=None, update=None, finish=None) -> Evaluator:
    """An evaluator from functions; counts the examples it sees."""

    class Counting(Measurement):
        def __init__(self, context: Context) -> None:
            self.context, self.n = context, 0

        def update(self, batch: Batch) -> None:
            self.n += len(batch)
            if update is not None:
                update(batch)

        def finish(self) -> Outcome:
            if finish is not None:
                return finish(self.context)
            return evaluator.outcome(scores=(evaluator.score("examples", self.n),))

    class FromFunctions(Evaluator):
        source = "tests"
        scores = (ScoreSpec(name="examples", unit="count"),)

        def begin(self, context: Context) -> Measurement:
            if begin is not None:
                begin(context)
            return Counting(context)

    FromFunctions.name = name
    evaluator = FromFunctions()
    return evaluator


def attack_of(within: Callable[[Batch], object], *, eps=(0.1,), norm="linf", name="theirs") -> Attack:
    """A fixed-budget attack from a function."""

    class FromFunction(FixedBudgetAttack):
        source = "tests"

        def within(self, batch: Batch) -> object:
            return within(batch)

    FromFunction.name, FromFunction.norm = name, norm
    return FromFunction(eps=eps)


def minimum_of(nearest: Callable[[Batch], object], *, caps=(0.5, 1.0)) -> Attack:
    """A minimum-norm attack from a function."""

    class FromFunction(MinimumNormAttack):
        name, source, norm = "minimum", "tests", "l2"

        def nearest(self, batch: Batch) -> object:
            return nearest(batch)

    return FromFunction(eps=caps)


class Threshold(nn.Module):
    """Two classes by the mean pixel: logits (0, 50 * (mean - 1/2)); every minimal distance is known."""

    def __init__(self, pixels: int = 4) -> None:
        super().__init__()
        self.line = nn.Linear(pixels, 2)
        with torch.no_grad():
            self.line.weight.copy_(torch.stack([torch.zeros(pixels), torch.full((pixels,), 50.0 / pixels)]))
            self.line.bias.copy_(torch.tensor([0.0, -25.0]))

    def forward(self, images: Tensor) -> Tensor:
        return self.line(images.flatten(1))


def grey(values: list[float], labels: list[int]) -> tuple[Tensor, Tensor]:
    """2x2 images of one grey each."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone(), torch.tensor(labels)


def value(outcome: Outcome, name: str, at: float | None = None) -> float:
    return outcome.score(name, at=at).value


def with_mode(model: nn.Module) -> None:
    model.train()
    model(torch.rand(8, 1, 8, 8))  # moves the BatchNorm statistics


def with_data(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data.mul_(-2)


def with_copy(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)


def with_buffers(model: nn.Module) -> None:
    for buffer in model.buffers():
        buffer.data.fill_(9)


def with_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(True)
        parameter.grad = torch.ones_like(parameter)


def with_random_state(model: nn.Module) -> None:
    torch.manual_seed(12)
    np.random.seed(12)
    random.seed(12)


MISDEEDS = [with_mode, with_data, with_copy, with_buffers, with_gradients, with_random_state]


def state_of(model: nn.Module) -> tuple[object, ...]:
    return (
        sha256_of(model.state_dict()),
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        [np.asarray(part).tolist() for part in np.random.get_state()],
    )


def moved(by: float, eps: float = 0.1) -> Callable[[Batch], Iterator[tuple[float, Tensor]]]:
    return lambda batch: iter([(eps, batch.images + by)])


class Saturated(Threshold):
    """Class 0 with a constant lead where the mean is below 1/2, class 1 above; no gradient anywhere."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.flatten(1).mean(1)
        step = (mean > 0.5).float() * 10 - 5 + 0 * mean
        return torch.stack([-step, step], dim=1)


class WithWeights(nn.Module):
    """Gives a function something prunable, so that it is a subject."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.unused = function, nn.Linear(2, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)
