"""A method's choice of masks for a network: what it sees of it and of the data, and whether its masks fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from sparserobust.data import AnyData, image_shape, training_examples
from sparserobust.data.examples import ScoringExamples
from sparserobust.data.subset import without_loader
from sparserobust.device import repeatable_kernels, resolve_device, working_dtype
from sparserobust.errors import ConfigError, ModelError, PluginError, said_by
from sparserobust.methods.base import ChosenMasks, Method
from sparserobust.models.network import Network
from sparserobust.origin import origin_of
from sparserobust.outputs import OutputOf
from sparserobust.seeds import generator
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.subject import Subject
from sparserobust.uses import ModelWeights, weights_of
from sparserobust.weights.isolation import random_states_kept
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.plan import model_copy
from sparserobust.weights.slots import Slot, slots_of
from sparserobust.weights.usable import require_trainable, usable


def plain_network(model: object) -> nn.Module:
    """The network that a method can be bound to, out of the wrappers that `usable` knows.

    Raises:
        ModelError: it cannot be used, is a Subject, quantised or complex.
    """
    if isinstance(model, Subject):
        raise ModelError("sparsify takes a plain network, got a Subject; give it the dense network again")
    network = usable(model)
    require_trainable(network)
    for name, module in network.named_modules():
        own = None if isinstance(module, torch.jit.ScriptModule) else vars(module).get("forward")
        if (
            own is not None
            and "_orig_mod" not in module._modules
            and getattr(own, "__self__", None) is not module
        ):
            raise ModelError(
                f"the forward of {name or type(network).__name__} was replaced on the instance, and a copy would run "
                "the original's; write it as a method of a class"
            )
    return network


def choose_masks(
    model: nn.Module,
    method: Method,
    targets: Sequence[float],
    data: AnyData | None,
    seed: int,
    device: str | torch.device,
    *,
    input_shape: tuple[int, ...] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
) -> tuple[ModelWeights, list[ChosenMasks]]:
    """(which weights of a plain network can be sparse, what a method keeps of them at each sparsity).

    The network stays as it is.

    Arguments as `sparsify` takes them.

    Raises:
        ModelError: nothing in it can be sparse, or it is not plain. The others are those of `sparsify`.
        PluginError: the masks are not those of this network.
    """
    shape = input_shape or _shape_of(model, data)
    copied = model_copy(model)  # as the subject will be one: what a copy reads from the original has no mask
    weights = weights_of(copied, shape, exclude=exclude)
    slots = slots_of(model, weights.prunable)
    if not slots:
        raise ModelError(
            f"{type(model).__name__} multiplies its images by no weight; nothing in it can be sparse"
        )
    if any(dct_offset_of(slot) is not None for slot in slots.values()):
        raise ModelError(
            "the model already has a DCT offset; sparsify the plain network that it was made from"
        )
    if masked := [name for name, slot in slots.items() if slot.is_masked]:
        raise ModelError(
            f"{masked[0]} is pruned by torch.nn.utils.prune; make it a plain weight with prune.remove first"
        )
    with random_states_kept(), repeatable_kernels(model), torch.enable_grad():
        target = resolve_device(device)
        scoring = _scoring_model(model, list(slots), method, data, shape, seed, target, output)
        try:
            chosen = [method.choose(scoring, target, generator(seed, "select")) for target in targets]
        except RuntimeError as error:
            if len(types := {str(p.dtype).removeprefix("torch.") for p in model.parameters()}) == 1:
                raise
            raise ModelError(
                f"{type(model).__name__} has parameters of several types ({', '.join(sorted(types))}), and scores are "
                f"taken in one: {said_by(error)}; make it model.float()"
            ) from error
    for one in chosen:
        _check_masks(method, one, slots, target)
    return weights, chosen


def _check_masks(method: Method, chosen: object, slots: Mapping[str, Slot], device: torch.device) -> None:
    """Raises PluginError unless a method has chosen one mask for each prunable weight, and for nothing else."""
    if not isinstance(chosen, ChosenMasks):
        raise PluginError(f"{method.name} must choose ChosenMasks(masks), got {type(chosen).__name__}")
    masks = chosen.masks
    if missing := [name for name in slots if name not in masks]:
        raise PluginError(f"{method.name} chose no mask for {missing[0]}; every prunable weight needs one")
    if more := [name for name in masks if name not in slots]:
        raise PluginError(f"{method.name} chose a mask for {more[0]}, which is not prunable; leave it out")
    for name, slot in slots.items():
        mask, shape = masks[name], tuple(slot.values.shape)
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
            got = mask.dtype if isinstance(mask, Tensor) else type(mask).__name__
            raise PluginError(
                f"{method.name} chose a mask of {got} for {name}; it must be torch.bool, True = kept"
            )
        if mask.device.type not in ("cpu", device.type):
            raise PluginError(
                f"{method.name} chose a mask on {mask.device} for {name}; it must be on the CPU or on {device}"
            )
        if tuple(mask.shape) != shape:
            raise PluginError(
                f"{method.name} chose a mask of shape {tuple(mask.shape)} for {name}; it must be that of the weight, "
                f"{shape}"
            )


def _scoring_model(
    model: nn.Module,
    names: list[str],
    method: Method,
    data: AnyData | None,
    shape: tuple[int, ...] | None,
    seed: int,
    device: torch.device,
    output: OutputOf,
) -> ScoringModel:
    """The copy that the method scores on, with its examples or the shape of an image."""
    settings, examples = method.scoring(), None
    settings.setdefault("input_shape", shape)
    if method.samples is not None:
        if data is None:
            raise ConfigError(f"{method.name} scores weights on training examples; give data=")
        split = training_examples(data, method.name)
        examples = ScoringExamples(without_loader(split), method.samples, seed, device, working_dtype(model))
    scoring = ScoringModel(
        model, names, device, generator(seed, "score"), examples=examples, output=output, **settings
    )
    if method.needs == "shape" and isinstance(scoring.network.network, Network):
        scoring.network.network.normalize = nn.Identity()  # type: ignore[assignment]  # the input is ready-made
    return scoring


def _shape_of(model: nn.Module, data: AnyData | None) -> tuple[int, ...] | None:
    """(c, h, w) of the images as the model's origin or the data says; None where neither does."""
    shape: tuple[int, ...] | None = origin_of(model, "input_shape")
    return shape if shape is not None or data is None else image_shape(data)
