"""Initial weights by name, from a stable stream: the same seed gives the same bits on every machine and version."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import NDArray
from torch import nn

from sparserobust.errors import ConfigError, ModelError, did_you_mean
from sparserobust.models.fixup import fixup_deviation, fixup_roles
from sparserobust.models.layers import layers_of
from sparserobust.weights.slots import slots_of


@dataclass(frozen=True)
class Layer:
    """What a draw must know of a layer.

    Attributes:
        shape: of the weight, (out, in / groups, *kernel).
        gain: by which the activation after the layer is made up for; 1 in the last layer.
        fixup_deviation: the standard deviation in a Fixup network; None in every other.
    """

    shape: tuple[int, ...]
    gain: float
    fixup_deviation: float | None

    @property
    def fan_in(self) -> int:
        """Weights that enter one output."""
        return math.prod(self.shape[1:])

    @property
    def fan_out(self) -> int:
        """Outputs x kernel positions: a grouped convolution is counted as torch counts it."""
        return self.shape[0] * math.prod(self.shape[2:])

    @property
    def sigma(self) -> float:
        """Glorot's standard deviation."""
        return math.sqrt(2 / (self.fan_out + self.fan_in))


def xavier_normal(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """N(0, 2 / (fan_in + fan_out)), the default here and in FreezeNet. Source: Glorot and Bengio 2010, eq. 16."""
    return stream.normal(0.0, layer.sigma, size=layer.shape)


def kaiming_normal(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """N(0, 2 / fan_in), as FORCE and DCTpS draw standard networks. Source: He et al. 2015, eq. 10."""
    return stream.normal(0.0, math.sqrt(2 / layer.fan_in), size=layer.shape)


def kaiming_uniform(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """U(-b, b) with b = sqrt(6 / fan_in), so that the variance is 2 / fan_in.

    The default of torch's own layers goes by the same name and is another one: b = sqrt(1 / fan_in), a sixth
    of this variance. Source: He et al. 2015; FreezeNet on CIFAR-100 and Tiny ImageNet.
    """
    # 2 u - 1 is exact, so one rounding is left: no compiler can fuse it into other bits
    return (2 * stream.random_sample(layer.shape) - 1) * math.sqrt(6 / layer.fan_in)


def orthogonal(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """Orthonormal rows or columns, whichever are fewer, of the (out, in * kernel) matrix, times the gain.

    Q of a normal matrix, with the signs that make the diagonal of R positive: so Q is uniform over all such
    matrices. The gain is sqrt(2 / (1 + slope^2)) of the network's first ReLU or LeakyReLU, 1 in the last layer
    and without such an activation. LAPACK's bits differ from machine to machine.

    Source: Saxe et al. 2014; SNIP-it; Mezzadri 2007 for the signs.
    """
    rows, columns = layer.shape[0], layer.fan_in
    matrix = stream.normal(0.0, 1.0, size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(matrix)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return layer.gain * (q if rows >= columns else q.T).reshape(layer.shape)


def pm_sigma(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """+sigma or -sigma with equal probability, sigma^2 = 2 / (fan_in + fan_out). Source: FreezeNet, sec. 4.5."""
    return np.where(stream.random_sample(layer.shape) < 0.5, layer.sigma, -layer.sigma)


def ones(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """1 everywhere, which cannot be trained. Source: FreezeNet, supplement S1.4."""
    return np.ones(layer.shape)


def sigma(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """The sigma of `pm_sigma` everywhere, which cannot be trained. Source: FreezeNet, supplement S1.4."""
    return np.full(layer.shape, layer.sigma)


def standard_normal(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """N(0, 1) in every layer, which cannot be trained. Source: FreezeNet, supplement S1.4."""
    return stream.normal(0.0, 1.0, size=layer.shape)


def fixup(stream: RandomState, layer: Layer) -> NDArray[np.float64]:
    """For Fixup networks of L blocks: N(0, 2 / (C_out k^2)), times L^(-1/2) in the first convolution of a block.

    The second convolution of a block and the classifier are 0.

    Raises:
        ModelError: the network has no Fixup block.
    Source: Zhang et al. 2019, arXiv:1901.09321, with m = 2 layers in a block.
    """
    if layer.fixup_deviation is None:
        raise ModelError(
            "the initialisation 'fixup' is for networks of Fixup blocks, and this one has none; "
            "choose fixup-resnet110, or another initialisation such as 'kaiming-normal'"
        )
    if layer.fixup_deviation == 0:
        return np.zeros(layer.shape)
    return stream.normal(0.0, layer.fixup_deviation, size=layer.shape)


INITIALISATIONS: dict[str, Callable[[RandomState, Layer], NDArray[np.float64]]] = {
    "xavier-normal": xavier_normal,
    "kaiming-normal": kaiming_normal,
    "kaiming-uniform": kaiming_uniform,
    "orthogonal": orthogonal,
    "pm-sigma": pm_sigma,
    "fixup": fixup,
    "ones": ones,
    "sigma": sigma,
    "standard-normal": standard_normal,
}
"""name -> function of (stream, layer) that returns the layer's weights in float64."""

REPEATABLE = frozenset(INITIALISATIONS) - {"orthogonal"}
"""Those whose bits are the same on every machine."""


@torch.no_grad()
def draw_weights(model: nn.Module, name: str, seed: int, prunable: Iterable[str] = ()) -> None:
    """Sets every conv and linear weight and every other prunable one to draws of the initialisation `name`, in place.

    Draws come from numpy's legacy stream (stable by NEP 19) in float64 and are rounded on copying; layers
    follow one another in registration order, then what is no layer's weight (of attention, of recurrent layers).

    Args:
        model: is changed.
        name: one of `INITIALISATIONS`.
        seed: 0 <= seed < 2**32.
        prunable: names of the weights that can be sparse.

    Raises:
        ConfigError: no initialisation has that name.
        ModelError: the initialisation is not for this network.
    """
    if name not in INITIALISATIONS:
        raise ConfigError(
            f"unknown initialisation {name!r}{did_you_mean(name, INITIALISATIONS) or ';'} "
            f"there are {', '.join(INITIALISATIONS)}"
        )
    stream = np.random.RandomState(seed)
    layers = layers_of(model)
    slots = slots_of(model, dict.fromkeys([*layers, *prunable]))
    roles = fixup_roles(model)
    blocks = list(roles.values()).count("first")
    gain = _gain(model)
    last = next(reversed(layers), None)
    for key, slot in slots.items():
        weight = slot.values
        shape = tuple(weight.shape)
        deviation = fixup_deviation(shape, roles[key], blocks) if key in roles else None
        layer = Layer(shape, 1.0 if key == last else gain, deviation)
        weight.copy_(torch.from_numpy(INITIALISATIONS[name](stream, layer)))


def _gain(model: nn.Module) -> float:
    """sqrt(2 / (1 + slope^2)) of the first ReLU, ReLU6 or LeakyReLU; 1 where there is none."""
    for module in model.modules():
        if isinstance(module, nn.LeakyReLU):
            return math.sqrt(2 / (1 + module.negative_slope**2))
        if isinstance(module, nn.ReLU | nn.ReLU6):
            return math.sqrt(2)
    return 1.0
