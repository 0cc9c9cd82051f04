"""Our residual networks, VGGs and MobileNetV2 against torchvision's, which hold the same weights."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.vgg import cfgs, make_layers

from sparserobust.models.mobilenet import mobilenetv2
from sparserobust.models.resnet import Residual
from sparserobust.registry import models

CIFAR, TINY = (3, 32, 32), (3, 64, 64)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def body(name: str, shape=CIFAR, classes: int = 10) -> nn.Module:
    return models.load(name)(shape, classes)


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d)]


def same_weights(ours: nn.Module, theirs: nn.Module) -> None:
    """Copies all parameters and statistics in order, after making BatchNorm do something; shapes must agree."""
    stream = torch.Generator().manual_seed(0)
    for module in theirs.modules():
        if isinstance(module, NORMS):
            for tensor in (module.weight.data, module.running_var):
                tensor.uniform_(0.5, 1.5, generator=stream)
            for tensor in (module.bias.data, module.running_mean):
                tensor.uniform_(-0.2, 0.2, generator=stream)
    source, target = theirs.state_dict(), ours.state_dict()
    assert [tuple(t.shape) for t in target.values()] == [tuple(t.shape) for t in source.values()]
    ours.load_state_dict(dict(zip(target, source.values(), strict=True)))


def agree(ours: nn.Module, theirs: nn.Module, side: int = 32) -> None:
    same_weights(ours, theirs)
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        mine, expected = ours.eval()(images), theirs.eval()(images)
    assert expected.std() > 1e-3
    assert torch.allclose(mine, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def small_stem(theirs: nn.Module) -> nn.Module:
    """torchvision's residual network with the stem for small images."""
    theirs.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    theirs.maxpool = nn.Identity()
    return theirs


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_dctps_residual_networks_compute_what_torchvision_does_but_for_the_stem(name):
    agree(body(name), small_stem(torchvision.models.get_model(name, num_classes=10)))


def test_resnet34_is_torchvisions_with_stride_2_and_a_projection_in_the_first_stage_too():
    """FreezeNet Table S5: 64x64 becomes 32, 16, 8 and 4."""
    theirs = small_stem(torchvision.models.resnet34(num_classes=200))
    theirs.layer1[0].conv1.stride = (2, 2)
    theirs.layer1[0].downsample = nn.Sequential(nn.Conv2d(64, 64, 1, 2, bias=False), nn.BatchNorm2d(64))
    agree(body("resnet34", TINY, 200), theirs, 64)


def test_resnet50_v1_has_the_stride_in_the_first_convolution_of_a_block_where_v15_has_it_in_the_second():
    """STARFIRE sec. 4; He et al. 2016, Table 1 prints 3.8e9 multiply-adds for v1, torchvision 4.09e9 for v1.5."""
    theirs = torchvision.models.resnet50(num_classes=10)
    ours = body("resnet50-v1", TINY)
    strides = [[m.stride[0] for m in convolutions(model)][1:] for model in (ours, theirs)]
    for stage, start in zip((1, 2, 3), (10, 10 + 13, 10 + 13 + 19), strict=True):
        assert strides[0][start : start + 4] == [2, 1, 1, 2], stage  # three convolutions and the projection
        assert strides[1][start : start + 4] == [1, 2, 1, 2], stage
    assert sum(stride == 2 for stride in strides[0]) == 6
    for blocks in (theirs.layer2, theirs.layer3, theirs.layer4):
        blocks[0].conv1.stride, blocks[0].conv2.stride = (2, 2), (1, 1)
    agree(ours, theirs, 64)


def test_vgg_networks_compute_what_torchvisions_features_do():
    """VGG16-D: the features of vgg16_bn as they are; VGG19: those of vgg19_bn without bias and the last pooling."""
    ours = body("vgg16-d")
    head = nn.Sequential(*list(ours.children())[-9:])
    assert [type(m) for m in head] == [
        *(nn.MaxPool2d, nn.Flatten),
        *(nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear),
    ]
    agree(ours, nn.Sequential(*make_layers(cfgs["D"], batch_norm=True)[:-1], *head))
    nineteen = make_layers(cfgs["E"], batch_norm=True)[:-1]
    for i, module in enumerate(nineteen):
        if isinstance(module, nn.Conv2d):
            nineteen[i] = nn.Conv2d(module.in_channels, module.out_channels, 3, padding=1, bias=False)
    tail = [nn.AvgPool2d(2), nn.Flatten(), nn.Linear(512, 10)]
    agree(body("vgg19"), nn.Sequential(*nineteen, *tail))


def test_mobilenet_has_torchvisions_convolutions_and_those_that_its_docstring_adds():
    """The expansion 32 -> 32 of the first block, and a 1x1 shortcut in 4 of the 14 blocks of stride 1."""

    def shapes(model: nn.Module) -> list[tuple[int, ...]]:
        return [(*m.weight.shape, m.groups) for m in convolutions(model)]

    with torch.device("meta"):
        theirs = torchvision.models.mobilenet_v2(num_classes=10)
        ours = mobilenetv2(CIFAR, 10)
    blocks = [m for m in ours.modules() if isinstance(m, Residual)]
    added = [m for block in blocks for m in convolutions(block.shortcut)] + convolutions(ours)[1:2]
    assert (len(blocks), len(added)) == (14, 5)
    left = [m for m in convolutions(ours) if not any(m is extra for extra in added)]
    assert [(*m.weight.shape, m.groups) for m in left] == shapes(theirs)
    strides = ([m.stride[0] for m in left], [m.stride[0] for m in convolutions(theirs)])
    assert [i for i, (a, b) in enumerate(zip(*strides, strict=True)) if a != b] == [0, 4]  # stem, stage of 24


def test_a_mobilenet_block_computes_what_torchvisions_does_below_six():
    block = next(
        m for m in body("mobilenetv2").modules() if isinstance(m, Residual) and m.main[0].in_channels == 64
    )
    theirs = torchvision.models.mobilenetv2.InvertedResidual(64, 64, 1, 6)
    same_weights(block, theirs)
    x = 0.5 * torch.randn(2, 64, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(block.eval()(x), theirs.eval()(x), atol=1e-5)
