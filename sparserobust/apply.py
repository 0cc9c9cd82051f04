"""`sparsify`: a method bound to a model; and the list of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.arguments import image_size, plain_numbers, seed_number
from sparserobust.data import AnyData
from sparserobust.errors import ConfigError, PluginError, did_you_mean
from sparserobust.methods.base import ChosenMasks, Method, PruneDuringTraining
from sparserobust.methods.choose import choose_masks, plain_network
from sparserobust.origin import origin_of
from sparserobust.outputs import OutputOf
from sparserobust.records import Remark, remark
from sparserobust.registry import methods
from sparserobust.scoring.trial import require_fitting
from sparserobust.sparsity.allocation import check_sparsity
from sparserobust.subject import Subject
from sparserobust.uses import ModelWeights, Thirds
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.computed import check_computed
from sparserobust.weights.others import dense_state
from sparserobust.weights.plan import model_copy


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
    input_shape: Sequence[int] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
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
    input_shape: Sequence[int] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
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
    input_shape: Sequence[int] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
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
    input_shape: Sequence[int] | None = None,
    exclude: str | Sequence[str] = (),
    output: OutputOf = None,
    **params: Any,
) -> Subject | list[Subject]:
    """A sparse, frozen or DCT-offset copy of a model, ready to be trained; the model itself is unchanged.

    Args:
        model: any module that takes images (n, c, h, w) in [0, 1] and returns logits, alone or among other things.
        method: one of `list_methods()`, or a `Method` of one's own.
        sparsity: fraction of prunable weights not kept, in [0, 1); a list or an array gives a list of subjects
            from one scoring.
        data: where the score needs examples: its training split, or the examples given.
        seed: of everything drawn: support, ties, rescue, the examples scored on; 0 <= seed < 2**32.
        device: where scores are computed; the copy stays on the model's own device.
        input_shape: (c, h, w) of the images, where neither the model nor `data` says it. Which weights can be sparse
            shows in a forward pass; without any of the three the usual shapes are tried.
        exclude: what is to stay dense: names of parameters or modules, or patterns such as "patch_embed.*". Every
            sparsity is then a share of the other weights.
        output: where the logits lie in what the model returns, where it is none of the usual places: a place in a
            tuple, a key or attribute ("head.logits"), or a function that takes them out.
        params: the method's parameters (`sparserobust describe METHOD` lists them).

    Raises:
        ConfigError: a sparsity or parameter that cannot be, or data is missing.
        DegenerateScores: the scores cannot choose.
        PluginError: unknown method.
    """
    model = plain_network(model)
    wanted, seed = plain_numbers(sparsity), seed_number(seed)
    targets = wanted if isinstance(wanted, list) else [wanted]
    for target in targets:
        check_sparsity(target)
    built = build_method(method, params)
    found_at = None if data is None else require_fitting(model, data, split="train", output=output)
    shape = None if input_shape is None else image_size(input_shape)
    weights, found = choose_masks(
        model, built, targets, data, seed, device, input_shape=shape, exclude=exclude, output=output
    )
    subjects = [
        make_subject(model_copy(model), built, weights, chosen, target, seed, output, found_at)
        for chosen, target in zip(found, targets, strict=True)
    ]
    return subjects if isinstance(wanted, list) else subjects[0]


def make_subject(
    model: nn.Module,
    method: Method,
    own: ModelWeights,
    chosen: ChosenMasks,
    sparsity: float,
    seed: int,
    output: OutputOf = None,
    output_found: str | None = None,
) -> Subject:
    """The model itself under the masks, with new weights where the method asks for a draw.

    Args:
        own: which of its weights the masks are of, and what stands outside.
    """
    method.redraw(model, seed)
    parent = dense_state(model)  # before the masks change it
    empty = [one for name, mask in chosen.masks.items() for one in _collapsed(name, mask, own.thirds)]
    weights = SparseWeights(
        model,
        chosen.masks,
        method.offset,
        trainable_alpha=method.trainable_alpha,
        initial_alpha=method.initial_alphas(model),
        decay_offset=method.decay_offset,
    )
    check_computed(model)
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
        warnings=(*own.not_run, *empty, *chosen.notes),
        exclude=own.exclude,
        outside=own.outside,
        thirds=dict(own.thirds),
        output=output,
        output_found=output_found,
    )


def _collapsed(name: str, mask: Tensor, thirds: Mapping[str, Thirds]) -> list[Remark]:
    """That a layer keeps nothing, or that the query, key or value of a fused one does not."""
    if not mask.any():
        return [remark("layer-collapsed", layer=name)]
    parts = thirds[name].kept(mask) if name in thirds else {}
    return [remark("layer-collapsed", layer=name, part=part) for part, (_, kept) in parts.items() if not kept]


def build_method(method: str | Method, params: Mapping[str, Any]) -> Method:
    """The method with its parameters; of one that is given whole these are changed.

    Raises:
        PluginError: unknown method, or what is registered by that name is none. ConfigError: unknown parameter.
    """
    factory = type(method) if isinstance(method, Method) else methods.kind(method, Method)
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
