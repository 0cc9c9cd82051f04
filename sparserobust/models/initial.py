"""Initial weights from a stable stream: the same seed gives the same bits on every machine and version."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from sparserobust.weights.plan import prunable_modules, values_of


@torch.no_grad()
def draw_xavier_normal(model: nn.Module, seed: int) -> None:
    """Sets every conv and linear weight to Xavier-normal draws and their biases to 0, in place.

    The standard deviation is sqrt(2 / (fan_in + fan_out)), the default of the FreezeNet paper. Draws come
    from numpy's legacy stream (stable by NEP 19) in float64 and are rounded; layers follow one another in
    registration order.

    Source: Glorot and Bengio 2010, eq. 16.
    """
    stream = np.random.RandomState(seed)
    for module in prunable_modules(model).values():
        weight = values_of(module)
        window = math.prod(weight.shape[2:])
        deviation = math.sqrt(2 / (weight.shape[0] * window + weight.shape[1] * window))
        weight.copy_(torch.from_numpy(stream.normal(0.0, deviation, size=tuple(weight.shape))))
        if isinstance(module.bias, nn.Parameter):
            module.bias.zero_()
