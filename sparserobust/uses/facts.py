"""What is known of a tensor in a network: whether it depends on the image, and which weights are in it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor


class Part(enum.IntEnum):
    """What an entry of a tensor is to a parameter that it was computed from; the highest that holds counts."""

    SCALE = 0
    """The parameter scales or shifts many entries at once: a norm, a gain."""
    SUMMARY = 1
    """A sum, mean or norm over the parameter."""
    COMPUTED = 2
    """Computed by an operation that mixes entries: a matrix exponential, a QR decomposition."""
    FACTOR = 3
    """The parameter is a factor of a product with other parameters: LoRA's A and B."""
    ENTRIES = 4
    """Entry by entry: views, masks, normalisation, what is added or multiplied at the same size."""


@dataclass(frozen=True)
class Facts:
    """Of one tensor.

    Attributes:
        data: it depends on the image.
        trained: of such a tensor: a parameter entered on the way, so that training needs its gradient.
        parts: parameter name -> what the entries are to it; of tensors that do not depend on the image.
        buffers: names of the buffers in it; likewise.
        pending: numbers of the products that made it, without the image so far: they are computed for each image
            if the tensor joins the image's path, and once for all if it becomes a weight.
        scaled_by: of what depends on the image: parameters of two or more dimensions that it was just multiplied by,
            entry by entry: a sum over it is a product made by broadcasting.
    """

    data: bool = False
    trained: bool = False
    parts: Mapping[str, Part] = field(default_factory=dict)
    buffers: frozenset[str] = frozenset()
    pending: frozenset[int] = frozenset()
    scaled_by: frozenset[str] = frozenset()

    @property
    def weights(self) -> tuple[str, ...]:
        """Parameters that can be sparse in it: first those whose entries it has, then those that are factors of it."""
        parts = (Part.ENTRIES, Part.FACTOR)
        return tuple(name for part in parts for name, own in self.parts.items() if own is part)


CONSTANT = Facts()


def merged(facts: list[Facts], parts: Mapping[str, Part]) -> Facts:
    """Of what was computed without the image from tensors with these facts."""
    return Facts(
        parts=parts,
        buffers=frozenset().union(*(f.buffers for f in facts)),
        pending=frozenset().union(*(f.pending for f in facts)),
    )


def highest(parts: Iterable[Mapping[str, Part]]) -> dict[str, Part]:
    """Parameter name -> the highest part that any of the tensors has."""
    found: dict[str, Part] = {}
    for own in parts:
        for name, part in own.items():
            found[name] = max(part, found.get(name, part))
    return found


def lowered(parts: Mapping[str, Part], to: Part) -> dict[str, Part]:
    """The parts after an operation through which nothing higher survives."""
    return {name: min(part, to) for name, part in parts.items()}


def stored(tensor: Tensor) -> Tensor:
    """The tensor without repetitions: dimensions along which it is only expanded have size 1."""
    if tensor.layout is not torch.strided:
        return tensor
    for dim, (size, stride) in enumerate(zip(tensor.shape, tensor.stride(), strict=True)):
        if stride == 0 and size > 1:
            tensor = tensor.narrow(dim, 0, 1)
    return tensor


def parts_after(
    kind: str, given: Sequence[Tensor], facts: Sequence[Facts], size: int
) -> Iterator[dict[str, Part]]:
    """What the entries of a result are to the parameters in each argument.

    Args:
        kind: of the operator, `operators.kind_of`.
        given: its arguments; `facts`: what is known of each.
        size: how many entries the result has.
    """
    for place, (tensor, own) in enumerate(zip(given, facts, strict=True)):
        if kind == "moving":
            yield dict(own.parts)
        elif kind == "entrywise":
            yield dict(own.parts) if stored(tensor).numel() == size else lowered(own.parts, Part.SCALE)
        elif kind == "normalising":
            yield dict(own.parts) if place == 0 else lowered(own.parts, Part.SCALE)
        else:
            yield lowered(own.parts, Part.SUMMARY if kind == "summarising" else Part.COMPUTED)
