"""A network: one convolution and one linear layer."""

from __future__ import annotations

from torch import nn


def two_layers(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Two layers: 8 channels of a strided convolution with ReLU, and a linear layer.

    The normalisation layer in front and the initial weights come from the library.
    """
    channels, height, width = input_shape
    pixels = -(-height // 2) * -(-width // 2)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * pixels, num_classes),
    )
