"""0/1 tensors whose gradients are 0/1 too: what is there forwards, and what it leads to backwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def presence(tensor: Tensor) -> Tensor:
    """1 where positive; a gradient becomes 1 where it is positive."""
    present: Tensor = _Presence.apply(tensor)
    return present


def through(support: Tensor, values: Tensor) -> Tensor:
    """The values, with the gradient of the support: what an entry leads to does not depend on whether it is there."""
    passed: Tensor = _Through.apply(support, values)
    return passed


def nonzero(tensor: Tensor) -> Tensor:
    """1 where the tensor is not 0."""
    return (tensor != 0).double()


class _Presence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return (tensor > 0).to(tensor.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, support: Tensor, values: Tensor) -> Tensor:
        return values.expand(support.shape).view_as(support)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None
