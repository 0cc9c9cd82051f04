"""VGG networks with BatchNorm, and SNIP-it's AlexNet, which is built alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from torch import nn

from sparserobust.models.network import at_least, titled

Activation = Callable[[], nn.Module]


def _convolutions(
    channels: int, groups: Sequence[Sequence[int]], *, bias: bool, activation: Activation
) -> Iterator[nn.Module]:
    """3x3 convolutions with BatchNorm and activation, group by group, with a 2x2 pooling between groups."""
    for i, widths in enumerate(groups):
        if i:
            yield nn.MaxPool2d(2)
        for width in widths:
            yield from (
                nn.Conv2d(channels, width, 3, padding=1, bias=bias),
                nn.BatchNorm2d(width),
                activation(),
            )
            channels = width


def _snip_it_head(inputs: int, num_classes: int) -> Iterator[nn.Module]:
    """Pooling to 2x2 and two hidden layers of 4096, with BatchNorm, LeakyReLU(0.05) and dropout 0.3 before each."""
    yield from (nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten())
    for width in (inputs, 4096):
        yield from (nn.Dropout(0.3), nn.Linear(width, 4096), nn.BatchNorm1d(4096), nn.LeakyReLU(0.05))
    yield from (nn.Dropout(0.3), nn.Linear(4096, num_classes))


@titled("VGG16-D")
def vgg16_d(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """VGG16-D for CIFAR: 13 convolutions and three linear layers of 512, BatchNorm and ReLU after all but the last.

    On 32x32x3: 15,301,796 parameters with 100 classes, of which 15,285,952 weights, 5,348 biases (the
    convolutions have them) and 10,496 of BatchNorm; 15,255,626 with 10. FreezeNet's Table 3 counts with 100
    classes. Larger images enter the first linear layer with what five poolings leave of them.
    Source: FreezeNet, Fig. S11.
    """
    at_least(input_shape, 32, "vgg16-d", "five poolings by 2")
    groups = [(64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3]
    pixels = (input_shape[1] // 32) * (input_shape[2] // 32)
    hidden: list[nn.Module] = []
    for inputs in (512 * pixels, 512):
        hidden += [nn.Linear(inputs, 512), nn.BatchNorm1d(512), nn.ReLU()]
    return nn.Sequential(
        *_convolutions(input_shape[0], groups, bias=True, activation=nn.ReLU),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *hidden,
        nn.Linear(512, num_classes),
    )


@titled("VGG19")
def vgg19(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """VGG19 for small images: 16 convolutions without bias, BatchNorm and ReLU, an average and one linear layer.

    20,035,018 parameters with 10 classes, of which 20,024,000 weights, 20,081,188 with 100, 20,132,488 with
    200. Four poolings; what they leave (2x2 of 32x32) is averaged. Source: DCTpS, Table E.1.
    """
    at_least(input_shape, 16, "vgg19", "four poolings by 2")
    groups = [(64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4]
    return nn.Sequential(
        *_convolutions(input_shape[0], groups, bias=False, activation=nn.ReLU),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, num_classes),
    )


@titled("VGG16 (SNIP-it)")
def vgg16_snip_it(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """SNIP-it's VGG16: the last of 13 convolutions has 1024 channels, two hidden layers of 4096, LeakyReLU(0.05).

    50,703,946 parameters on three channels with 10 classes: 50,665,152 weights, 12,938 biases, 25,856 of
    BatchNorm. Four poolings, then an adaptive one to 2x2; dropout 0.3. Source: SNIP-it, supplement L.
    """
    at_least(input_shape, 16, "vgg16-snip-it", "four poolings by 2")
    groups = [(64, 64), (128, 128), (256,) * 3, (512,) * 3, (512, 512, 1024)]
    leaky = partial(nn.LeakyReLU, 0.05)
    return nn.Sequential(
        *_convolutions(input_shape[0], groups, bias=True, activation=leaky),
        *_snip_it_head(4096, num_classes),
    )


@titled("AlexNet (SNIP-it)")
def alexnet_snip_it(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """SNIP-it's AlexNet: convolutions of 64, 192 (5x5), 384, 256, 512 (3x3), two hidden layers of 4096.

    28,275,530 parameters on three channels with 10 classes: 28,246,720 weights, 9,610 biases, 19,200 of
    BatchNorm. LeakyReLU(0.05), dropout 0.3, poolings of 3x3 with stride 2. The last convolution has 512
    channels, where AlexNet has 256. Source: SNIP-it, supplement L.
    """
    at_least(input_shape, 7, "alexnet-snip-it", "two poolings of 3x3 with stride 2")
    channels, layers = input_shape[0], list[nn.Module]()
    for width, size in ((64, 5), (192, 5), (384, 3), (256, 3), (512, 3)):
        layers += [nn.Conv2d(channels, width, size, padding=size // 2), nn.BatchNorm2d(width)]
        layers += [nn.LeakyReLU(0.05)] + [nn.MaxPool2d(3, 2)] * (size == 5)
        channels = width
    return nn.Sequential(*layers, *_snip_it_head(2048, num_classes))
