"""An image to trace a network with: of the shape that is known, or of one that the network turns out to take."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

SIZES = tuple(dict.fromkeys([32, 28, 224, 64, 8, 16, 299, 96, 48, 128, 256, 384, *range(1, 65)]))
"""Heights and widths to try, the usual ones first."""


def image_of(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """One image of random pixels in [0, 1], always the same, (1, *shape)."""
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def likely_shapes(model: nn.Module) -> Iterator[tuple[int, int, int]]:
    """(c, h, w) that a network whose images are not known may take, most likely first.

    Which weights a network has does not depend on the size of its images, so that any size will do.
    """
    seen = set()
    for shape in _candidates(model):
        if shape not in seen:
            seen.add(shape)
            yield shape


def _candidates(model: nn.Module) -> Iterator[tuple[int, int, int]]:
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)]
    inputs = layers[0].in_features if layers and isinstance(layers[0], nn.Linear) else None
    channels = [layers[0].in_channels] if layers and isinstance(layers[0], _ConvNd) else []
    for numbers in (
        [inputs] if inputs else [m.input_size for m in model.modules() if isinstance(m, nn.RNNBase)]
    ):
        for c in (1, 3):
            side = math.isqrt(numbers // c)
            if c * side * side == numbers:
                yield c, side, side
        for c in (1, 3):  # rows of an image, one after the other
            if numbers % c == 0:
                yield c, numbers // c, numbers // c
        yield numbers, 1, 1
        yield 1, 1, numbers
    for c in dict.fromkeys([*channels, 3, 1]):
        for size in SIZES:
            yield c, size, size
