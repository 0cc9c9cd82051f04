"""The convolutional LeNets: LeNet-5-Caffe (FreezeNet), SNIP-it's LeNet5 and the LeNet-5 of DCTpS."""

from __future__ import annotations

from torch import nn

from sparserobust.models.network import at_least, titled


@titled("LeNet-5-Caffe")
def lenet5_caffe(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """LeNet-5-Caffe: two 5x5 convolutions without padding, each max-pooled, then 500 units.

    430,500 weights and 580 biases on 28x28x1 with 10 classes. ReLU after every layer but the last; the
    official SNIP code has none after the convolutions, FreezeNet does not say. Source: FreezeNet, Fig. S10.
    """
    at_least(input_shape, 16, "lenet5-caffe", "two unpadded 5x5 convolutions, each pooled by 2")
    side = [((size - 4) // 2 - 4) // 2 for size in input_shape[1:]]
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 20, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(50 * side[0] * side[1], 500),
        nn.ReLU(),
        nn.Linear(500, num_classes),
    )


@titled("LeNet-5")
def lenet5(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """SNIP-it's LeNet5, with BatchNorm, LeakyReLU(0.05) and dropout 0.3.

    143,098 parameters on 32x32x3 with 10 classes. Source: SNIP-it, supplement L.
    """
    at_least(input_shape, 28, "lenet5", "two unpadded 5x5 convolutions after poolings by 2")

    def block(inputs: int, outputs: int, padding: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 5, padding=padding), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.05)]

    return nn.Sequential(
        *block(input_shape[0], 6, 2),
        nn.MaxPool2d(2),
        *block(6, 16, 0),
        nn.MaxPool2d(2),
        *block(16, 120, 0),
        nn.AdaptiveAvgPool2d((3, 3)),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(1080, 84),
        nn.BatchNorm1d(84),
        nn.LeakyReLU(0.05),
        nn.Dropout(0.3),
        nn.Linear(84, num_classes),
    )


@titled("LeNet-5 (DCTpS)")
def lenet5_dctps(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """DCTpS's LeNet-5: convolutions of 6, 16 and 120 channels, average pooling, 82 units, no bias anywhere.

    61,510 weights and nothing else on 32x32x3 with 10 classes. The hidden layer has 82 units where LeNet-5
    has 84. Source: the code of DCTpS; the paper names the network (Table E.3) without describing it.
    """
    at_least(input_shape, 32, "lenet5-dctps", "three unpadded 5x5 convolutions, the first two pooled by 2")
    side = [((size - 4) // 2 - 4) // 2 - 4 for size in input_shape[1:]]
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 6, 5, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5, bias=False),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 120, 5, bias=False),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(120 * side[0] * side[1], 82, bias=False),
        nn.ReLU(),
        nn.Linear(82, num_classes, bias=False),
    )
