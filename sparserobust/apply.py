"""`sparsify`: a method bound to a model; and the list of methods."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.arguments import plain_numbers, seed_number
from sparserobust.data import AnyData, AnySet, Data, as_dataset, batches
from sparserobust.data.examples import ScoringExamples
from sparserobust.data.subset import without_loader
from sparserobust.device import dtype_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, ModelError, PluginError, did_you_mean
from sparserobust.methods.base import ChosenMasks, Method, PruneDuringTraining
from sparserobust.models.network import Network
from sparserobust.origin import origin_of
from sparserobust.records import remark
from sparserobust.registry import methods
from sparserobust.seeds import generator
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.subject import Subject
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.isolation import random_states_kept
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import dense_state
from sparserobust.weights.plan import check_finite, prunable_modules, require_module, weight_of


def list_methods() -> list[str]:
    """Names that `sparsify` takes."""
    return methods.names()


@overload
def sparsify(
    model: nn.Module,
    method: str | Method,
    sparsity: float = 0.0,
    data: AnyData | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    **params: Any,
) -> Subject: ...
@overload
def sparsify(
    model: nn.Module,
    method: str | Method,
    sparsity: Sequence[float],
    data: AnyData | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    **params: Any,
) -> list[Subject]: ...
@overload
def sparsify(
    model: nn.Module,
    method: str | Method,
    sparsity: np.ndarray[Any, Any] | Tensor,
    data: AnyData | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    **params: Any,
) -> Subject | list[Subject]: ...
def sparsify(
    model: nn.Module,
    method: str | Method,
    sparsity: float | Sequence[float] | np.ndarray[Any, Any] | Tensor = 0.0,
    data: AnyData | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    **params: Any,
) -> Subject | list[Subject]:
    """A sparse, frozen or DCT-offset copy of a model, ready to be trained; the model itself is unchanged.

    Args:
        model: any module with conv or linear layers that maps images to logits.
        method: one of `list_methods()`, or a `Method` of one's own.
        sparsity: fraction of prunable weights not kept, in [0, 1); a list or an array gives a list of subjects
            from one scoring.
        data: where the criterion needs examples: its training split, or the examples given.
        seed: of everything drawn: support, ties, rescue, the examples scored on; 0 <= seed < 2**32.
        device: where scores are computed; the copy stays on the model's own device.
        params: the method's parameters (`sparserobust describe METHOD` lists them).

    Raises:
        ConfigError: a sparsity or parameter that cannot be, or data is missing.
        DegenerateScores: the criterion cannot choose.
        PluginError: unknown method.
    """
    wanted, seed = plain_numbers(sparsity), seed_number(seed)
    targets = wanted if isinstance(wanted, list) else [wanted]
    for target in targets:
        check_sparsity(target)
    built = build_method(method, params)
    subjects = [
        make_subject(copy.deepcopy(model), built, chosen, target, seed)
        for chosen, target in zip(
            choose_masks(model, built, targets, data, seed, device), targets, strict=True
        )
    ]
    return subjects if isinstance(wanted, list) else subjects[0]


def choose_masks(
    model: nn.Module,
    method: Method,
    targets: Sequence[float],
    data: AnyData | None,
    seed: int,
    device: str | torch.device,
) -> list[ChosenMasks]:
    """What a method keeps of a plain network at each sparsity; the network stays as it is.

    Raises:
        ModelError: nothing in it can be sparse, or it is not plain. The others are those of `sparsify`.
        PluginError: the masks are not those of this network.
    """
    if isinstance(model, Subject):
        raise ModelError("sparsify takes a plain network, got a Subject; give it the dense network again")
    require_module(model)
    check_finite(model)
    modules = prunable_modules(model)
    if not modules:
        raise ModelError(f"{type(model).__name__} has no conv or linear layer; nothing in it can be sparse")
    if any(dct_offset_of(module) is not None for module in modules.values()):
        raise ModelError(
            "the model already has a DCT offset; sparsify the plain network that it was made from"
        )
    for name, module in model.named_modules():
        if "weight_orig" in module._parameters:
            raise ModelError(
                f"{name}.weight is pruned by torch.nn.utils.prune; make it a plain weight with prune.remove first"
            )
    with random_states_kept(), repeatable_kernels(), torch.enable_grad():
        target = resolve_device(device)
        scoring = _scoring_model(model, method, data, seed, target)
        chosen = [method.choose(scoring, target, generator(seed, "select")) for target in targets]
    for one in chosen:
        _check_masks(method, one, modules, target)
    return chosen


def _check_masks(
    method: Method, chosen: object, modules: Mapping[str, nn.Module], device: torch.device
) -> None:
    """Raises PluginError unless a method has chosen one mask for each prunable weight, and for nothing else."""
    if not isinstance(chosen, ChosenMasks):
        raise PluginError(f"{method.name} must choose ChosenMasks(masks), got {type(chosen).__name__}")
    masks = chosen.masks
    if missing := [name for name in modules if name not in masks]:
        raise PluginError(f"{method.name} chose no mask for {missing[0]}; every prunable weight needs one")
    if more := [name for name in masks if name not in modules]:
        raise PluginError(f"{method.name} chose a mask for {more[0]}, which is not prunable; leave it out")
    for name, module in modules.items():
        mask, shape = masks[name], tuple(weight_of(module).shape)
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


def make_subject(
    model: nn.Module, method: Method, chosen: ChosenMasks, sparsity: float, seed: int
) -> Subject:
    """The model itself under the masks, with new weights where the method asks for a draw."""
    method.redraw(model, seed)
    parent = dense_state(model)  # before the masks change it
    empty = [name for name, mask in chosen.masks.items() if not mask.any()]
    weights = SparseWeights(
        model,
        chosen.masks,
        method.offset,
        trainable_alpha=method.trainable_alpha,
        initial_alpha=method.initial_alphas(model),
        decay_offset=method.decay_offset,
    )
    return Subject(
        model=model,
        parent=parent,
        weights=weights,
        name=origin_of(model, "name") or type(model).__name__,
        **method.made(sparsity, seed),
        rescued=chosen.rescued,
        recipe=method.recipe,
        pruning=method.pruner if isinstance(method, PruneDuringTraining) else None,
        prune_at_end=method.prune_at_end,
        warnings=(*(remark("layer-collapsed", layer=name) for name in empty), *chosen.notes),
    )


def build_method(method: str | Method, params: Mapping[str, Any]) -> Method:
    """The method with its parameters; of one that is given whole these are changed.

    Raises:
        PluginError: unknown method, or what is registered by that name is none. ConfigError: unknown parameter.
    """
    factory = type(method) if isinstance(method, Method) else methods.load(method)
    if not (isinstance(factory, type) and issubclass(factory, Method)):
        raise PluginError(
            f"method {method!r} must be a class derived from sparserobust.methods.Method, got {factory!r}"
        )
    if missing := sorted(factory.__abstractmethods__):
        raise PluginError(
            f"method {method!r} ({factory.__name__}) does not write {', '.join(missing)}; add it"
        )
    known = [field.name for field in fields(factory)]
    for param in params:
        if param not in known:
            raise ConfigError(
                f"{factory.name} has no parameter {param!r}{did_you_mean(param, known) or ';'} "
                f"it takes {', '.join(known) or 'none'}"
            )
    return replace(method, **params) if isinstance(method, Method) else factory(**params)


def _scoring_model(
    model: nn.Module, method: Method, data: AnyData | None, seed: int, device: torch.device
) -> ScoringModel:
    """The copy that the method scores on, with its examples or the shape of an image."""
    settings, split = method.scoring(), None if data is None else as_dataset(data, "train")
    examples = None
    if method.needs == "shape" and "input_shape" not in settings:
        shape = origin_of(model, "input_shape")
        if shape is None and data is not None:
            shape = data.input_shape if isinstance(data, Data) else _shape_of(as_dataset(data, "test"))
        settings["input_shape"] = shape
    if method.samples is not None:
        if split is None:
            raise ConfigError(f"{method.name} scores weights on training examples; give data=")
        examples = ScoringExamples(without_loader(split), method.samples, seed, device, dtype_of(model))
    scoring = ScoringModel(model, device, generator(seed, "score"), examples=examples, **settings)
    if method.needs == "shape" and isinstance(scoring.network, Network):
        scoring.network.normalize = nn.Identity()  # type: ignore[assignment]  # the input is ready-made
    return scoring


def _shape_of(dataset: AnySet) -> tuple[int, ...]:
    images, _ = next(batches(dataset, 1, torch.device("cpu")))
    return tuple(images.shape[1:])
