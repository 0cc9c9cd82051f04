"""What a subject's method does in one training: its pruner, with the state of the training that it sees."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.utils.data import DataLoader

from sparserobust.data import AnySet
from sparserobust.data.examples import ScoringExamples
from sparserobust.device import device_of, working_dtype
from sparserobust.errors import ConfigError, PluginError
from sparserobust.pruner import NoPruning, Pruner, TrainingState
from sparserobust.seeds import generator
from sparserobust.subject import Subject
from sparserobust.training.recipe import Recipe


def pruner_for(
    subject: Subject,
    optimizer: torch.optim.Optimizer,
    *,
    epochs: int,
    steps_per_epoch: int,
    examples: AnySet | None,
    seed: int,
) -> Pruner:
    """What the subject's method does in one training; nothing where its mask is fixed.

    Args:
        optimizer: over the model's parameters; both are on their device.
        epochs: of the training.
        steps_per_epoch: optimizer steps in each.
        examples: that the method scores on, if it does; no DataLoader.
        seed: of everything that is drawn.
    """
    training = TrainingState(
        weights=subject.weights,
        optimizer=optimizer,
        sparsity=subject.target_sparsity or 0.0,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        generator=generator(seed, f"pruning, seed {subject.seed}"),
    )
    if subject.pruning is None:
        return NoPruning(training)
    if subject.score_samples is not None and examples is not None:
        model = subject.model
        training.examples = ScoringExamples(
            examples, subject.score_samples, seed, device_of(model), working_dtype(model)
        )
    pruner = subject.pruning(training)
    if not isinstance(pruner, Pruner) or getattr(pruner, "training", None) is not training:
        raise PluginError(
            f"pruner() of {subject.method} must return a Pruner of the training that it is given, got "
            f"{type(pruner).__name__}; one with an __init__ of its own calls super().__init__(training)"
        )
    return pruner


def pruner_for_recipe(
    subject: Subject, optimizer: torch.optim.Optimizer, recipe: Recipe, train_set: AnySet, seed: int
) -> Pruner:
    """What the subject's method does in a training by this recipe on these examples.

    Raises:
        ConfigError: it cannot do its work in such a training.
    """
    return pruner_for(
        subject,
        optimizer,
        epochs=recipe.epochs,
        steps_per_epoch=steps_per_epoch(subject, recipe, train_set),
        examples=None if isinstance(train_set, DataLoader) else train_set,
        seed=seed,
    )


def steps_per_epoch(subject: Subject, recipe: Recipe, train_set: AnySet) -> int:
    """Optimizer steps of an epoch; 0 where the mask is fixed and nobody asks.

    Raises:
        ConfigError: the method follows a schedule and the data does not tell how many examples there are.
    """
    if subject.pruning is None:
        return 0
    try:
        n = len(train_set)  # type: ignore[arg-type]
    except TypeError:
        raise ConfigError(
            f"{subject.method} must know how many examples there are; give a data set with a length"
        ) from None
    size = recipe.batch_size
    if isinstance(train_set, DataLoader):
        if train_set.batch_size is None or not hasattr(train_set.dataset, "__len__"):
            return n
        n, size = len(train_set.dataset), train_set.batch_size
        if train_set.drop_last:
            return n // size
    return n // size + (n % size > 1) if needs_two(subject.model) else math.ceil(n / size)


def needs_two(model: nn.Module) -> bool:
    """Whether a batch of one example cannot be trained on: BatchNorm has no variance of it."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
