"""FixupResNet110: a residual network without normalisation, and what its initialisations need."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.models.layers import layers_of
from sparserobust.models.network import initialised_by, titled
from sparserobust.weights.offset import dct_block

Role = Literal["first", "second", "classifier", "other"]


class FixupBlock(nn.Module):
    """Two 3x3 convolutions with four scalar biases and a scalar scale, and a shortcut without weights.

    Where the stride is 2 the shortcut takes every second pixel of the input, its bias included, and fills the
    new channels with zeros.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bias1 = nn.Parameter(torch.zeros(1))
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bias2 = nn.Parameter(torch.zeros(1))
        self.activation1 = nn.ReLU()
        self.bias3 = nn.Parameter(torch.zeros(1))
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.scale = nn.Parameter(torch.ones(1))
        self.bias4 = nn.Parameter(torch.zeros(1))
        self.subsample = nn.AvgPool2d(1, stride) if stride > 1 else None
        self.activation2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """activation(scale * conv2(activation(conv1(x))) + shortcut), with a bias beside each."""
        entering = x + self.bias1
        inner = self.activation1(self.conv1(entering) + self.bias2)
        main = self.conv2(inner + self.bias3) * self.scale + self.bias4
        shortcut = x
        if self.subsample is not None:
            kept = self.subsample(entering)
            shortcut = F.pad(kept, (0, 0, 0, 0, 0, main.shape[1] - kept.shape[1]))
        out = self.activation2(main + shortcut)
        assert isinstance(out, Tensor)
        return out


class ScalarBias(nn.Module):
    """x + one trained number, 0 at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """The sum."""
        return x + self.bias


@titled("Fixup ResNet-110")
@initialised_by("fixup")
def fixup_resnet110(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """FixupResNet110: 54 basic blocks without normalisation, [18, 18, 18] of 16, 32 and 64 channels.

    1,720,138 parameters on three channels with 10 classes: 1,719,856 weights and 282 others, five scalars in
    each block, two beside the stem and the classifier, and the classifier's biases. No projection anywhere.
    Its own initialisation is `fixup`. Source: Zhang et al. 2019, arXiv:1901.09321; DCTpS, Table E.1.
    """
    blocks: list[nn.Module] = []
    inputs = 16
    for width in (16, 32, 64):
        for _ in range(18):
            blocks.append(FixupBlock(inputs, width, 1 if inputs == width else 2))
            inputs = width
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 16, 3, 1, 1, bias=False),
        ScalarBias(),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        ScalarBias(),
        nn.Linear(64, num_classes),
    )


def fixup_roles(model: nn.Module) -> dict[str, Role]:
    """Name of each prunable weight -> its place in a Fixup network; empty when the model has no Fixup block.

    "first" and "second" are the convolutions of a block, "classifier" a linear layer, "other" the stem.
    """
    blocks = [module for module in model.modules() if isinstance(module, FixupBlock)]
    if not blocks:
        return {}
    places: dict[int, Role] = {id(block.conv1): "first" for block in blocks}
    places |= {id(block.conv2): "second" for block in blocks}
    return {
        name: places.get(id(module), "classifier" if isinstance(module, nn.Linear) else "other")
        for name, module in layers_of(model).items()
    }


def fixup_deviation(shape: tuple[int, ...], role: Role, blocks: int) -> float:
    """Standard deviation of a layer's initial weights: 0 for the second convolutions and the classifier.

    sqrt(2 / (C_out k^2)), times blocks^(-1/2) in the first convolution of a block.
    """
    if role in ("second", "classifier"):
        return 0.0
    deviation = math.sqrt(2 / (shape[0] * math.prod(shape[2:])))
    return deviation / math.sqrt(blocks) if role == "first" else deviation


def fixup_alphas(model: nn.Module, *, published: bool) -> dict[str, float] | None:
    """Name of each prunable weight -> initial alpha of its DCT offset; None without a Fixup block.

    A first convolution gets filters of the mean length that Fixup gives them: alpha times the mean column
    norm of its DCT block is E||N(0, sigma^2 I_n)|| for n weights in a filter. Second convolutions and the
    classifier start at 0, the stem at 1.

    Args:
        model: its weights are not looked at, only their shapes.
        published: as in the authors' code, with a square root around that alpha (0.438, on stride-2 blocks
            0.369, in FixupResNet110); without it, as the formula says, 0.192 and 0.136.

    Source: the code of Price and Tanner 2021 (DCTpS); the paper does not say.
    """
    roles = fixup_roles(model)
    if not roles:
        return None
    blocks = list(roles.values()).count("first")
    modules = layers_of(model)
    known: dict[tuple[int, ...], float] = {}
    alphas = {}
    for name, role in roles.items():
        shape = tuple(modules[name].weight.shape)
        if role == "first" and shape not in known:
            length = _mean_length(math.prod(shape[1:])) * fixup_deviation(shape, role, blocks)
            block = dct_block(shape, dtype=torch.float64)
            alpha = length / float(block.flatten(1).norm(dim=1).mean())
            known[shape] = math.sqrt(alpha) if published else alpha
        alphas[name] = known[shape] if role == "first" else float(role == "other")
    return alphas


def _mean_length(n: int) -> float:
    """E||N(0, I_n)||, the mean of the chi distribution with n degrees of freedom."""
    return math.sqrt(2) * math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))
