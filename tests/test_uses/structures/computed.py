"""Weights that are computed from parameters: normalised, masked, factored, made by the image."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from tests.test_uses.structures.structure import PIXELS, Net, Structure, Weight, weight

OUT = 10


def _layer() -> nn.Linear:
    return nn.Linear(PIXELS, OUT)


class StandardisedConv(nn.Conv2d):
    """As in BiT and NFNets."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-6)
        return F.conv2d(x, w, self.bias, padding=1)


def standardised_convolution() -> Structure:
    """The mean is taken off, so that zeros are none in the kernel that is multiplied: all 216 x 64."""
    model = nn.Sequential(StandardisedConv(3, 8, 3), nn.Flatten())
    weights = {"0.weight": Weight(shape=(8, 3, 3, 3), positions=64)}
    return Structure(model=model, weights=weights, other_entries=8, executed=lambda m: 216 * 64)


def old_weight_norm() -> Structure:
    """The length of each row is a number of its own: 1920 + 10 + 10 numbers, 7,760 bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # deprecated, and in use
        model = nn.Sequential(nn.Flatten(), weight_norm(_layer()))
    return Structure(
        model=model,
        weights={"1.weight_v": Weight(shape=(OUT, PIXELS))},
        other_entries=OUT + OUT,
        outside={"1.weight_g": "computed"},
    )


def new_weight_norm() -> Structure:
    model = nn.Sequential(nn.Flatten(), parametrizations.weight_norm(_layer()))
    name = "1.parametrizations.weight.original1"
    return Structure(
        model=model,
        weights={name: Weight(shape=(OUT, PIXELS))},
        other_entries=OUT + OUT,
        outside={"1.parametrizations.weight.original0": "computed"},
    )


def old_spectral_norm() -> Structure:
    """Divided by its largest singular value, from two vectors in buffers."""
    model = nn.Sequential(nn.Flatten(), spectral_norm(_layer()))
    return Structure(
        model=model, weights={"1.weight_orig": Weight(shape=(OUT, PIXELS))}, other_entries=OUT + OUT + PIXELS
    )


def new_spectral_norm() -> Structure:
    model = nn.Sequential(nn.Flatten(), parametrizations.spectral_norm(_layer()))
    held = Weight(shape=(OUT, PIXELS), held="1.parametrizations.weight.original")
    return Structure(model=model, weights={"1.weight": held}, other_entries=OUT + OUT + PIXELS)


def orthogonal_layer() -> Structure:
    """An orthogonal matrix is computed from all entries at once: a product, and no zero of it can be chosen."""
    model = Net(
        lambda m, x: m.head(m.layer(x.flatten(1)[:, :20])),
        layer=parametrizations.orthogonal(nn.Linear(20, 20, bias=False), orthogonal_map="matrix_exp"),
        head=nn.Linear(20, 10),
    )
    return Structure(
        model=model,
        weights={"head.weight": Weight(shape=(10, 20))},
        besides=400,
        other_entries=400 + 400 + 10,
        outside={"layer.weight": "computed"},
    )


class Masked(nn.Module):
    """A parametrization that multiplies by a mask."""

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, w: Tensor) -> Tensor:
        return w * self.mask


def parametrized_mask() -> Structure:
    """The mask is none of what a dense file holds: 4 * 1930 = 7,720 bytes."""
    layer = _layer()
    mask = (torch.arange(OUT * PIXELS).reshape(OUT, PIXELS) % 3 == 0).float()  # 640 entries
    parametrize.register_parametrization(layer, "weight", Masked(mask))
    held = Weight(shape=(OUT, PIXELS), held="1.parametrizations.weight.original", mask=mask)
    return Structure(model=nn.Sequential(nn.Flatten(), layer), weights={"1.weight": held}, other_entries=OUT)


def pruned_by_torch() -> Structure:
    """1728 of 1920 are masked; `weight_orig` still has them."""
    layer = _layer()
    prune.l1_unstructured(layer, "weight", amount=0.9)
    return Structure(
        model=nn.Sequential(nn.Flatten(), layer),
        weights={"1.weight": Weight(shape=(OUT, PIXELS), held="1.weight_orig", mask=layer.weight_mask)},
        other_entries=OUT,
    )


def pruned_by_torch_for_good() -> Structure:
    layer = _layer()
    prune.l1_unstructured(layer, "weight", amount=0.9)
    prune.remove(layer, "weight")
    return Structure(
        model=nn.Sequential(nn.Flatten(), layer),
        weights={"1.weight": Weight(shape=(OUT, PIXELS))},
        other_entries=OUT,
    )


def low_rank_adapter_beside_a_layer() -> Structure:
    """LoRA, not merged: W x + B (A x), rank 4."""
    model = Net(
        lambda m, x: m.layer(x.flatten(1)) + x.flatten(1) @ m.a @ m.b,
        layer=_layer(),
        a=weight(PIXELS, 4),
        b=weight(4, OUT),
    )
    weights = {
        "a": Weight(shape=(PIXELS, 4)),
        "b": Weight(shape=(4, OUT)),
        "layer.weight": Weight(shape=(OUT, PIXELS)),
    }
    return Structure(model=model, weights=weights, other_entries=OUT)


def low_rank_adapter_in_the_weight() -> Structure:
    """LoRA, merged: (W + B A) x. B A is made once for all images; 192 x 10 products for one."""
    model = Net(
        lambda m, x: F.linear(x.flatten(1), m.layer.weight + m.b @ m.a, m.layer.bias),
        layer=_layer(),
        a=weight(4, PIXELS),
        b=weight(OUT, 4),
    )
    return Structure(
        model=model,
        weights={
            "a": Weight(shape=(4, PIXELS), positions=0),
            "b": Weight(shape=(OUT, 4), positions=0),
            "layer.weight": Weight(shape=(OUT, PIXELS)),
        },
        other_entries=OUT,
        executed=lambda m: int((m.layer.weight + m.b @ m.a != 0).sum()),
    )


def matrix_of_two_factors() -> Structure:
    model = Net(lambda m, x: F.linear(x.flatten(1), m.b @ m.a), a=weight(4, PIXELS), b=weight(OUT, 4))
    return Structure(
        model=model,
        weights={"a": Weight(shape=(4, PIXELS), positions=0), "b": Weight(shape=(OUT, 4), positions=0)},
        besides=OUT * PIXELS,
        executed=lambda m: int((m.b @ m.a != 0).sum()),
    )


def weights_made_by_the_image() -> Structure:
    """A hypernetwork: a layer makes a 5 x 6 matrix of each image, which meets 32 columns and is no weight itself."""

    def run(m: Net, x: Tensor) -> Tensor:
        own = m.hyper(x.flatten(1)).reshape(len(x), 5, 6)
        return torch.bmm(own, x.reshape(len(x), 6, 32)).flatten(1)

    model = Net(run, hyper=nn.Linear(PIXELS, 30))
    weights = {"hyper.weight": Weight(shape=(30, PIXELS))}
    return Structure(model=model, weights=weights, besides=5 * 6 * 32, other_entries=30)


def mixture_of_kernels() -> Structure:
    """CondConv: gates of the image mix four kernels, a product of 4 by 5 * 27; the mixed kernel meets 36 positions."""

    def run(m: Net, x: Tensor) -> Tensor:
        gates = m.gate(x.mean((2, 3))).softmax(dim=1)
        mixed = (gates @ m.kernels.flatten(1)).reshape(-1, 5, 3, 3, 3)
        return torch.cat([F.conv2d(one[None], kernel) for one, kernel in zip(x, mixed, strict=True)]).flatten(
            1
        )

    model = Net(run, gate=nn.Linear(3, 4), kernels=weight(4, 5, 3, 3, 3))
    weights = {"kernels": Weight(shape=(4, 5, 3, 3, 3)), "gate.weight": Weight(shape=(4, 3))}
    return Structure(model=model, weights=weights, besides=135 * 36, other_entries=4)


def best_half_by_a_trained_score() -> Structure:
    """Edge-popup: scores say which 960 entries are used; they are no weights."""

    def run(m: Net, x: Tensor) -> Tensor:
        threshold = m.scores.abs().flatten().topk(960).values.amin()
        return F.linear(x.flatten(1), m.w * (m.scores.abs() >= threshold).float())

    def executed(m: nn.Module) -> int:
        best = m.scores.abs().flatten().argsort(descending=True)[:960]
        return int((m.w.flatten()[best] != 0).sum())

    model = Net(run, w=weight(OUT, PIXELS), scores=weight(PIXELS, OUT).t())
    model.scores = nn.Parameter(model.scores.detach().contiguous())
    return Structure(
        model=model,
        weights={"w": Weight(shape=(OUT, PIXELS))},
        other_entries=OUT * PIXELS,
        executed=executed,
        outside={"scores": "computed"},
    )
