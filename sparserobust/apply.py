"""`sparsify`: a method bound to a model; and the list of methods."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, overload

import torch
from torch import nn

from sparserobust.data import AnyData, as_dataset, batches, stratified_subset
from sparserobust.device import device_of, dtype_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, ModelError, did_you_mean
from sparserobust.methods.base import FixedMask
from sparserobust.registry import methods
from sparserobust.seeds import generator
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.subject import Subject, dense_state, origin_of
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.plan import check_finite, prunable_modules
from sparserobust.weights.untouched import untouched

SCORE_BATCH = 512


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
def sparsify(
    model: nn.Module,
    method: str,
    sparsity: float | Sequence[float] = 0.0,
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
        sparsity: fraction of prunable weights not kept, in [0, 1); a list gives a list of subjects from
            one scoring.
        data: where the criterion needs examples: its training split, or the examples given.
        seed: of everything drawn: support, ties, rescue, the examples scored on.
        device: where scores are computed; the copy stays on the model's own device.
        params: the method's parameters (`sparserobust describe METHOD` lists them).

    Raises:
        ConfigError: a sparsity or parameter that cannot be, or data is missing.
        DegenerateScores: the criterion cannot choose.
        PluginError: unknown method.
    """
    targets = list(sparsity) if isinstance(sparsity, Sequence) else [sparsity]
    for target in targets:
        check_sparsity(target)
    bound = build_method(method, params)
    check_finite(model)
    if not prunable_modules(model):
        raise ModelError(f"{type(model).__name__} has no conv or linear layer; nothing in it can be sparse")
    if any(dct_offset_of(module) is not None for module in prunable_modules(model).values()):
        raise ModelError(
            "the model already has a DCT offset; sparsify the plain network that it was made from"
        )
    importance = _score(model, bound, data, seed, resolve_device(device))
    subjects = []
    for target in targets:
        choice = bound.choose(importance, target, generator(seed, "select"))
        twin = copy.deepcopy(model)
        parent = dense_state(twin)  # before the masks change it
        empty = tuple(
            f"layer collapsed: {name} keeps no weight"
            for name, mask in choice.masks.items()
            if not mask.any()
        )
        subjects.append(
            Subject(
                model=twin,
                parent=parent,
                weights=SparseWeights(
                    twin, choice.masks, bound.offset, trainable_alpha=getattr(bound, "trainable_alpha", True)
                ),
                name=origin_of(model, "name") or type(model).__name__,
                label=method if method == "dense" else f"{method} {target:g}",
                method=method,
                method_source=bound.source,
                params=asdict(bound),
                seed=seed,
                target_sparsity=target,
                positions=bound.positions,
                rescued=choice.rescued,
                score_samples=bound.score_samples if bound.needs_data else None,
                recipe=bound.recipe,
                warnings=empty,
            )
        )
    return subjects if isinstance(sparsity, Sequence) else subjects[0]


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


def _score(
    model: nn.Module, method: FixedMask, data: AnyData | None, seed: int, device: torch.device
) -> dict[str, torch.Tensor]:
    """The method's scores on the CPU, with the model and all random states as before."""
    home = device_of(model)
    model.to(device)
    with untouched(model), repeatable_kernels(), torch.enable_grad():
        examples: list[tuple[torch.Tensor, torch.Tensor]] = []
        if method.needs_data:
            split = None if data is None else as_dataset(data, "train")
            if split is None:
                raise ConfigError(f"{method.name} scores weights on training examples; give data=")
            subset, _ = stratified_subset(split, method.score_samples, seed)
            examples = list(batches(subset, SCORE_BATCH, device, dtype=dtype_of(model)))
        scored = method.score(model.eval(), examples, generator(seed, "score"))
    model.to(home)
    return {name: tensor.detach().cpu() for name, tensor in scored.items()}
