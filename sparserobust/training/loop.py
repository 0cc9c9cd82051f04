"""One training loop for every family: the masks and offsets hold after each step, the best epoch is kept."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import torch
from torch import nn

from sparserobust.arguments import seed_number
from sparserobust.data import AnyData, Data, image_shape, training_examples
from sparserobust.device import device_of, repeatable, resolve_device
from sparserobust.errors import ConfigError
from sparserobust.outputs import OutputOf
from sparserobust.records import History
from sparserobust.scoring.trial import require_fitting
from sparserobust.subject import Subject
from sparserobust.training.checkpoint import identity
from sparserobust.training.precision import single_precision
from sparserobust.training.pruner_for import pruner_for_recipe
from sparserobust.training.recipe import Recipe
from sparserobust.training.recipe_files import AnyRecipe, recipe_for
from sparserobust.training.session import Session
from sparserobust.weights.isolation import modes_kept
from sparserobust.weights.usable import require_trainable, require_unfrozen


def train(
    subject: Subject | nn.Module,
    data: AnyData,
    *,
    epochs: int | None = None,
    recipe: AnyRecipe | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    lr: float | None = None,
    output: OutputOf = None,
    checkpoint: str | os.PathLike[str] | None = None,
    keep_checkpoint: bool = False,
    progress: bool = False,
) -> History:
    """Trains a subject in place and returns the history, which the subject carries from then on.

    After every step the weights off the mask are what the offset says, exactly. A method that prunes while it
    trains (`gradual-magnitude`, `rigl`) does so here. The epoch of the best validation accuracy (the earliest of
    equals) is kept, in adversarial training of the best robust one, because clean accuracy goes on rising while
    robustness falls; without a validation split the last one. Of a method that changes its mask only epochs
    count in which it has reached its sparsity. A method's `prune_at_end` then sets its frozen offset to zero, and
    the history says what that cost. With the same seed, device and number of threads the result is the same, bit
    for bit (on CUDA as far as its kernels are deterministic). A loss that is not finite ends the training: status
    "diverged", with the best weights so far.

    A network in half precision is trained on float32 weights, which are rounded to its own type at the end.

    The loss is the mean cross-entropy. A network that returns auxiliary logits while it trains, as GoogLeNet and
    Inception do, adds 0.3 times that of each (Szegedy et al. 2014, sec. 5); see `sparserobust.logits`.

    Args:
        subject: what `sparsify` returned, or a module of one's own.
        data: its training and validation splits; or the training examples alone.
        epochs: instead of the recipe's.
        recipe: name, TOML file, table (see `load_recipe`) or Recipe, or "own" for that of the subject's method; by
            default that of the data set (`Data.recipe`), and where it states none the general one, "snip-it".
        seed: of the order of the examples, their augmentation, the random starts of their perturbation and dropout.
        device: where to train; the model comes back to where it was.
        batch_size: instead of the recipe's.
        lr: the learning rate, instead of the recipe's.
        output: where the logits lie in what a bare module returns, as in `sparsify`.
        checkpoint: a file that is written after every epoch and deleted at the end. Where it is there already, the
            training goes on from it, to the same weights as without the interruption; give it the subject as it
            was made, because an interruption leaves the one it stopped with the best weights so far.
        keep_checkpoint: leaves the file where it is at the end, for a caller that has yet to save the subject.
        progress: a bar on the terminal.

    Raises:
        ConfigError: no training data, a setting that cannot be, or a checkpoint of another training.
    """
    subject = Subject.of(subject, partial(image_shape, data), output=output, train_zero_layers=True)
    found = require_fitting(subject, data, split="train")
    subject.output_found = subject.output_found or found
    seed = seed_number(seed)
    plan = _plan(subject, data, recipe, epochs=epochs, batch_size=batch_size, lr=lr)
    train_set = training_examples(data, "training")
    require_trainable(subject.model)
    require_unfrozen(subject.model)
    subject.made_from = None  # what is trained here is no longer what it says
    val_set = data.val if isinstance(data, Data) else None
    target = resolve_device(device)
    home = device_of(subject.model)
    file = None if checkpoint is None else Path(checkpoint)
    if file is not None and file.is_dir():
        raise ConfigError(f"checkpoint must be a file, {file} is a folder; name a file in it")
    subject.model.to(target)
    try:
        start = identity(subject, plan, seed, train_set, val_set)
        with modes_kept(subject.model), repeatable(seed, target), single_precision(subject.model):
            session = Session(subject, plan, train_set, val_set, target, seed, file, start)
            try:
                session.run(progress)
            finally:
                session.finish()
    finally:
        subject.model.to(home)
    subject.history = session.history(data.name if isinstance(data, Data) else "tensors")
    if file is not None and not keep_checkpoint:
        file.unlink(missing_ok=True)
    return subject.history


def started_from(
    subject: Subject,
    data: AnyData,
    *,
    epochs: int | None = None,
    recipe: AnyRecipe | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    lr: float | None = None,
) -> str:
    """`History.started_from` as `train` with the same arguments would record it: tells a finished training by it."""
    plan = _plan(subject, data, recipe, epochs=epochs, batch_size=batch_size, lr=lr)
    val_set = data.val if isinstance(data, Data) else None
    return identity(subject, plan, seed_number(seed), training_examples(data, "training"), val_set)


def check_trainable(
    subject: Subject,
    data: AnyData,
    *,
    epochs: int | None = None,
    recipe: AnyRecipe | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
) -> None:
    """Raises ConfigError where the subject's method cannot do its work in such a training, which is not begun."""
    plan = _plan(subject, data, recipe, epochs=epochs, batch_size=batch_size, lr=lr)
    examples = training_examples(data, "training")
    pruner_for_recipe(subject, plan.build_optimizer(list(subject.model.parameters())), plan, examples, seed=0)


def _plan(subject: Subject, data: AnyData, recipe: AnyRecipe | None, **changed: float | None) -> Recipe:
    """The recipe with what was changed in it, as it is for this data."""
    plan = recipe_for(recipe, data, subject.recipe)
    plan = plan.changed(**{name: value for name, value in changed.items() if value is not None})
    return plan.for_data(data.name if isinstance(data, Data) else None)
