"""`attach`: a method in a training loop of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from sparserobust.apply import build_method, make_subject
from sparserobust.arguments import image_size, seed_number, whole_number
from sparserobust.data import AnyData, as_dataset
from sparserobust.data.subset import without_loader
from sparserobust.device import device_of
from sparserobust.errors import ConfigError
from sparserobust.methods.base import Method
from sparserobust.methods.choose import choose_masks, plain_network
from sparserobust.outputs import OutputOf
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.training.attached import Attached, is_held
from sparserobust.training.pruner_for import pruner_for
from sparserobust.weights.copying import deep_copy
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.slots import Slot, slots_of


def attach(
    method: str | Method,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    sparsity: float,
    epochs: int,
    steps_per_epoch: int,
    data: AnyData | None = None,
    seed: int = 0,
    input_shape: Sequence[int] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
    **params: Any,
) -> Attached:
    """Binds a method to a model, in place, and to the optimizer of a training loop of one's own.

    In the loop `attached.step()` stands in the place of `optimizer.step()`, `attached.end_epoch()` after each epoch
    and `attached.finish()` after the last one; `loss + attached.penalty()` where a method has a penalty. What comes
    out is `attached.subject`, to be saved and evaluated like any other.

    Args:
        method: one of `list_methods()`, or a `Method` of one's own; before or during training.
        model: a plain network; its weights change now where the method prunes before training.
        optimizer: over its parameters. The scale of a DCT offset joins it as a group of its own.
        sparsity: in [0, 1).
        epochs: how many there will be; schedules follow it.
        steps_per_epoch: optimizer steps in each.
        data: for methods that score on training examples, as in `sparsify`.
        seed: of everything drawn.
        input_shape, exclude, output: as in `sparsify`.
        params: the method's parameters.

    Raises:
        ConfigError: as `sparsify`; or the optimizer has a method already, or the method cannot do its work in a
            training as long as this. Model and optimizer are then as they were.
        ModelError, DegenerateScores, PluginError: as `sparsify`.
    """
    model = plain_network(model)
    _check_optimizer(optimizer)
    check_sparsity(sparsity)
    epochs = whole_number("epochs", epochs, least=1)
    steps_per_epoch = whole_number("steps_per_epoch", steps_per_epoch, least=1)
    seed, built = seed_number(seed), build_method(method, params)
    shape = None if input_shape is None else image_size(input_shape)
    weights, (chosen,) = choose_masks(
        model,
        built,
        [sparsity],
        data,
        seed,
        device_of(model),
        input_shape=shape,
        exclude=exclude,
        output=output,
    )
    _check_held(optimizer, slots_of(model, chosen.masks))
    split = None if data is None else as_dataset(data, "train")

    def attached_to(model: nn.Module, optimizer: torch.optim.Optimizer) -> Attached:
        subject = make_subject(model, built, weights, chosen, sparsity, seed, output)
        offsets = [dct_offset_of(slot) for slot in subject.weights.slots.values()]
        if alphas := [dct.alpha for dct in offsets if dct is not None and dct.alpha.requires_grad]:
            optimizer.add_param_group({"params": alphas})
        pruner = pruner_for(
            subject,
            optimizer,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            examples=None if split is None else without_loader(split),
            seed=seed,
        )
        return Attached(pruner, subject)

    attached_to(*deep_copy((model, optimizer), model)).detach()  # what is refused leaves the model as it was
    attached = attached_to(model, optimizer)
    attached.pruner.before_training()
    return attached


def _check_optimizer(optimizer: object) -> None:
    """Raises ConfigError unless it is an optimizer, and free."""
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(f"optimizer must be one of torch's, got {type(optimizer).__name__}")
    if is_held(optimizer):
        raise ConfigError(
            "a method is attached to this optimizer already; end it with finish() or detach(), "
            "or begin again with a new model and a new optimizer"
        )


def _check_held(optimizer: torch.optim.Optimizer, slots: Mapping[str, Slot]) -> None:
    """Raises ConfigError unless the optimizer moves at least one weight of the model."""
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if not any(id(slot.values) in held for slot in slots.values()):
        raise ConfigError("the optimizer holds no weight of this model; make it from model.parameters()")
