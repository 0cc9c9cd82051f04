"""One network whose multiply-adds, prunable weights and bytes are known by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

PIXELS = 3 * 8 * 8
SHAPE = (3, 8, 8)


class Net(nn.Module):
    """A network of these members whose forward pass is a function of it and of the images."""

    def __init__(self, run: Callable[..., Tensor], **members: object) -> None:
        super().__init__()
        self.run = run
        for name, member in members.items():
            if isinstance(member, Tensor) and not isinstance(member, nn.Parameter):
                self.register_buffer(name, member)
            else:
                setattr(self, name, member)

    def forward(self, images: Tensor) -> Tensor:
        return self.run(self, images)


def weight(*shape: int) -> nn.Parameter:
    """A bare parameter; no entry is zero."""
    return nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(math.prod(shape))))


@dataclass(frozen=True, kw_only=True, eq=False)
class Weight:
    """A prunable weight.

    Attributes:
        shape: of the tensor.
        positions: at how many places of one image its entries are multiplied: one number, or a tensor that is
            broadcast to the shape.
        held: name of the parameter that holds it, where that is another.
        mask: that the network has on it already.
    """

    shape: tuple[int, ...]
    positions: int | Tensor = 1
    held: str | None = None
    mask: Tensor | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def macs(self, where: Tensor) -> int:
        """Multiply-adds of the entries that are True."""
        return int((torch.as_tensor(self.positions).expand(self.shape) * where).sum())


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """A network and what is known of it.

    Attributes:
        weights: name -> prunable weight, in registration order.
        besides: multiply-adds of products that no prunable weight enters.
        other_entries: stored numbers that cannot be sparse, of the same width as the weights; `other_bytes` of others.
        executed: its multiply-adds without those with zeros, where they do not follow from the zeros of the weights.
        outside: name of another parameter of two or more dimensions -> how it is used.
        width: bytes of a number.
    """

    model: nn.Module
    weights: Mapping[str, Weight]
    besides: int = 0
    other_entries: int = 0
    other_bytes: int = 0
    executed: Callable[[nn.Module], int] | None = None
    outside: Mapping[str, str] = field(default_factory=dict)
    shape: tuple[int, int, int] = SHAPE
    width: int = 4

    @property
    def dense_macs(self) -> int:
        return self.besides + sum(w.macs(torch.ones(w.shape)) for w in self.weights.values())

    @property
    def dense_bytes(self) -> int:
        entries = sum(w.size for w in self.weights.values()) + self.other_entries
        return self.width * entries + self.other_bytes

    def held(self, name: str) -> Tensor:
        """The parameter that holds a weight."""
        return self.model.get_parameter(self.weights[name].held or name)
