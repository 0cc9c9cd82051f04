"""Fully connected networks: MLP5 (SNIP-it) and LeNet-300-100 (FreezeNet)."""

from __future__ import annotations

import math

from torch import nn

from sparserobust.models.network import titled


@titled("MLP5")
def mlp5(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """MLP5: four hidden layers of 512 with BatchNorm, LeakyReLU(0.05) and dropout 0.3.

    1,199,114 parameters on 28x28 with 10 classes. Source: SNIP-it, supplement L.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(input_shape)
    for _ in range(4):
        layers += [nn.Linear(width, 512), nn.BatchNorm1d(512), nn.LeakyReLU(0.05), nn.Dropout(0.3)]
        width = 512
    return nn.Sequential(*layers, nn.Linear(width, num_classes))


@titled("LeNet-300-100")
def lenet_300_100(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """LeNet-300-100 with ReLU. 266,610 parameters on 28x28 with 10 classes. Source: FreezeNet, Fig. S9."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(input_shape), 300),
        nn.ReLU(),
        nn.Linear(300, 100),
        nn.ReLU(),
        nn.Linear(100, num_classes),
    )
