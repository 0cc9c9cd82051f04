"""The DCT offset against scipy, patch by patch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.fft
import torch
from torch import nn

from sparserobust.errors import ModelError
from sparserobust.weights.offset import add_dct_offset, dct_block, dct_offset_of
from sparserobust.weights.slots import Slot


def scipy_dct(patch: np.ndarray, n_out: int) -> np.ndarray:
    """The n_out lowest orthonormal DCT-II frequencies of a patch, zero-padded where there are more outputs."""
    padded = np.zeros(max(patch.size, n_out))
    padded[: patch.size] = patch
    return scipy.fft.dct(padded, type=2, norm="ortho")[:n_out]


def convolve_by_scipy(layer: nn.Conv2d, images: np.ndarray) -> np.ndarray:
    """Output of the convolution, from the DCT of every patch with the channel running fastest."""
    pad, stride, kernel = layer.padding[0], layer.stride[0], layer.kernel_size
    groups, inputs = layer.groups, layer.in_channels // layer.groups
    padded = np.pad(images, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows = (padded.shape[2] - kernel[0]) // stride + 1
    columns = (padded.shape[3] - kernel[1]) // stride + 1
    out = np.zeros((len(images), layer.out_channels, rows, columns))
    per_group = layer.out_channels // groups
    for n in range(len(images)):
        for y in range(rows):
            for x in range(columns):
                for o in range(layer.out_channels):
                    first = (o // per_group) * inputs
                    patch = padded[n, first : first + inputs, y * stride :, x * stride :][
                        :, : kernel[0], : kernel[1]
                    ]
                    flat = patch.transpose(1, 2, 0).ravel()  # (row, column, channel)
                    out[n, o, y, x] = scipy_dct(flat, layer.out_channels)[o]
    return out


@pytest.mark.parametrize(("inputs", "outputs"), [(12, 5), (5, 12), (7, 7), (1, 4), (4, 1)])
def test_a_linear_layer_with_the_offset_alone_is_scipys_dct(inputs, outputs):
    layer = nn.Linear(inputs, outputs, bias=False).double()
    slot = Slot(layer, "weight")
    add_dct_offset(slot)
    x = np.random.RandomState(0).randn(3, inputs)
    expected = np.stack([scipy_dct(row, outputs) for row in x])
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        {"in_channels": 3, "out_channels": 5, "kernel_size": 3},
        {"in_channels": 2, "out_channels": 30, "kernel_size": 3, "padding": 1},
        {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1},
        {"in_channels": 4, "out_channels": 6, "kernel_size": 3, "groups": 2},
        {"in_channels": 5, "out_channels": 5, "kernel_size": 3, "groups": 5},
        {"in_channels": 6, "out_channels": 4, "kernel_size": 1},
        {"in_channels": 3, "out_channels": 9, "kernel_size": 1, "stride": 2},
        {"in_channels": 2, "out_channels": 3, "kernel_size": (3, 2)},
    ],
    ids=[
        "plain",
        "more filters than inputs",
        "strided",
        "grouped",
        "depthwise",
        "1x1",
        "1x1 strided wide",
        "3x2",
    ],
)
def test_a_convolution_with_the_offset_alone_is_scipys_dct_of_every_patch(arguments):
    layer = nn.Conv2d(**arguments, bias=False).double()
    slot = Slot(layer, "weight")
    add_dct_offset(slot)
    images = np.random.RandomState(1).randn(2, layer.in_channels, 5, 5)
    ours = layer(torch.from_numpy(images)).detach().numpy()
    np.testing.assert_allclose(ours, convolve_by_scipy(layer, images), atol=1e-12)


@pytest.mark.parametrize("shape", [(8, 27), (64, 3, 3, 3), (27, 3, 3, 3), (10, 84), (6, 1, 5, 5), (4, 2, 3)])
def test_the_short_side_of_the_block_is_orthonormal(shape):
    matrix = dct_block(shape, dtype=torch.float64).reshape(shape[0], -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(gram, torch.eye(len(gram), dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("shape", "norm"), [((256, 64, 1, 1), 0.50), ((64, 3, 3, 3), 0.65), ((144, 1, 3, 3), 0.25)]
)
def test_filters_have_the_published_norm(shape, norm):
    """papers.md section 2: about sqrt(n_in / n_out) where there are more filters than inputs."""
    rows = dct_block(shape).reshape(shape[0], -1).norm(dim=1)
    assert float(rows.mean()) == pytest.approx(norm, abs=0.01)


def test_the_block_is_rounded_from_float64():
    shape = (512, 784)
    assert torch.equal(dct_block(shape), dct_block(shape, dtype=torch.float64).float())


def test_alpha_scales_the_block_and_its_gradient_is_that_of_the_closed_form():
    layer = nn.Linear(6, 4, bias=False).double()
    slot = Slot(layer, "weight")
    add_dct_offset(slot)
    dct = dct_offset_of(slot)
    x = torch.randn(5, 6, dtype=torch.float64)
    with torch.no_grad():
        dct.alpha.fill_(0.7)
        slot.values.normal_()
    weight = 0.7 * dct_block((4, 6), dtype=torch.float64) + slot.values.detach()
    torch.testing.assert_close(layer(x), x @ weight.T, atol=1e-12, rtol=0)
    layer(x).pow(2).sum().backward()
    expected = (2 * (x @ weight.T) * (x @ dct.block.T)).sum()
    assert float(dct.alpha.grad) == pytest.approx(expected.item(), rel=1e-10)
    torch.testing.assert_close(slot.values.grad, 2 * (x @ weight.T).T @ x, atol=1e-10, rtol=0)


def test_alpha_is_one_scalar_and_the_block_is_not_in_the_state_dict():
    layer = nn.Conv2d(3, 5, 3)
    slot = Slot(layer, "weight")
    add_dct_offset(slot)
    assert {name: tuple(t.shape) for name, t in layer.state_dict().items()} == {
        "bias": (5,),
        "parametrizations.weight.original": (5, 3, 3, 3),
        "parametrizations.weight.0.alpha": (),
    }
    assert dct_offset_of(slot).alpha.item() == 1.0
    assert not slot.values.any()
    assert math.isclose(layer.weight.norm().item(), math.sqrt(5), rel_tol=1e-6)


def test_a_transposed_convolution_is_refused():
    with pytest.raises(ModelError, match="got a transposed convolution"):
        add_dct_offset(Slot(nn.ConvTranspose2d(3, 3, 3), "weight"))
