"""A subject's method bound to one training: the course that it sees, and its pruner."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.utils.data import DataLoader

from sparserobust.data import AnySet
from sparserobust.data.examples import ScoringExamples
from sparserobust.device import dtype_of
from sparserobust.errors import ConfigError
from sparserobust.seeds import generator
from sparserobust.subject import Subject
from sparserobust.training.pruner import Course, Pruner
from sparserobust.training.recipe import Recipe


def pruner_of(
    subject: Subject,
    recipe: Recipe,
    train_set: AnySet,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    seed: int,
) -> Pruner:
    """What the subject's method does in this training; one that does nothing where its mask is fixed.

    Raises:
        ConfigError: the method follows a schedule and the data does not tell how many examples there are.
    """
    course = Course(
        weights=subject.weights,
        optimizer=optimizer,
        sparsity=subject.target_sparsity or 0.0,
        epochs=recipe.epochs,
        steps_per_epoch=0 if subject.pruning is None else steps_per_epoch(subject, recipe, train_set),
        generator=generator(seed, f"pruning, seed {subject.seed}"),
    )
    if subject.pruning is None:
        return Pruner(course)
    if subject.score_samples is not None and not isinstance(train_set, DataLoader):
        dtype = dtype_of(subject.model)
        course.examples = ScoringExamples(train_set, subject.score_samples, seed, device, dtype)
    pruner: Pruner = subject.pruning(course)
    return pruner


def steps_per_epoch(subject: Subject, recipe: Recipe, train_set: AnySet) -> int:
    """Optimizer steps of an epoch."""
    try:
        n = len(train_set)  # type: ignore[arg-type]
    except TypeError:
        raise ConfigError(
            f"{subject.method} must know how many examples there are; give a data set with a length"
        ) from None
    size = recipe.batch_size
    if isinstance(train_set, DataLoader):
        return n
    return n // size + (n % size > 1) if needs_two(subject.model) else math.ceil(n / size)


def needs_two(model: nn.Module) -> bool:
    """Whether a batch of one example cannot be trained on: BatchNorm has no variance of it."""
    return any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
