"""Training of networks in half precision: on weights of single precision, as steps are smaller than they can hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from torch import nn

from sparserobust.device import is_half


@contextmanager
def single_precision(model: nn.Module) -> Iterator[None]:
    """A model that is of half precision throughout is float32 inside, and rounded to their own type afterwards.

    Source: Micikevicius et al. 2018, arXiv:1710.03740, sec. 3.1 (master weights).
    """
    tensors = chain(model.parameters(), model.buffers()) if is_half(model) else ()
    halves = {tensor: tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    for tensor in halves:
        tensor.data, tensor.grad = tensor.data.float(), None
    try:
        yield
    finally:
        for tensor, dtype in halves.items():
            tensor.grad = None
            tensor.data = tensor.data.to(dtype)
