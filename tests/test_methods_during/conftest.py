"""A training without a training loop, and trainings that are watched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.models.layers import layers_of
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.subject import Subject
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe, train
from sparserobust.training.attached import Attached
from sparserobust.weights.attach import SparseWeights


@pytest.fixture(scope="session")
def make_pruner() -> Callable[..., Pruner]:
    """make_pruner(model, method, sparsity, epochs, ...): a method's pruner in a training at its very start."""

    def make(
        model: nn.Module,
        method: str,
        sparsity: float,
        epochs: int,
        *,
        steps_per_epoch: int = 1,
        lr: float = 0.1,
        momentum: float = 0.0,
        **params: Any,
    ) -> Pruner:
        masks = {name: torch.ones_like(m.weight, dtype=torch.bool) for name, m in layers_of(model).items()}
        training = TrainingState(
            weights=SparseWeights(model, masks, "zero"),
            optimizer=torch.optim.SGD(model.parameters(), lr, momentum=momentum),
            sparsity=sparsity,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            generator=torch.Generator().manual_seed(0),
        )
        return build_method(method, params).pruner(training)

    return make


@pytest.fixture(scope="session")
def hold() -> Callable[[Pruner], Attached]:
    """hold(pruner): it attached to its training's model and optimizer, for a loop of one's own."""

    def make(pruner: Pruner) -> Attached:
        training = pruner.training
        return Attached(pruner, Subject(training.model, training.weights, "t", "t"))

    return make


@pytest.fixture(scope="session")
def train_bars() -> Callable[..., Subject]:
    """train_bars(method, sparsity, watch=, recipe=, **params): a small convolutional network on bars, trained.

    `watch` sees the pruner before and after each end of an epoch: watch(pruner, before).
    """

    def run(
        method: str,
        sparsity: float,
        *,
        watch: Callable[[Any, bool], None] = lambda pruner, before: None,
        recipe: dict[str, Any] | None = None,
        kind: int = 0,
        **params: Any,
    ) -> Subject:
        data = small_data()
        subject = sr.sparsify(small_networks()[kind], method, sparsity, data, **params)
        if subject.pruning is not None:
            make = subject.pruning

            def watched(training: TrainingState) -> Pruner:
                pruner = make(training)
                inner = pruner.end_of_epoch

                def end_of_epoch() -> None:
                    watch(pruner, True)
                    inner()
                    watch(pruner, False)

                pruner.end_of_epoch = end_of_epoch
                return pruner

            subject.pruning = watched
        plan = {"name": "t", "source": "test", "optimizer": "sgd", "lr": 0.05, "momentum": 0.9}
        plan |= {"batch_size": 16, "epochs": 8} | (recipe or {})
        train(subject, data, recipe=Recipe.model_validate(plan))
        return subject

    return run
