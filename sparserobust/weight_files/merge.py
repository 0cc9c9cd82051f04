"""Weights that a file holds in two parts, values and masks or length and direction, made one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

How = Literal["as-it-is", "masked", "normed"]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Of which tensors of a file a weight is made.

    Attributes:
        names: theirs, first the one whose shape the weight has.
        how: what is computed of them.
    """

    names: tuple[str, ...]
    how: How = "as-it-is"


def sources_of(values: Mapping[str, object]) -> dict[str, Source]:
    """Name of a weight -> where it comes from: the tensors as they are, then what is made of pairs.

    A weight under `torch.nn.utils.prune` is `weight_orig * weight_mask`, one under weight normalisation has its length
    in `weight_g` and its direction in `weight_v`, or, as a parametrization, in `original0` and `original1`. The two
    forms of the latter stand for one another.
    """
    found = {name: Source(names=(name,)) for name in values}
    for name in values:
        for own, source in _made_of(name, values):
            found.setdefault(own, source)
    return found


def _made_of(name: str, values: Mapping[str, object]) -> Iterator[tuple[str, Source]]:
    """What can be made of the pair that the name is the first of."""
    if name.endswith("_orig") and (mask := f"{name[:-5]}_mask") in values:
        yield name[:-5], Source(names=(name, mask), how="masked")
    owner, attribute, old = _normed(name)
    if not attribute:
        return
    new = f"{owner}parametrizations.{attribute}.original"
    length, direction = (f"{new}0", f"{new}1") if not old else (name, f"{owner}{attribute}_v")
    if not _is_length(values[length], values.get(direction)):
        return
    yield owner + attribute, Source(names=(direction, length), how="normed")
    others = (f"{new}0", f"{new}1") if old else (f"{owner}{attribute}_g", f"{owner}{attribute}_v")
    yield others[0], Source(names=(length,))
    yield others[1], Source(names=(direction,))


def _normed(name: str) -> tuple[str, str, bool]:
    """(owner with its dot, attribute, whether in the older form) where a name is that of a length."""
    owner, dot, last = name.rpartition(".")
    if last.endswith("_g"):
        return owner + dot, last[:-2], True
    above, _, attribute = owner.rpartition(".")
    if last == "original0" and f".{above}".endswith(".parametrizations"):
        return above.removesuffix("parametrizations"), attribute, False
    return "", "", False


def _is_length(length: object, direction: object) -> bool:
    """Whether the tensor can be the norms of the other: one number, or the other's size along one dimension."""
    if not isinstance(length, Tensor) or not isinstance(direction, Tensor) or not direction.dim():
        return False
    if length.dim() == 0:
        return True
    pairs = list(zip(length.shape, direction.shape, strict=False))
    return (
        length.dim() == direction.dim()
        and all(own in (1, whole) for own, whole in pairs)
        and (sum(own != 1 for own, _ in pairs) <= 1)
    )


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    return mask.to(values.dtype) * values


def _normalised(direction: Tensor, length: Tensor) -> Tensor:
    """As torch's weight_norm computes it; over what the norm goes, the shape of the length says."""
    kept = [dim for dim, size in enumerate(length.shape) if size != 1]
    if kept or length.dim() == 0:
        weight: Tensor = torch._weight_norm(direction, length, kept[0] if kept else -1)
        return weight
    norm: Tensor = torch.linalg.vector_norm(direction)
    return direction * (length / norm)


COMPUTED: dict[How, Callable[..., Tensor]] = {
    "as-it-is": lambda tensor: tensor,
    "masked": _masked,
    "normed": _normalised,
}
"""How each kind of source is computed of its dense tensors, in the order of its names."""
