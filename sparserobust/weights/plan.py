"""The plan of a model: for each prunable weight tensor a mask and an offset."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from sparserobust.errors import ModelError
from sparserobust.one_line import OneLine

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


def prunable_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Name of the weight -> its module, for every conv and linear layer, in registration order.

    A module or weight that is shared appears once. Biases and normalisation layers are never prunable.
    """
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | _ConvNd) and id(values := values_of(module)) not in seen:
            seen.add(id(values))
            found[f"{name}.weight" if name else "weight"] = module
    return found


def values_of(module: nn.Module) -> Tensor:
    """The tensor that training changes: a parametrization's original where there is one, else the weight."""
    parametrizations = getattr(module, "parametrizations", None)
    if parametrizations is not None and "weight" in parametrizations:
        original = getattr(parametrizations["weight"], "original", None)
        if not isinstance(original, Tensor):
            raise ModelError(
                "a weight parametrized by several tensors (weight_norm) cannot be sparse; remove it first"
            )
        return original
    return weight_of(module)


def weight_of(module: nn.Module) -> Tensor:
    """The tensor that the layer computes with: its effective weight, on the graph."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight


def effective_weights(model: nn.Module) -> dict[str, Tensor]:
    """Name -> the dense tensor that the network computes with (W_eff), detached, prunable weights only."""
    return {name: weight_of(module).detach().clone() for name, module in prunable_modules(model).items()}


def model_copy(model: nn.Module) -> nn.Module:
    """A deep copy, also of a model with tensors that are computed from parameters.

    Those, as `torch.nn.utils.prune` leaves them, refuse to be copied; the copy gets them as values.
    """
    computed = [v for module in model.modules() for v in vars(module).values() if isinstance(v, Tensor)]
    memo = {id(tensor): tensor.detach().clone() for tensor in computed if not tensor.is_leaf}
    return copy.deepcopy(model, memo)


def plain_copy(model: nn.Module) -> nn.Module:
    """A copy without parametrizations: its weights are plain parameters that hold the effective weights.

    torch's own `remove_parametrizations` deletes the property from the class, which the copy shares with
    the original, and would break the original.
    """
    plain = model_copy(model)
    for module in prunable_modules(plain).values():
        if "weight" in getattr(module, "parametrizations", ()):
            weight = nn.Parameter(weight_of(module).detach().clone())
            module.__class__ = type(module).__bases__[0]
            del module.parametrizations
            module._parameters = {"weight": weight, **module._parameters}
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


def require_module(model: object) -> None:
    """Raises ModelError unless the model is a torch module."""
    if not isinstance(model, nn.Module):
        hint = f"; create_model({model!r}, data) makes one" if isinstance(model, str) else ""
        got = repr(model) if isinstance(model, str | type) else type(model).__name__
        raise ModelError(f"the model must be a torch.nn.Module, got {got}{hint}")


def check_finite(model: nn.Module, *, what: str | None = None) -> None:
    """Raises ModelError when a parameter or buffer is NaN or infinite."""
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or bool(torch.isfinite(tensor.sum())):
            continue  # the sum tells at a tenth of the cost
        if not bool(torch.isfinite(tensor).all()):
            bad = int((~torch.isfinite(tensor)).sum())
            raise ModelError(
                f"{what or type(model).__name__}: {name} has {bad} entries that are NaN or infinite; "
                "expected finite weights, train again or name another file"
            )
