"""What of a model is not prunable, and whether anything of it was trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.slots import Slot, identity, value_in

Slots = Mapping[str, Slot]
"""Name of a prunable weight -> where it lives."""


def others_of(model: nn.Module, slots: Slots) -> dict[str, Tensor]:
    """The state_dict without what is prunable: biases, normalisation parameters, buffers; the live tensors."""
    seen = {identity(slot.values) for slot in slots.values()}
    seen |= {identity(dct.alpha) for slot in slots.values() if (dct := dct_offset_of(slot)) is not None}
    masked = {f"{name}_{part}" for name, slot in slots.items() if slot.is_masked for part in ("orig", "mask")}
    others: dict[str, Tensor] = {}
    for key, tensor in model.state_dict(keep_vars=True).items():
        if not isinstance(tensor, Tensor):  # what a quantised layer packs
            continue
        if identity(tensor) not in seen and key not in masked:
            seen.add(identity(tensor))
            others[key] = tensor
    return others


def as_drawn(
    model: nn.Module, slots: Slots, masks: Mapping[str, Tensor], parent: Mapping[str, Tensor]
) -> bool:
    """Whether all that could be trained, kept values, biases and norms, is what the parent's state_dict has.

    Values on a DCT offset start at 0 instead. Buffers do not count: a forward pass may change them.
    """
    for name, slot in slots.items():
        values, offset = slot.values.detach()[masks[name]].cpu(), dct_offset_of(slot)
        start = value_in(parent, name)[masks[name].cpu()] if offset is None else torch.zeros_like(values)
        if not torch.equal(values, start):
            return False
    return all(
        name in parent and torch.equal(tensor.detach().cpu(), parent[name])
        for name, tensor in others_of(model, slots).items()
        if isinstance(tensor, nn.Parameter)
    )


def dense_state(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the state_dict on the CPU, in the form that a subject's parent has."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
