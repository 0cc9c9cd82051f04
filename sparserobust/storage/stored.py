"""What the file of a saved model holds: kept values, masks, and all that is not prunable."""

from __future__ import annotations

import torch
from torch import Tensor

from sparserobust.storage.codecs import pack_mask
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.others import others_of


def stored_tensors(weights: SparseWeights, *, with_offset: bool) -> dict[str, Tensor]:
    """Name in the file -> tensor: of each weight its values on the mask, the packed mask, and what scales its offset.

    Args:
        weights: of the model that is saved.
        with_offset: whether a frozen offset is stored whole, because no seed brings it back.
    """
    tensors: dict[str, Tensor] = {}
    masks = weights.masks
    for name, slot in weights.slots.items():
        tensors[f"{name}:values"] = slot.values[masks[name]]
        tensors[f"{name}:mask"] = pack_mask(masks[name])
        if (dct := dct_offset_of(slot)) is not None:
            tensors[f"{name}:alpha"] = dct.alpha
            tensors[f"{name}:initial_alpha"] = torch.tensor(dct.initial_alpha, dtype=torch.float64)
        if weights.decay is not None:
            tensors[f"{name}:gamma"] = torch.tensor(weights.decay.gamma[name], dtype=torch.float64)
    tensors |= {f"{name}:whole": tensor for name, tensor in others_of(weights.model, weights.slots).items()}
    if with_offset:
        tensors |= {f"{name}:offset": offset for name, offset in weights.frozen.items()}
    return tensors
