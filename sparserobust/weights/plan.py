"""The plan of a model: for each prunable weight tensor a mask and an offset."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sparserobust.one_line import OneLine
from sparserobust.weights.copying import deep_copy
from sparserobust.weights.recurrent import read_plain
from sparserobust.weights.slots import identity, slots_of

OffsetKind = Literal["zero", "frozen", "dct"]
OFFSET_KINDS: tuple[OffsetKind, ...] = ("zero", "frozen", "dct")
OFFSET_WORDS: dict[OffsetKind, str] = {"zero": "zero offset", "frozen": "frozen", "dct": "DCT"}
"""What each kind is called where a method was given another one than its own."""


@dataclass(frozen=True, repr=False)
class TensorPlan(OneLine):
    """What is fixed about one weight tensor, as it is now.

    Attributes:
        mask: bool, the weight's shape; True = kept, trainable.
        kind: where the offset comes from: "zero", "frozen" (initial weights) or "dct" (alpha * block).
        offset: the weight's shape; W_eff = offset + values on the mask for dct, W_eff = offset off the
            mask for all kinds.
    """

    mask: Tensor
    kind: OffsetKind
    offset: Tensor

    def _shown(self) -> Iterator[str]:
        yield f"shape={tuple(self.mask.shape)}"
        yield f"kept={int(self.mask.sum())} of {self.mask.numel()}"
        yield f"kind={self.kind!r}"


Plan = Mapping[str, TensorPlan]


def model_copy(model: nn.Module) -> nn.Module:
    """A deep copy, also of a model with tensors that are computed from parameters.

    Those, as `torch.nn.utils.prune` leaves them, refuse to be copied; the copy gets them as values. Parameters that lie
    in the same memory are one in the copy.
    """
    computed = [v for module in model.modules() for v in vars(module).values() if isinstance(v, Tensor)]
    memo = {id(tensor): tensor.detach().clone() for tensor in computed if not tensor.is_leaf}
    copied = deep_copy(model, model, memo)
    first: dict[Hashable, tuple[str, Tensor]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        twin, same = first.setdefault(identity(parameter), (name, parameter))
        if same is not parameter:  # tied by its memory alone, which a copy does not keep
            path, _, attribute = name.rpartition(".")
            setattr(copied.get_submodule(path), attribute, copied.get_parameter(twin))
    return copied


def plain_copy(model: nn.Module, names: Iterable[str]) -> nn.Module:
    """A copy in which the weights of these names are plain parameters that hold the effective weights.

    torch's own `remove_parametrizations` deletes the property from the class, which the copy shares with
    the original, and would break the original.
    """
    plain = model_copy(model)
    modules = {
        id(slot.module): slot.module for slot in slots_of(plain, names).values() if slot.is_parametrized
    }
    for module in modules.values():
        parametrized: Mapping[str, nn.Module] = module.parametrizations  # type: ignore[assignment]
        weights = {name: nn.Parameter(getattr(module, name).detach().clone()) for name in parametrized}
        module.__class__ = type(module).__bases__[0]
        del module.parametrizations
        module._parameters = {**weights, **module._parameters}
        if isinstance(module, nn.RNNBase):
            read_plain(module)
    return plain


def as_matrix(weight: Tensor) -> Tensor:
    """The weight as a matrix (outputs, inputs): a conv is (out, in / groups * k * k)."""
    return weight.reshape(weight.shape[0], -1)


def sha256_of(tensors: Mapping[str, Tensor]) -> str:
    """sha256 over names, shapes, dtypes and bytes, in the mapping's order; the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name}|{tuple(tensor.shape)}|{tensor.dtype}|".encode())
        digest.update(bytes_of(tensor))
    return digest.hexdigest()


def bytes_of(tensor: Tensor) -> bytes:
    """The content of a tensor, the same on every device."""
    return tensor.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()
