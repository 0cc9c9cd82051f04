"""MobileNetV2 for small images."""

from __future__ import annotations

from torch import nn

from sparserobust.models.network import titled
from sparserobust.models.resnet import Residual, projection

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""(expansion, channels, blocks, stride of the first block)."""


@titled("MobileNetV2")
def mobilenetv2(input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """MobileNetV2 for CIFAR: 17 inverted residual blocks, stride 1 in the stem and in the stage of 24 channels.

    2,296,922 parameters with 10 classes, of which 2,261,824 weights in 58 layers. Unlike the paper of
    MobileNetV2: a shortcut in every block of stride 1, by a 1x1 convolution with BatchNorm where the channels
    change; an expanding convolution (32 to 32) in the first block too; ReLU in the place of ReLU6; no dropout.
    Source: DCTpS, Table E.1, whose code has it so; Sandler et al. 2018.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(input_shape[0], 32, 3, 1, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
    ]
    inputs = 32
    for expansion, channels, blocks, first_stride in STAGES:
        for i in range(blocks):
            layers.append(_inverted_residual(inputs, expansion * inputs, channels, 1 if i else first_stride))
            inputs = channels
    return nn.Sequential(
        *layers,
        nn.Conv2d(320, 1280, 1, bias=False),
        nn.BatchNorm2d(1280),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1280, num_classes),
    )


def _inverted_residual(inputs: int, width: int, outputs: int, stride: int) -> nn.Module:
    """1x1 to `width`, depthwise 3x3, 1x1 to `outputs` without activation; a shortcut where the stride is 1."""
    main = nn.Sequential(
        nn.Conv2d(inputs, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )
    return main if stride > 1 else Residual(main, projection(inputs, outputs, stride), nn.Identity())
