"""FixupResNet110: its blocks, where it starts, and the DCT offsets that start alike."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import sparserobust as sr
from evaluators.connectivity import Connectivity
from sparserobust.errors import ModelError
from sparserobust.models.fixup import FixupBlock, fixup_alphas
from sparserobust.models.initial import draw_weights
from sparserobust.uses import prunable_slots
from sparserobust.weights.offset import dct_block

CIFAR = (3, 32, 32)


@pytest.fixture(scope="module")
def fixup() -> nn.Module:
    return sr.create_model("fixup-resnet110", input_shape=CIFAR, num_classes=10)


def test_fixup_has_54_blocks_of_five_scalars_and_no_projection(fixup):
    blocks = [m for m in fixup.modules() if isinstance(m, FixupBlock)]
    convolutions = [m for m in fixup.modules() if isinstance(m, nn.Conv2d)]
    assert len(blocks) == 54
    assert {len([p for p in b.parameters() if p.numel() == 1]) for b in blocks} == {5}
    assert {m.kernel_size for m in convolutions} == {(3, 3)}
    assert [m.stride[0] for m in convolutions].count(2) == 2
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fixup.modules())
    scalars = [name for name, p in fixup.named_parameters() if p.numel() == 1]
    assert len(scalars) == 272
    assert all(
        "bias" in name or "scale" in name for name in scalars
    )  # the recipe's lr / 10 goes by these names


def test_fixup_starts_as_its_stem_with_logits_0_and_a_gradient_in_the_classifier_alone(fixup):
    images = torch.rand(2, *CIFAR)
    model = fixup.body.eval()
    logits = model(images)
    assert not logits.any()
    features = nn.Sequential(*list(model.children())[:-4])(images)
    stem = F.relu(F.conv2d(images, model[0].weight, padding=1))
    assert torch.equal(
        features[:, :16], stem[:, :, ::4, ::4]
    )  # two strides of 2, no other weight has an effect
    assert not features[:, 16:].any()
    F.cross_entropy(logits, torch.tensor([1, 2])).backward()
    moved = [name for name, m in prunable_slots(model).items() if m.values.grad.any()]
    model.zero_grad(set_to_none=True)
    assert moved == [list(prunable_slots(model))[-1]]


def test_a_fixup_block_computes_the_published_formula():
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(2, 4, 7, 9, generator=stream)
    for outputs, stride in ((4, 1), (8, 2)):
        block = FixupBlock(4, outputs, stride)
        with torch.no_grad():
            for parameter in block.parameters():
                parameter.normal_(0, 0.5, generator=stream)
            inner = F.relu(F.conv2d(x + block.bias1, block.conv1.weight, None, stride, 1) + block.bias2)
            main = F.conv2d(inner + block.bias3, block.conv2.weight, None, 1, 1) * block.scale + block.bias4
            shortcut = x
            if stride == 2:
                shortcut = (x + block.bias1)[:, :, ::2, ::2]
                shortcut = torch.cat([shortcut, torch.zeros_like(shortcut)], 1)
            assert torch.allclose(block(x), F.relu(main + shortcut), atol=1e-6)


def test_a_fixup_network_as_initialised_has_no_path_and_connectivity_says_where(fixup):
    """papers.md, trap 17: its second convolutions and its classifier are 0."""
    found = Connectivity()(fixup, (torch.rand(2, *CIFAR), torch.tensor([0, 1])))
    assert found.score("connected", at="forward").value == 0
    assert found.score("collapsed_layers", at="forward").value == 55
    assert found.verdict.code == "disconnected"


def test_fixup_weights_have_the_published_deviations_and_zeros():
    """conv1 N(0, 2 / (C_out k^2) / 54), conv2 and classifier 0, stem N(0, 2 / (C_out k^2)); four standard errors."""
    model = sr.create_model("fixup-resnet110", input_shape=CIFAR, num_classes=10, seed=3)
    assert model.origin.initialisation == "fixup"
    blocks = [m for m in model.modules() if isinstance(m, FixupBlock)]
    drawn = [(block.conv1, math.sqrt(2 / (block.conv1.out_channels * 9) / 54)) for block in blocks]
    drawn.append((model.body[0], math.sqrt(2 / (16 * 9))))
    for layer, sigma in drawn:
        weight, n = layer.weight.detach().double(), layer.weight.numel()
        assert float(weight.std()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * n))
        assert abs(float(weight.mean())) < 4 * sigma / math.sqrt(n)
    assert not any(block.conv2.weight.any() for block in blocks)
    assert not model.body[-1].weight.any()


def test_only_fixup_networks_take_the_fixup_initialisation():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(
        ModelError, match="'fixup' is for networks of Fixup blocks, and this one has none; choose"
    ):
        draw_weights(model, "fixup", 0)
    with pytest.raises(ModelError, match="'fixup' is for networks of Fixup blocks"):
        sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10, initialisation="fixup")


@pytest.mark.parametrize(
    ("published", "same_width", "strided"), [(True, 0.438, 0.369), (False, 0.192, 0.136)]
)
def test_initial_alphas_are_those_of_the_published_code(fixup, published, same_width, strided):
    """papers.md, section 2: with the additional square root 0.438 and 0.369, without it 0.192 and 0.136."""
    alphas = fixup_alphas(fixup, published=published)
    modules = {name: slot.module for name, slot in prunable_slots(fixup).items()}
    assert list(alphas) == list(modules)
    first = {id(m.conv1): m.conv1.stride[0] for m in fixup.modules() if isinstance(m, FixupBlock)}
    for name, module in modules.items():
        if id(module) in first:
            expected = strided if first[id(module)] == 2 else same_width
            assert alphas[name] == pytest.approx(expected, abs=1e-3), name
        else:
            assert alphas[name] == (1.0 if name == "body.0.weight" else 0.0), name


def test_an_offset_with_these_alphas_has_filters_as_long_as_drawn_ones(fixup):
    """A check by draws: mean filter length of a thousand drawn layers against alpha times that of the block."""
    alphas = fixup_alphas(fixup, published=False)
    stream = torch.Generator().manual_seed(0)
    for index in (0, 20, 40, 18, 36):  # one block of each width, and both strided ones
        block = [m for m in fixup.named_modules() if isinstance(m[1], FixupBlock)][index]
        shape = tuple(block[1].conv1.weight.shape)
        sigma = math.sqrt(2 / (shape[0] * 9) / 54)
        drawn = sigma * torch.randn(1000, *shape[1:], generator=stream).flatten(1)
        length = alphas[f"{block[0]}.conv1.weight"] * dct_block(shape).flatten(1).norm(dim=1).mean()
        assert float(length) == pytest.approx(float(drawn.norm(dim=1).mean()), rel=0.01)


def test_other_networks_have_no_such_alphas():
    with torch.device("meta"):
        assert fixup_alphas(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), published=True) is None
