"""Convolutions, linear layers and what stands between them. Images are 3 x 8 x 8 unless a shape is given."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.test_uses.structures.structure import PIXELS, Net, Structure, Weight, weight


def multilayer_perceptron() -> Structure:
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(PIXELS, 30),
        nn.ReLU(),
        nn.Linear(30, 20, bias=False),
        nn.Tanh(),
        nn.Linear(20, 10),
    )
    weights = {
        "1.weight": Weight(shape=(30, PIXELS)),
        "3.weight": Weight(shape=(20, 30)),
        "5.weight": Weight(shape=(10, 20)),
    }
    return Structure(model=model, weights=weights, other_entries=30 + 10)


def linear_on_tokens() -> Structure:
    """One layer for each of the 64 places, as in a mixer."""
    model = Net(lambda m, x: m.layer(x.permute(0, 2, 3, 1)).mean((1, 2)), layer=nn.Linear(3, 7))
    return Structure(
        model=model, weights={"layer.weight": Weight(shape=(7, 3), positions=64)}, other_entries=7
    )


def strided_padded_convolution() -> Structure:
    """(8 + 2 - 3) // 2 + 1 = 4 rows and columns."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.Flatten())
    return Structure(
        model=model, weights={"0.weight": Weight(shape=(8, 3, 3, 3), positions=16)}, other_entries=8
    )


def grouped_convolution() -> Structure:
    """Each output channel sees one of three groups; 8 - 3 + 1 = 6 rows and columns."""
    model = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.Flatten())
    return Structure(
        model=model, weights={"0.weight": Weight(shape=(6, 1, 3, 3), positions=36)}, other_entries=6
    )


def depthwise_separable_convolution() -> Structure:
    model = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, groups=3), nn.Conv2d(3, 16, 1), nn.Flatten())
    weights = {
        "0.weight": Weight(shape=(3, 1, 3, 3), positions=64),
        "1.weight": Weight(shape=(16, 3, 1, 1), positions=64),
    }
    return Structure(model=model, weights=weights, other_entries=3 + 16)


def dilated_convolution() -> Structure:
    """A kernel of 3 with holes spans 5: 8 - 5 + 1 = 4."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, dilation=2), nn.Flatten())
    return Structure(
        model=model, weights={"0.weight": Weight(shape=(4, 3, 3, 3), positions=16)}, other_entries=4
    )


def oblong_convolution() -> Structure:
    """(8 + 2 - 3) // 2 + 1 = 4 rows, (8 - 1) // 3 + 1 = 3 columns."""
    model = nn.Sequential(nn.Conv2d(3, 5, (3, 1), stride=(2, 3), padding=(1, 0), bias=False), nn.Flatten())
    return Structure(model=model, weights={"0.weight": Weight(shape=(5, 3, 3, 1), positions=12)})


def same_and_circular_padding() -> Structure:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 5, padding="same"),
        nn.Conv2d(4, 2, 3, padding=1, padding_mode="circular"),
        nn.Flatten(),
    )
    weights = {
        "0.weight": Weight(shape=(4, 3, 5, 5), positions=64),
        "1.weight": Weight(shape=(2, 4, 3, 3), positions=64),
    }
    return Structure(model=model, weights=weights, other_entries=4 + 2)


def transposed_convolutions() -> Structure:
    """Each entry of a kernel meets every position of the input: 8 x 8, then (8 - 1) * 2 - 2 + 3 + 1 = 16 squared."""
    model = nn.Sequential(
        nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1),
        nn.ConvTranspose2d(4, 6, 2, groups=2, bias=False),
        nn.Flatten(),
    )
    weights = {
        "0.weight": Weight(shape=(3, 4, 3, 3), positions=64),
        "1.weight": Weight(shape=(4, 3, 2, 2), positions=256),
    }
    return Structure(model=model, weights=weights, other_entries=4)


def one_dimensional_convolution() -> Structure:
    """(192 - 5) // 5 + 1 = 38."""
    model = Net(lambda m, x: m.layer(x.flatten(1)[:, None]).flatten(1), layer=nn.Conv1d(1, 4, 5, stride=5))
    return Structure(
        model=model, weights={"layer.weight": Weight(shape=(4, 1, 5), positions=38)}, other_entries=4
    )


def three_dimensional_convolution() -> Structure:
    """Colours as depth: 2 * 6 * 6 positions."""
    model = Net(lambda m, x: m.layer(x[:, None]).flatten(1), layer=nn.Conv3d(1, 4, (2, 3, 3)))
    return Structure(
        model=model, weights={"layer.weight": Weight(shape=(4, 1, 2, 3, 3), positions=72)}, other_entries=4
    )


def convolution_used_twice() -> Structure:
    model = Net(lambda m, x: m.conv(m.conv(x).relu()).flatten(1), conv=nn.Conv2d(3, 3, 3, padding=1))
    return Structure(
        model=model, weights={"conv.weight": Weight(shape=(3, 3, 3, 3), positions=2 * 64)}, other_entries=3
    )


def layers_in_a_loop() -> Structure:
    """Five rounds over two layers of a list."""

    def run(m: Net, x: torch.Tensor) -> torch.Tensor:
        x = m.first(x.flatten(1))
        for step in range(5):
            x = m.layers[step % 2](x).relu()
        return x

    model = Net(run, first=nn.Linear(PIXELS, 6), layers=nn.ModuleList([nn.Linear(6, 6), nn.Linear(6, 6)]))
    weights = {
        "first.weight": Weight(shape=(6, PIXELS)),
        "layers.0.weight": Weight(shape=(6, 6), positions=3),
        "layers.1.weight": Weight(shape=(6, 6), positions=2),
    }
    return Structure(model=model, weights=weights, other_entries=3 * 6)


def unused_layer() -> Structure:
    model = Net(lambda m, x: m.used(x.flatten(1)), used=nn.Linear(PIXELS, 4), unused=nn.Linear(5, 6))
    weights = {"used.weight": Weight(shape=(4, PIXELS))}
    return Structure(model=model, weights=weights, other_entries=4 + 36, outside={"unused.weight": "unused"})


def normalisations_and_activations() -> Structure:
    """BatchNorm has four numbers a channel and a counter of 8 bytes; PReLU a slope a channel."""
    model = nn.Sequential(
        nn.Conv2d(3, 8, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.PReLU(8),
        nn.GroupNorm(2, 8),
        nn.InstanceNorm2d(8, affine=True),
        nn.LayerNorm([8, 8, 8]),
        nn.AvgPool2d(2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(32, 10),
        nn.RMSNorm(10),
        nn.Softmax(dim=1),
    )
    weights = {"0.weight": Weight(shape=(8, 3, 1, 1), positions=64), "10.weight": Weight(shape=(10, 32))}
    others = 4 * 8 + 8 + 2 * 8 + 2 * 8 + 2 * 512 + 10 + 10
    outside = {"5.weight": "native_layer_norm", "5.bias": "native_layer_norm"}
    return Structure(model=model, weights=weights, other_entries=others, other_bytes=8, outside=outside)


def squeeze_and_excitation() -> Structure:
    """The gate multiplies entry by entry: no product that is summed."""

    def run(m: Net, x: torch.Tensor) -> torch.Tensor:
        x = m.conv(x)
        gate = m.expand(m.reduce(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return (x * gate).flatten(1)

    model = Net(run, conv=nn.Conv2d(3, 8, 3, padding=1), reduce=nn.Conv2d(8, 2, 1), expand=nn.Conv2d(2, 8, 1))
    weights = {
        "conv.weight": Weight(shape=(8, 3, 3, 3), positions=64),
        "reduce.weight": Weight(shape=(2, 8, 1, 1)),
        "expand.weight": Weight(shape=(8, 2, 1, 1)),
    }
    return Structure(model=model, weights=weights, other_entries=8 + 2 + 8)


def gated_linear_unit() -> Structure:
    model = nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 40), nn.GLU(), nn.Linear(20, 10))
    weights = {"1.weight": Weight(shape=(40, PIXELS)), "3.weight": Weight(shape=(10, 20))}
    return Structure(model=model, weights=weights, other_entries=40 + 10)


def layer_scale_and_residuals() -> Structure:
    """A gain for each channel of a residual branch scales and is no weight, and neither is one for each entry."""

    def run(m: Net, x: torch.Tensor) -> torch.Tensor:
        return ((x + m.gain * m.conv(x)) * m.map).flatten(1)

    model = Net(run, conv=nn.Conv2d(3, 3, 1), gain=weight(1, 3, 1, 1), map=weight(3, 8, 8))
    return Structure(
        model=model,
        weights={"conv.weight": Weight(shape=(3, 3, 1, 1), positions=64)},
        other_entries=3 + 3 + PIXELS,
        outside={"gain": "mul", "map": "mul"},
    )


def fixed_blur_kernel() -> Structure:
    """A 3 x 3 kernel of ones that no training changes, for each colour: 36 positions, all multiplied."""

    def run(m: Net, x: torch.Tensor) -> torch.Tensor:
        return m.layer(F.conv2d(x, m.blur, groups=3).flatten(1))

    model = Net(run, blur=torch.full((3, 1, 3, 3), 1 / 9), layer=nn.Linear(3 * 36, 10))
    return Structure(
        model=model,
        weights={"layer.weight": Weight(shape=(10, 108))},
        besides=27 * 36,
        other_entries=27 + 10,
    )


def frozen_buffer_weight() -> Structure:
    """A random projection in a buffer is multiplied and is no parameter."""
    model = Net(
        lambda m, x: m.layer(F.linear(x.flatten(1), m.projection)),
        projection=weight(20, PIXELS).detach(),
        layer=nn.Linear(20, 10),
    )
    return Structure(
        model=model,
        weights={"layer.weight": Weight(shape=(10, 20))},
        besides=20 * PIXELS,
        other_entries=20 * PIXELS + 10,
    )


def bilinear() -> Structure:
    """Each entry meets one product of two halves of a row."""

    def run(m: Net, x: torch.Tensor) -> torch.Tensor:
        rows = x.flatten(1).reshape(len(x), 6, 32)
        return m.layer(rows[..., :20], rows[..., 20:]).mean(1)

    model = Net(run, layer=nn.Bilinear(20, 12, 5))
    return Structure(
        model=model, weights={"layer.weight": Weight(shape=(5, 20, 12), positions=6)}, other_entries=5
    )


def convolution_in_channels_last() -> Structure:
    """The memory of images and weights lies in another order."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3), nn.Flatten()).to(
        memory_format=torch.channels_last
    )
    weights = {
        "0.weight": Weight(shape=(8, 3, 3, 3), positions=36),
        "1.weight": Weight(shape=(4, 8, 3, 3), positions=16),
    }
    return Structure(model=model, weights=weights, other_entries=8 + 4)
