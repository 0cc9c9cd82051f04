"""What of a model is not prunable, and whether anything of it was trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.plan import prunable_modules, values_of

Modules = Mapping[str, nn.Module]
"""Name of a prunable weight -> its module."""


def others_of(model: nn.Module, modules: Modules | None = None) -> dict[str, Tensor]:
    """The state_dict without what is prunable: biases, normalisation parameters, buffers; the live tensors.

    Args:
        model: any.
        modules: its `prunable_modules`, where they are known already.
    """
    modules = prunable_modules(model) if modules is None else modules
    seen = {id(values_of(module)) for module in modules.values()}
    seen |= {id(dct.alpha) for module in modules.values() if (dct := dct_offset_of(module)) is not None}
    pruned = {f"{name}_{part}" for name in modules for part in ("orig", "mask")}  # of torch.nn.utils.prune
    others: dict[str, Tensor] = {}
    for key, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen and key not in pruned:
            seen.add(id(tensor))
            others[key] = tensor
    return others


def outside(model: nn.Module, modules: Modules) -> float | None:
    """Share of all entries of parameters with two or more dimensions that are not prunable; None without any."""
    sizes = {id(p): p.numel() for p in model.parameters() if p.ndim > 1}
    inside = {id(values_of(module)) for module in modules.values()}
    whole = sum(sizes.values())
    return sum(size for key, size in sizes.items() if key not in inside) / whole if whole else None


def as_drawn(
    model: nn.Module, modules: Modules, masks: Mapping[str, Tensor], parent: Mapping[str, Tensor]
) -> bool:
    """Whether all that could be trained, kept values, biases and norms, is what the parent's state_dict has.

    Values on a DCT offset start at 0 instead. Buffers do not count: a forward pass may change them.
    """
    for name, module in modules.items():
        values, offset = values_of(module).detach()[masks[name]].cpu(), dct_offset_of(module)
        start = parent[name][masks[name].cpu()] if offset is None else torch.zeros_like(values)
        if not torch.equal(values, start):
            return False
    return all(
        name in parent and torch.equal(tensor.detach().cpu(), parent[name])
        for name, tensor in others_of(model, modules).items()
        if isinstance(tensor, nn.Parameter)
    )


def dense_state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the state_dict on the CPU, in the form that a subject's parent has."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
