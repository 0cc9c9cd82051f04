"""The orthonormal DCT offset: its block for a weight tensor, and the parametrization that adds it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm

from sparserobust.errors import ModelError
from sparserobust.weights.recurrent import read_parametrized
from sparserobust.weights.slots import Slot


def dct_block(shape: tuple[int, ...], *, dtype: torch.dtype = torch.float32) -> Tensor:
    """The block of the orthonormal DCT-II matrix that stands for a weight tensor.

    For n_out outputs and n_in = prod(shape[1:]) inputs the matrix has size q = max(n_in, n_out); output o
    is frequency o of the (zero-padded) input, so the lowest n_out frequencies are kept. A convolution sees
    its patch with the channel running fastest, (kernel row, kernel column, channel).

    Args:
        shape: (out, in) or (out, in / groups, *kernel).

    Returns:
        Tensor of that shape; computed in float64, then rounded.
    Source: Price and Tanner 2021 (DCTpS), supplement B.
    """
    n_out, n_in = shape[0], math.prod(shape[1:])
    q = max(n_in, n_out)
    place = torch.arange(n_in, dtype=torch.float64)
    frequency = torch.arange(n_out, dtype=torch.float64).unsqueeze(1)
    matrix = torch.cos(math.pi * (2 * place + 1) * frequency / (2 * q)) * math.sqrt(2 / q)
    matrix[0] /= math.sqrt(2)
    patch = matrix.reshape(n_out, *shape[2:], shape[1])
    return patch.movedim(-1, 1).contiguous().to(dtype)


class DCTOffset(nn.Module):
    """Parametrization values -> alpha * block + values, with one scalar alpha per layer, 1 at the start by default.

    The block is not part of the state_dict: it follows from the shape.
    """

    def __init__(self, weight: Tensor, *, trainable_alpha: bool = True, initial_alpha: float = 1.0) -> None:
        super().__init__()
        self.initial_alpha = initial_alpha
        self.alpha = nn.Parameter(weight.new_full((), initial_alpha), requires_grad=trainable_alpha)
        self.block: Tensor
        self.register_buffer(
            "block", dct_block(tuple(weight.shape), dtype=weight.dtype).to(weight.device), persistent=False
        )

    def offset(self) -> Tensor:
        """Alpha * block for the current alpha."""
        return self.alpha * self.block

    def forward(self, values: Tensor) -> Tensor:
        """The effective weight."""
        return self.offset() + values


def add_dct_offset(slot: Slot, *, trainable_alpha: bool = True, initial_alpha: float = 1.0) -> None:
    """Turns a weight into alpha * block + values, with values starting at exactly 0.

    Raises:
        ModelError: a DCT block for such a weight is defined nowhere.
    """
    if isinstance(slot.module, _ConvTransposeNd):
        raise ModelError(
            "a DCT offset is defined for conv and linear layers, got a transposed convolution; exclude the layer, "
            "or choose another offset"
        )
    if isinstance(slot.module, torch.jit.ScriptModule):
        raise ModelError(
            "a DCT offset changes how a layer computes its weight, and a scripted network is fixed; give the network "
            "as it was before torch.jit, or choose another offset"
        )
    if any(isinstance(hook, SpectralNorm) for hook in slot.module._forward_pre_hooks.values()):
        raise ModelError(
            f"{slot.attribute} is computed by torch.nn.utils.spectral_norm, under which a DCT offset cannot be saved; "
            "make it a plain weight first (remove_spectral_norm), or choose another offset"
        )
    weight = slot.effective.detach()
    offset = DCTOffset(weight, trainable_alpha=trainable_alpha, initial_alpha=initial_alpha)
    parametrize.register_parametrization(slot.module, slot.attribute, offset)
    if isinstance(slot.module, nn.RNNBase):
        read_parametrized(slot.module)
    with torch.no_grad():
        slot.values.zero_()


def refuse_tied(model: nn.Module, slots: Mapping[str, Slot]) -> None:
    """Raises ModelError where layers share one of these weights: a parametrization of one would part them."""
    weights = {id(slot.values) for slot in slots.values()}
    names: dict[int, str] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if id(parameter) in names and id(parameter) in weights:
            raise ModelError(
                f"{names[id(parameter)]} and {name} share one tensor, and a DCT offset needs one of its own for each "
                "layer; choose another offset"
            )
        names[id(parameter)] = name


def dct_offset_of(slot: Slot) -> DCTOffset | None:
    """The DCT parametrization of a weight, None where there is none."""
    if not slot.is_parametrized:
        return None
    parts = slot.module.parametrizations[slot.attribute]  # type: ignore[index]
    return next((part for part in parts if isinstance(part, DCTOffset)), None)
