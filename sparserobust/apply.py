"""`sparsify`: a method bound to a model; and the list of methods."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.arguments import plain_numbers, seed_number
from sparserobust.data import AnyData, AnySet, Data, as_dataset, batches
from sparserobust.data.examples import ScoringExamples
from sparserobust.data.subset import without_loader
from sparserobust.device import dtype_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, ModelError, did_you_mean
from sparserobust.methods.base import Choice, FixedMask
from sparserobust.methods.during import DuringTraining
from sparserobust.models.fixup import fixup_alphas
from sparserobust.models.network import Network
from sparserobust.models.redraw import redraw
from sparserobust.origin import origin_of
from sparserobust.records import remark
from sparserobust.registry import methods
from sparserobust.seeds import derived_seed, generator
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.sparsity.probe import Probe
from sparserobust.subject import Subject
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.isolation import random_states_kept
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import dense_state
from sparserobust.weights.plan import check_finite, prunable_modules, require_module


def list_methods() -> list[str]:
    """Names that `sparsify` takes."""
    return methods.names()


@overload
def sparsify(
    model: nn.Module,
    method: str,
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
    method: str,
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
    method: str,
    sparsity: np.ndarray[Any, Any] | Tensor,
    data: AnyData | None = None,
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    **params: Any,
) -> Subject | list[Subject]: ...
def sparsify(
    model: nn.Module,
    method: str,
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
        method: one of `list_methods()`.
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
    bound = build_method(method, params)
    choices = choose_masks(model, bound, targets, data, seed, device)
    subjects = [
        bind(copy.deepcopy(model), bound, choice, target, seed)
        for choice, target in zip(choices, targets, strict=True)
    ]
    return subjects if isinstance(wanted, list) else subjects[0]


def choose_masks(
    model: nn.Module,
    method: FixedMask,
    targets: Sequence[float],
    data: AnyData | None,
    seed: int,
    device: str | torch.device,
) -> list[Choice]:
    """What a method keeps of a plain network at each sparsity; the network stays as it is.

    Raises:
        ModelError: nothing in it can be sparse, or it is not plain. The others are those of `sparsify`.
    """
    if isinstance(model, Subject):
        raise ModelError("sparsify takes a plain network, got a Subject; give it the dense network again")
    require_module(model)
    check_finite(model)
    if not prunable_modules(model):
        raise ModelError(f"{type(model).__name__} has no conv or linear layer; nothing in it can be sparse")
    if any(dct_offset_of(module) is not None for module in prunable_modules(model).values()):
        raise ModelError(
            "the model already has a DCT offset; sparsify the plain network that it was made from"
        )
    for name, module in model.named_modules():
        if "weight_orig" in module._parameters:
            raise ModelError(
                f"{name}.weight is pruned by torch.nn.utils.prune; make it a plain weight with prune.remove first"
            )
    with random_states_kept(), repeatable_kernels(), torch.enable_grad():
        probe = _probe(model, method, data, seed, resolve_device(device))
        return [method.choose(probe, target, generator(seed, "select")) for target in targets]


def bind(model: nn.Module, method: FixedMask, choice: Choice, sparsity: float, seed: int) -> Subject:
    """The model itself under the masks, with new weights where the method asks for a draw."""
    if method.control == "reinitialised":
        redraw(model, method.initialisation, derived_seed(seed, "reinitialised"))
    parent = dense_state(model)  # before the masks change it
    empty = [name for name, mask in choice.masks.items() if not mask.any()]
    weights = SparseWeights(
        model,
        choice.masks,
        method.offset,
        trainable_alpha=method.trainable_alpha,
        initial_alpha=_alphas(model, method),
        decay_offset=method.decay_offset,
    )
    return Subject(
        model=model,
        parent=parent,
        weights=weights,
        name=origin_of(model, "name") or type(model).__name__,
        label="dense" if method.name == "dense" else f"{method.variant()} {sparsity:g}",
        method=method.name,
        method_title=method.title,
        method_source=method.source,
        params=method.params(),
        changed=method.changed(),
        seed=seed,
        target_sparsity=sparsity,
        positions=method.positions,
        rescued=choice.rescued,
        score_samples=getattr(method, "score_samples", None) if method.needs_data else None,
        recipe=method.recipe,
        pruning=method.pruner if isinstance(method, DuringTraining) else None,
        prune_at_end=getattr(method, "prune_at_end", False),
        warnings=(*(remark("layer-collapsed", layer=name) for name in empty), *choice.notes),
    )


def _alphas(model: nn.Module, method: FixedMask) -> dict[str, float] | None:
    """Name -> alpha at the start of a DCT offset, None where it is 1 everywhere.

    Raises:
        ModelError: Fixup's initialisation is asked for and the network has no Fixup block.
    """
    if method.offset != "dct" or method.initial_alpha == "one":
        return None
    alphas = fixup_alphas(model, published=method.initial_alpha != "fixup")
    if alphas is None and method.initial_alpha != "auto":
        raise ModelError(
            f"initial_alpha={method.initial_alpha!r} needs a Fixup network, got "
            f"{origin_of(model, 'name') or type(model).__name__}; use 'one'"
        )
    return alphas


def build_method(name: str, params: dict[str, Any]) -> FixedMask:
    """The method with its parameters.

    Raises:
        PluginError: unknown method. ConfigError: unknown parameter.
    """
    factory = methods.load(name)
    known = [field.name for field in fields(factory)]
    for param in params:
        if param not in known:
            raise ConfigError(
                f"{name} has no parameter {param!r}{did_you_mean(param, known) or ';'} it takes {', '.join(known)}"
            )
    method: FixedMask = factory(**params)
    return method


def _probe(
    model: nn.Module, method: FixedMask, data: AnyData | None, seed: int, device: torch.device
) -> Probe:
    """The copy that the method scores on, with its examples or the shape of an image."""
    settings, split = method.scoring(), None if data is None else as_dataset(data, "train")
    if method.rule.needs == "shape" and "input_shape" not in settings:
        shape = origin_of(model, "input_shape")
        if shape is None and data is not None:
            shape = data.input_shape if isinstance(data, Data) else _shape_of(as_dataset(data, "test"))
        settings["input_shape"] = shape
    if method.needs_data:
        if split is None:
            raise ConfigError(f"{method.name} scores weights on training examples; give data=")
        settings["examples"] = ScoringExamples(
            without_loader(split), getattr(method, "score_samples", 100), seed, device, dtype_of(model)
        )
    probe = Probe(model, device, generator(seed, "score"), **settings)
    if method.rule.needs == "shape" and isinstance(probe.model, Network):
        probe.model.normalize = nn.Identity()  # type: ignore[assignment]  # the criterion's input is ready-made
    return probe


def _shape_of(dataset: AnySet) -> tuple[int, ...]:
    images, _ = next(batches(dataset, 1, torch.device("cpu")))
    return tuple(images.shape[1:])
