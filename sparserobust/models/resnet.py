"""Residual networks: those of DCTpS, FreezeNet, SNIP-it and STARFIRE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from sparserobust.models.network import titled

WIDTHS = (64, 128, 256, 512)


class Residual(nn.Module):
    """activation(main(x) + shortcut(x))."""

    def __init__(self, main: nn.Module, shortcut: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.main = main
        self.shortcut = shortcut
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """The joined branches."""
        joined = self.activation(self.main(x) + self.shortcut(x))
        assert isinstance(joined, Tensor)
        return joined


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """A 1x1 convolution with BatchNorm where the shape changes, else the identity."""
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


Activation = Callable[[], nn.Module]
Block = Callable[[int, int, int], Residual]


def _basic(
    inputs: int, width: int, stride: int, *, bias: bool = False, activation: Activation = nn.ReLU
) -> Residual:
    main = nn.Sequential(
        nn.Conv2d(inputs, width, 3, stride, 1, bias=bias),
        nn.BatchNorm2d(width),
        activation(),
        nn.Conv2d(width, width, 3, 1, 1, bias=bias),
        nn.BatchNorm2d(width),
    )
    return Residual(main, projection(inputs, width, stride), activation())


def _bottleneck(inputs: int, width: int, stride: int, *, stride_in_first: bool = False) -> Residual:
    first, second = (stride, 1) if stride_in_first else (1, stride)
    main = nn.Sequential(
        nn.Conv2d(inputs, width, 1, first, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, second, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 4 * width, 1, bias=False),
        nn.BatchNorm2d(4 * width),
    )
    return Residual(main, projection(inputs, 4 * width, stride), nn.ReLU())


def _stages(block: Block, repeats: Sequence[int], *, expansion: int = 1, first_stride: int = 1) -> nn.Module:
    """Four stages of 64 to 512 channels; each but the first halves the image, `first_stride` is of that."""
    blocks: list[nn.Module] = []
    inputs = 64
    for width, repeat in zip(WIDTHS, repeats, strict=True):
        for i in range(repeat):
            stride = 1 if i else first_stride if width == 64 else 2
            blocks.append(block(inputs, width, stride))
            inputs = expansion * width
    return nn.Sequential(*blocks)


def _small_stem(channels: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU())


def _large_stem(channels: int, activation: Activation = nn.ReLU) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        activation(),
        nn.MaxPool2d(3, 2, 1),
    )


def _linear_head(inputs: int, num_classes: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, num_classes)]


@titled("ResNet-18")
def resnet18(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """ResNet18 for small images: a 3x3 stem of stride 1 without pooling, basic blocks [2, 2, 2, 2].

    11,173,962 parameters with 10 classes, of which 11,164,352 weights, 11,271,432 with 200, whatever the
    image's size. Source: DCTpS, Table E.1.
    """
    return nn.Sequential(
        _small_stem(input_shape[0]), _stages(_basic, (2, 2, 2, 2)), *_linear_head(512, num_classes)
    )


@titled("ResNet-34")
def resnet34(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """ResNet34 for Tiny ImageNet: a 3x3 stem of stride 1, basic blocks [3, 4, 6, 3], all stages of stride 2.

    21,383,816 parameters with 200 classes: 21,366,464 weights, 200 biases, 17,152 of BatchNorm. Only these
    counts tell which shortcuts are projections: the first of each stage, that of the first stage (64 to 64)
    included; Fig. S12 draws one in every block. The softmax of Table S5 belongs to the loss and is left out.
    Source: FreezeNet, Table S5 and Fig. S12.
    """
    return nn.Sequential(
        _small_stem(input_shape[0]),
        _stages(_basic, (3, 4, 6, 3), first_stride=2),
        *_linear_head(512, num_classes),
    )


@titled("ResNet-50")
def resnet50(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """ResNet50 for small images: a 3x3 stem of stride 1 without pooling, bottlenecks [3, 4, 6, 3].

    23,520,842 parameters with 10 classes, of which 23,467,712 weights, 23,705,252 with 100, 23,910,152 with
    200. The stride is in the 3x3 convolution. Source: DCTpS, Table E.1.
    """
    return nn.Sequential(
        _small_stem(input_shape[0]),
        _stages(_bottleneck, (3, 4, 6, 3), expansion=4),
        *_linear_head(2048, num_classes),
    )


@titled("ResNet-50 v1")
def resnet50_v1(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """ResNet50 v1 for ImageNet: stride 2 stands in the first 1x1 convolution of a bottleneck.

    25,557,032 parameters with 1000 classes, as v1.5 (`torchvision:resnet50`), which has the stride in the
    3x3 convolution. Source: He et al. 2016, Table 1; STARFIRE's Table 2 is of it, its Table 1 of v1.5.
    """
    return nn.Sequential(
        _large_stem(input_shape[0]),
        _stages(partial(_bottleneck, stride_in_first=True), (3, 4, 6, 3), expansion=4),
        *_linear_head(2048, num_classes),
    )


@titled("ResNet-18 (SNIP-it)")
def resnet18_snip_it(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """SNIP-it's ResNet18: ImageNet's 7x7 stem and pooling on any image, a hidden layer of 256, LeakyReLU(0.05).

    11,707,978 parameters on three channels with 10 classes: 11,693,760 weights, 4,106 biases, 10,112 of
    BatchNorm. The convolutions of the blocks have biases, stem and shortcuts have none. On 32x32 images the
    last stage works on maps of 1x1, where all of a 3x3 kernel but its middle meets padding: 59 % of the
    weights then lie on no path. Source: SNIP-it, supplement L.
    """
    leaky = partial(nn.LeakyReLU, 0.05)
    return nn.Sequential(
        _large_stem(input_shape[0], leaky),
        _stages(partial(_basic, bias=True, activation=leaky), (2, 2, 2, 2)),
        nn.AdaptiveAvgPool2d((2, 2)),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(2048, 256),
        nn.BatchNorm1d(256),
        leaky(),
        nn.Dropout(0.3),
        nn.Linear(256, num_classes),
    )
