"""Plain convolutional networks: SNIP-it's Conv6, and Conv2 for images as small as 8x8."""

from __future__ import annotations

from torch import nn

from sparserobust.models.network import at_least, titled


@titled("Conv6")
def conv6(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Conv6: six 3x3 convolutions and three linear layers with BatchNorm, LeakyReLU(0.05), dropout 0.3.

    1,806,666 parameters on 32x32x3 with 10 classes. Source: SNIP-it, supplement L.
    """
    at_least(input_shape, 4, "conv6", "two poolings by 2")
    layers: list[nn.Module] = []
    inputs = input_shape[0]
    for width in (64, 128, 256):
        for _ in range(2):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.BatchNorm2d(width), nn.LeakyReLU(0.05)]
            inputs = width
        layers += [nn.MaxPool2d(2)] if width < 256 else [nn.AdaptiveAvgPool2d((3, 3))]
    layers += [nn.Flatten(), nn.Dropout(0.3)]
    for inputs in (2304, 256):
        layers += [nn.Linear(inputs, 256), nn.BatchNorm1d(256), nn.LeakyReLU(0.05), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.Linear(256, num_classes))


@titled("Conv2")
def conv2(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """Conv2: two 3x3 convolutions with 12 and 24 channels, pooled to 4x4, and a hidden layer of 122.

    50,936 parameters on 8x8x1 with 10 classes. Ours: small enough to train on a laptop in seconds
    and convolutional, for the demonstration and the tests.
    """
    at_least(input_shape, 4, "conv2", "it pools to 4x4")
    height, width = input_shape[1:]
    whole = height % 4 == 0 and width % 4 == 0  # the plain pooling is several times faster
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 12, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d((height // 4, width // 4)) if whole else nn.AdaptiveMaxPool2d((4, 4)),
        nn.Flatten(),
        nn.Linear(384, 122),
        nn.ReLU(),
        nn.Linear(122, num_classes),
    )
