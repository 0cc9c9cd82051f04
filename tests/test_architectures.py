"""The papers' networks: printed parameter counts, the sizes they take, their layers, what counters make of them."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchvision
from torch import Tensor, nn

import sparserobust as sr
from evaluators.connectivity import Connectivity
from evaluators.flops import FLOPs
from sparserobust.errors import ShapeError
from sparserobust.models.layers import layers_of
from sparserobust.registry import models

CIFAR, TINY = (3, 32, 32), (3, 64, 64)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def bare(name: str, shape=CIFAR, classes: int = 10) -> nn.Module:
    """The network without memory for its weights: enough to count and to see shapes."""
    with torch.device("meta"):
        return models.load(name)(shape, classes)


def count(modules) -> int:
    return sum(p.numel() for m in modules for p in m.parameters(recurse=False))


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize(
    ("name", "shape", "classes", "weights", "others", "norms"),
    [
        ("vgg16-d", CIFAR, 100, 15_285_952, 5_348, 10_496),
        ("vgg16-d", CIFAR, 10, 15_255_626 - 15_754, 5_258, 10_496),
        ("resnet34", TINY, 200, 21_366_464, 200, 17_152),
        ("resnet50", CIFAR, 10, 23_467_712, 10, 53_120),
        ("resnet50", CIFAR, 100, 23_705_252 - 53_220, 100, 53_120),
        ("resnet50", TINY, 200, 23_910_152 - 53_320, 200, 53_120),
        ("vgg19", CIFAR, 10, 20_024_000, 10, 11_008),
        ("vgg19", CIFAR, 100, 20_081_188 - 11_108, 100, 11_008),
        ("vgg19", TINY, 200, 20_132_488 - 11_208, 200, 11_008),
        ("mobilenetv2", CIFAR, 10, 2_261_824, 10, 35_088),
        ("fixup-resnet110", CIFAR, 10, 1_719_856, 282, 0),
        ("resnet18", CIFAR, 10, 11_164_352, 10, 9_600),
        ("resnet18", CIFAR, 100, 11_220_132 - 9_700, 100, 9_600),
        ("resnet18", TINY, 200, 11_271_432 - 9_800, 200, 9_600),
        ("lenet5-dctps", CIFAR, 10, 61_510, 0, 0),
        ("resnet18-snip-it", CIFAR, 10, 11_693_760, 4_106, 10_112),
        ("vgg16-snip-it", CIFAR, 10, 50_665_152, 12_938, 25_856),
        ("alexnet-snip-it", CIFAR, 10, 28_246_720, 9_610, 19_200),
        ("resnet50-v1", (3, 224, 224), 1000, 25_557_032 - 54_120, 1_000, 53_120),
    ],
)
def test_weights_biases_and_norms_are_as_many_as_printed(name, shape, classes, weights, others, norms):
    """FreezeNet Table 3 (100 classes) and S5, DCTpS Table E.1, the SNIP-it networks by layer, torchvision's ResNet50.

    Table E.1 prints biases and BatchNorm as one number, 53,130 for ResNet50 with 10 classes and so on.
    """
    model = bare(name, shape, classes)
    prunable = layers_of(model)
    total = sum(p.numel() for p in model.parameters())
    assert sum(m.weight.numel() for m in prunable.values()) == weights
    assert count(m for m in model.modules() if isinstance(m, NORMS)) == norms
    assert total == weights + others + norms


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("resnet50", 54),
        ("vgg19", 17),
        ("mobilenetv2", 58),
        ("fixup-resnet110", 110),
        ("resnet18", 21),
        ("lenet5-dctps", 5),
        ("vgg16-d", 16),
        ("resnet34", 33 + 4 + 1),
        ("alexnet-snip-it", 8),
    ],
)
def test_as_many_prunable_layers_as_the_papers_allocate_over(name, layers):
    """EPL divides by this number (papers.md, section 2)."""
    assert len(layers_of(bare(name))) == layers


@pytest.mark.parametrize("shape", [(1, 32, 40), (2, 64, 48)])
@pytest.mark.parametrize("name", models.names())
def test_logits_have_one_column_per_class_for_any_size_and_channels(name, shape):
    model = bare(name, shape, 13)
    assert model(torch.zeros(2, *shape, device="meta")).shape == (2, 13)


@pytest.mark.parametrize("name", models.names())
def test_a_network_either_takes_a_size_or_says_so_when_it_is_built(name):
    for side in (1, 6, 7, 15, 31):
        try:
            model = bare(name, (3, side, side)).eval()
        except ShapeError:
            with pytest.raises(
                ShapeError, match=f"{name} needs images of at least .*, got {side}x{side}; choose"
            ):
                bare(name, (3, side, side))
            continue
        assert model(torch.zeros(2, 3, side, side, device="meta")).shape == (2, 10)


def test_activations_are_modules_of_the_papers_kind():
    for name in models.names():
        modules = list(bare(name).modules())
        slopes = {m.negative_slope for m in modules if isinstance(m, nn.LeakyReLU)}
        rectified = any(isinstance(m, nn.ReLU) for m in modules)
        leaky = name in ("mlp5", "lenet5", "conv6") or name.endswith("-snip-it")
        assert (slopes, rectified) == (({0.05}, False) if leaky else (set(), True)), name


def multiply_adds(model: nn.Module, shape: tuple[int, int, int]) -> int:
    """By hand, from the shapes that a pass over nothing gives."""
    total = 0

    def add(module: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output.numel() // module.weight.shape[0]

    for slot in layers_of(model).values():
        slot.register_forward_hook(add)
    model.eval()(torch.zeros(1, *shape, device="meta"))
    return total


def test_resnet50_v1_costs_what_its_paper_prints():
    with torch.device("meta"):
        v15 = torchvision.models.resnet50()
    v1 = bare("resnet50-v1", (3, 224, 224), 1000)
    assert multiply_adds(v1, (3, 224, 224)) == pytest.approx(3.86e9, rel=0.002)
    assert multiply_adds(v15, (3, 224, 224)) == pytest.approx(4.09e9, rel=0.002)


def test_snip_it_resnet18_has_biases_in_its_blocks_only():
    model = bare("resnet18-snip-it")
    stem, *rest = convolutions(model)
    shortcuts = [m for m in rest if m.kernel_size == (1, 1)]
    assert (stem.kernel_size, stem.stride, stem.bias) == ((7, 7), (2, 2), None)
    assert [(m.in_channels, m.stride[0], m.bias) for m in shortcuts] == [
        (64, 2, None),
        (128, 2, None),
        (256, 2, None),
    ]
    assert all(m.bias is not None for m in rest if m.kernel_size == (3, 3))
    pool = next(m for m in model.modules() if isinstance(m, nn.MaxPool2d))
    assert (pool.kernel_size, pool.stride, pool.padding) == (3, 2, 1)


@pytest.mark.parametrize(
    ("name", "channels", "sizes", "pools"),
    [
        (
            "vgg16-snip-it",
            [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 1024],
            [3] * 13,
            [(2, 2)] * 4,
        ),
        ("alexnet-snip-it", [64, 192, 384, 256, 512], [5, 5, 3, 3, 3], [(3, 2)] * 2),
    ],
)
def test_snip_it_networks_follow_the_supplement_layer_by_layer(name, channels, sizes, pools):
    """SNIP-it, supplement L."""
    model = bare(name)
    convs = convolutions(model)
    assert [m.out_channels for m in convs] == channels
    assert [m.kernel_size[0] for m in convs] == sizes
    assert all(m.padding[0] == m.kernel_size[0] // 2 and m.stride == (1, 1) for m in convs)
    assert all(m.bias is not None for m in convs)
    assert [(m.kernel_size, m.stride) for m in model.modules() if isinstance(m, nn.MaxPool2d)] == pools
    assert [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)] == [
        (4 * channels[-1], 4096),
        (4096, 4096),
        (4096, 10),
    ]
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.3] * 3
    kinds = [type(m) for m in model]
    for before, after in itertools.pairwise(kinds):
        assert before is not nn.Conv2d or after is nn.BatchNorm2d
        assert before not in NORMS or after is nn.LeakyReLU


def test_no_layer_of_lenet5_dctps_has_a_bias_and_its_pooling_averages():
    kinds = [type(m) for m in bare("lenet5-dctps")]
    assert kinds[:8] == [nn.Conv2d, nn.ReLU, nn.AvgPool2d] * 2 + [nn.Conv2d, nn.ReLU]
    assert all(m.bias is None for m in layers_of(bare("lenet5-dctps")).values())


@pytest.mark.parametrize(
    ("name", "idle"),
    [
        ("lenet5-dctps", 0),
        pytest.param("vgg16-d", 0, marks=pytest.mark.slow),
        pytest.param("mobilenetv2", 0, marks=pytest.mark.slow),
        pytest.param("fixup-resnet110", 0, marks=pytest.mark.slow),
        # last stage: 5 of 9 entries of the strided convolution, 8 of 9 of the other three, meet padding alone
        ("resnet18-snip-it", 256 * 512 * 5 + 3 * 512 * 512 * 8),
        ("torchvision:squeezenet1_1", 0),
        ("torchvision:shufflenet_v2_x0_5", 0),
    ],
)
def test_connectivity_and_flops_understand_every_family(name, idle):
    """MACs against a count by hand; weights on no path against what padding makes of a 1x1 map."""
    shape = TINY if name.startswith("torchvision:") else CIFAR
    images = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    examples = images, torch.tensor([0, 1])
    model = sr.create_model(name, input_shape=shape, num_classes=10, initialisation="xavier-normal")
    found = Connectivity()(model, examples)
    assert found.status == "ok"
    assert found.score("connected", at="forward").value == 1
    total = sum(m.weight.numel() for m in layers_of(model).values())
    assert found.score("effective_sparsity", at="forward").value == pytest.approx(idle / total, abs=1e-12)
    costs = FLOPs()(model, examples)
    assert costs.status == "ok"
    by_hand = multiply_adds(model.to("meta").body, shape)
    assert costs.score("dense_macs").value == costs.score("executed_macs").value == by_hand
