"""The tensors of a fit as the network has them: dense, of its type, finite and consistent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sparserobust.errors import ModelError
from sparserobust.weight_files.fit import Fit
from sparserobust.weight_files.merge import COMPUTED
from sparserobust.weight_files.own import Own
from sparserobust.weights.usable import require_finite


@dataclass(frozen=True, kw_only=True)
class Converted:
    """What goes into the network.

    Attributes:
        state: the network's name -> value, for all that the file gives.
        types: (type in the file, type in the network) -> how many were converted.
        sparse: how many tensors were sparse in the file.
    """

    state: dict[str, object]
    types: Counter[tuple[str, str]]
    sparse: int


def converted(fit: Fit, own: Own, file: Path) -> Converted:
    """The values of a complete fit for the network's names.

    Raises:
        ModelError: what is no number the network could hold: complex, quantised, not finite, or two for tied weights.
    """
    state: dict[str, object] = {}
    types = Counter[tuple[str, str]]()
    sparse = 0
    for name, source in fit.sources.items():
        values = [fit.candidate.values[part] for part in source.names]
        tensors = [value.detach() for value in values if isinstance(value, Tensor)]
        wanted = own.state[name]
        if not isinstance(wanted, Tensor):
            state[name] = values[0]
            continue
        sparse += sum(tensor.layout != torch.strided for tensor in tensors)
        dense = [
            _dense(tensor, wanted, f"{file}: {part}")
            for tensor, part in zip(tensors, source.names, strict=True)
        ]
        value = COMPUTED[source.how](*dense)
        dtype = wanted.dtype
        if value.dtype != dtype:
            types[_short(value.dtype), _short(dtype)] += 1
            value = _as_type(value, dtype, f"{file}: {name}", trained=name not in own.buffers)
        state[name] = value
    require_finite(
        {name: value for name, value in state.items() if isinstance(value, Tensor)}, what=str(file)
    )
    _require_equal_ties(state, own, file)
    state |= {name: state[known] for name, known in fit.tied.items()}
    return Converted(state=state, types=types, sparse=sparse)


def _dense(tensor: Tensor, wanted: Tensor, what: str) -> Tensor:
    if tensor.is_meta:
        raise ModelError(f"{what} has no numbers (it was saved on the meta device); save the loaded network")
    if tensor.is_quantized and not wanted.is_quantized:
        raise ModelError(
            f"{what} is quantised ({_short(tensor.dtype)}); build the network quantised, in your callable"
        )
    if tensor.is_complex() and not wanted.is_complex():
        raise ModelError(f"{what} is complex ({_short(tensor.dtype)}), expected {_short(wanted.dtype)}")
    if tensor.layout == torch.strided:
        return tensor
    try:
        return tensor.to_dense()
    except RuntimeError:
        raise ModelError(f"{what} is {tensor.layout}, which cannot be made dense; save it dense") from None


def _as_type(value: Tensor, dtype: torch.dtype, what: str, *, trained: bool) -> Tensor:
    """In the network's type: rounded where both are floating, exact else."""
    if trained and dtype.is_floating_point and not value.is_floating_point():
        raise ModelError(
            f"{what} is {_short(value.dtype)}, expected {_short(dtype)}: whole numbers are no weights; save those of "
            "the network before it was quantised"
        )
    changed = value.to(dtype)
    if not dtype.is_floating_point and not torch.equal(changed.to(value.dtype), value):
        raise ModelError(f"{what} is {_short(value.dtype)} and cannot be {_short(dtype)} exactly")
    return changed


def _require_equal_ties(state: dict[str, object], own: Own, file: Path) -> None:
    seen: dict[str, tuple[str, Tensor]] = {}
    for name, value in state.items():
        if not isinstance(value, Tensor):
            continue
        known, other = seen.setdefault(own.ties.get(name, name), (name, value))
        if not torch.equal(value, other):
            raise ModelError(
                f"{file}: {known} and {name} differ, and {own.network} has one weight for both; build the network "
                "without tied weights"
            )


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
