"""Paths against exact integer counts on graphs that are drawn edge by edge, and against closed forms."""

import copy
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

import sparserobust as sr
from sparserobust.errors import ShapeError
from sparserobust.paths import UnsupportedOperation, log10_paths, reachability, read_pixels, trace


def layers_of(model):
    """Name of the weight -> layer, in plain nets."""
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
    return {f"{name}.weight": m for name, m in model.named_modules() if isinstance(m, kinds)}


def weights_of(model):
    return {name: layer.weight.detach() for name, layer in layers_of(model).items()}


def present(model):
    return {name: weight != 0 for name, weight in weights_of(model).items()}


def sparse(model, density, seed=0):
    """The model with random zeros in its weights."""
    stream = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in layers_of(model).values():
            kept = torch.rand(layer.weight.shape, generator=stream) < density
            layer.weight.copy_(torch.where(kept, torch.randn(layer.weight.shape, generator=stream), 0))
    return model


def drawn_edges(layers, shape):
    """Per layer of a chain all edges (from, to, weight name, entry of the weight), in plain loops, and the sizes."""
    drawing, sizes = [], [math.prod(shape)]
    for name, layer in layers:
        edges = []
        if isinstance(layer, nn.Conv2d):
            (c, h, w), groups, k = shape, layer.groups, layer.kernel_size[0]
            out = tuple((size + 2 * layer.padding[0] - k) // layer.stride[0] + 1 for size in (h, w))
            for o, i, dy, dx in np.ndindex(*layer.weight.shape):
                source = (o // (layer.out_channels // groups)) * (c // groups) + i
                for y, x in np.ndindex(*out):
                    sy, sx = (p * layer.stride[0] - layer.padding[0] + d for p, d in ((y, dy), (x, dx)))
                    if 0 <= sy < h and 0 <= sx < w:
                        edges.append(
                            ((source * h + sy) * w + sx, (o * out[0] + y) * out[1] + x, name, (o, i, dy, dx))
                        )
            shape = (layer.out_channels, *out)
        elif isinstance(layer, nn.Linear):
            edges = [(i, o, name, (o, i)) for o, i in np.ndindex(*layer.weight.shape)]
            shape = (layer.out_features,)
        elif isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
            (c, h, w), k = shape, layer.kernel_size
            for o, y, x, dy, dx in np.ndindex(c, h // k, w // k, k, k):
                edges.append(
                    ((o * h + y * k + dy) * w + x * k + dx, (o * (h // k) + y) * (w // k) + x, None, ())
                )
            shape = (c, h // k, w // k)
        else:
            continue
        drawing.append(edges)
        sizes.append(math.prod(shape))
    return drawing, sizes


def by_hand(model, shape):
    """(entries on a path, number of paths as an exact integer, pixels with a path), edge by edge."""
    layers = [(f"{name}.weight", module) for name, module in model.named_children()]
    weights = weights_of(model)
    drawing, sizes = drawn_edges(layers, shape)

    def there(edge):
        return edge[2] is None or bool(weights[edge[2]][edge[3]] != 0)

    forward = [[1] * sizes[0]]
    for edges, size in zip(drawing, sizes[1:], strict=True):
        counts = [0] * size
        for edge in edges:
            if there(edge):
                counts[edge[1]] += forward[-1][edge[0]]
        forward.append(counts)
    backward = [[1] * sizes[-1]]
    for edges, size in zip(reversed(drawing), reversed(sizes[:-1]), strict=True):
        counts = [0] * size
        for edge in edges:
            if there(edge):
                counts[edge[0]] += backward[0][edge[1]]
        backward.insert(0, counts)
    on_path = {name: torch.zeros(weight.shape, dtype=torch.bool) for name, weight in weights.items()}
    for depth, edges in enumerate(drawing):
        for source, target, name, entry in edges:
            if name and forward[depth][source] and backward[depth + 1][target]:
                on_path[name][entry] = True
    return on_path, sum(forward[-1]), torch.tensor([n > 0 for n in backward[0]]).view(shape)


def assert_as_drawn(model, shape):
    on_path, paths, pixels = by_hand(model, shape)
    supports = present(model)
    graph = trace(model, shape)
    reach = reachability(graph, supports)
    for name, entries in on_path.items():
        assert torch.equal(reach.on_path[name], entries), name
        assert torch.equal(reach.forward_effective[name], entries & supports[name]), name
    assert torch.equal(reach.pixels, pixels)
    assert reach.connected == (paths > 0)
    counted = log10_paths(graph, supports)
    assert counted == pytest.approx(math.log10(paths), abs=1e-12) if paths else counted == -math.inf


def chain(*layers):
    return nn.Sequential(*layers)


def test_a_hand_drawn_net_has_the_effective_edges_counted_by_hand():
    # 3 pixels -> a b c -> d e f -> 2 logits. b has no input, c leads nowhere, e is fed by b alone, f by nobody.
    model = chain(nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    first, second, third = (model[i].weight for i in (1, 3, 5))
    with torch.no_grad():
        first.copy_(torch.tensor([[1.0, -2, 0], [0, 0, 0], [0, 0, 3]]))
        second.copy_(torch.tensor([[5.0, 0, 0], [0, 1, 0], [0, 0, 0]]))
        third.copy_(torch.tensor([[1.0, 1, 0], [0, 0, 1]]))
    reach = reachability(model, present(model), None, (1, 1, 3))
    assert reach.forward_effective["1.weight"].tolist() == [[True, True, False], [False] * 3, [False] * 3]
    assert reach.forward_effective["3.weight"].tolist() == [[True, False, False], [False] * 3, [False] * 3]
    assert reach.forward_effective["5.weight"].tolist() == [[True, False, False], [False] * 3]
    assert reach.on_path["1.weight"][0].all()  # the third weight of a would be effective, were it there
    assert reach.on_path["3.weight"][0].tolist() == [True, False, True]
    assert reach.constant_units == {"1.weight": 1, "3.weight": 2, "5.weight": 1}
    assert reach.pixels.flatten().tolist() == [True, True, False]
    assert reach.logits.tolist() == [True, False]
    assert log10_paths(model, present(model), (1, 1, 3)) == pytest.approx(math.log10(2))


@settings(max_examples=10)
@given(
    widths=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    density=st.floats(0.1, 0.9),
    seed=st.integers(0, 1000),
)
def test_random_sparse_mlps_agree_with_the_graph_drawn_edge_by_edge(widths, density, seed):
    layers = [nn.Flatten()]
    for inputs, outputs in zip([6, *widths], [*widths, 3], strict=True):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.LeakyReLU()]
    assert_as_drawn(sparse(chain(*layers), density, seed), (1, 2, 3))


@settings(max_examples=10)
@given(
    density=st.floats(0.05, 0.6),
    stride=st.integers(1, 2),
    padding=st.integers(0, 1),
    groups=st.sampled_from([1, 2, 4]),
    pool=st.sampled_from([nn.MaxPool2d, nn.AvgPool2d]),
    seed=st.integers(0, 1000),
)
def test_random_sparse_conv_nets_agree_with_the_graph_drawn_edge_by_edge(
    density, stride, padding, groups, pool, seed
):
    model = chain(
        nn.Conv2d(2, 4, 3, stride=stride, padding=padding),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 4, 3, padding=1, groups=groups),
        pool(2),
        nn.Flatten(),
    )
    size = model(torch.zeros(2, 2, 7, 7)).shape[1]
    model.append(nn.Linear(size, 3))
    assert_as_drawn(sparse(model, density, seed), (2, 7, 7))


def test_path_counts_of_an_mlp_are_the_product_of_its_supports():
    model = sparse(sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10), 0.2)
    product = np.ones(784, dtype=object)
    for weight in weights_of(model).values():
        product = (weight != 0).numpy().astype(int).astype(object) @ product
    assert log10_paths(model, present(model), (1, 28, 28)) == pytest.approx(
        math.log10(product.sum()), abs=1e-12
    )


@pytest.mark.parametrize(("depth", "width"), [(50, 512), pytest.param(160, 128, marks=pytest.mark.slow)])
def test_deep_nets_count_paths_without_overflow(depth, width):
    model = chain(
        nn.Flatten(), *[nn.Linear(width, width, bias=False) for _ in range(depth)], nn.Linear(width, 10)
    )
    graph = trace(model, (width // 64, 8, 8))
    exact = math.log10(10) + (depth + 1) * math.log10(width)  # 160 layers: 1e341, beyond float64
    assert log10_paths(graph, {name: torch.ones(s) for name, s in graph.shapes.items()}) == pytest.approx(
        exact, abs=1e-9
    )


def test_reachability_neither_overflows_nor_underflows_in_a_very_deep_sparse_net():
    model = sparse(chain(nn.Flatten(), *[nn.Linear(64, 64, bias=False) for _ in range(190)]), 0.8)
    supports = present(model)  # about 51**190 paths, 1e324
    for row in (supports["100.weight"], supports["150.weight"].T):
        row[:60] = False
    order = list(supports)
    forward = [torch.ones(64)]
    for name in order:
        forward.append(((supports[name].float() @ forward[-1]) > 0).float())
    backward = torch.ones(64)
    reach = reachability(model, supports, None, (1, 8, 8))
    for depth, name in reversed(list(enumerate(order))):
        assert torch.equal(reach.on_path[name], torch.outer(backward, forward[depth]) > 0), name
        backward = ((supports[name].float().T @ backward) > 0).float()
    assert sum(int((~entries).sum()) for entries in reach.on_path.values()) > 60 * 64


def test_a_dead_end_with_far_more_paths_does_not_hide_the_few_that_arrive():
    # Two strands of one net: 63 units fully connected, a single chain beside them; then only the chain goes on.
    model = chain(nn.Flatten(), *[nn.Linear(64, 64, bias=False) for _ in range(180)], nn.Linear(64, 2))
    block, last = torch.ones(64, 64), torch.zeros(2, 64)
    block[0, 1:] = block[1:, 0] = 0
    last[1, 0] = 1
    graph = trace(model, (1, 8, 8))
    supports = {name: last if shape[0] == 2 else block for name, shape in graph.shapes.items()}
    assert math.isinf(63.0**90 * 63.0**90)
    reach = reachability(graph, supports)
    assert log10_paths(graph, supports) == 0.0
    assert sum(int(entries.sum()) for entries in reach.forward_effective.values()) == 181


class Functional(nn.Module):
    """A residual net as people write them: Python control flow, functional and in-place operations."""

    def __init__(self, blocks=2):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(nn.Conv2d(4, 4, 1, bias=False) for _ in range(blocks))
        self.head = nn.Linear(4 * 4 * 4, 3)

    def forward(self, x):
        if x.dim() == 3:
            x = x.unsqueeze(1)
        x = F.relu(self.stem(x), inplace=True)
        for i, block in enumerate(self.blocks):
            out = F.relu(block(x))
            out += x
            x = F.dropout(out, 0.5, self.training) if i else out
        x = torch.flatten(F.max_pool2d(x, 2), 1)
        return self.head(x.view(x.size(0), -1))


def test_a_residual_net_stays_connected_through_the_skip_when_its_block_is_cut():
    model = Functional()
    with torch.no_grad():
        model.blocks[0].weight.zero_()
    reach = reachability(model, present(model), None, (1, 8, 8))
    assert reach.connected
    assert reach.cut_at is None
    assert reach.on_path["blocks.0.weight"].all()
    assert not reach.forward_effective["blocks.0.weight"].any()
    assert reach.forward_effective["blocks.1.weight"].all()
    assert reach.constant_units == {
        "stem.weight": 0,
        "blocks.0.weight": 4,
        "blocks.1.weight": 0,
        "head.weight": 0,
    }


def test_the_paths_of_a_sum_are_the_sum_of_the_paths_at_any_difference_of_scale():
    model = Functional(blocks=60)
    supports = {name: torch.ones(weight.shape) for name, weight in weights_of(model).items()}
    stem = (3 * 8 - 2) ** 2 * 4  # pairs of a pixel and a neighbour, 4 channels
    assert log10_paths(model, supports, (1, 8, 8)) == pytest.approx(math.log10(stem * 5**60 * 3), abs=1e-10)
    supports["blocks.3.weight"] = torch.zeros(4, 4, 1, 1)
    supports["head.weight"] = torch.zeros(3, 64)
    supports["head.weight"][2, :16] = 1  # of the first channel
    exact = stem // 4 * 5**59
    assert log10_paths(model, supports, (1, 8, 8)) == pytest.approx(math.log10(exact), abs=1e-10)


def test_values_that_are_assigned_in_place_bring_their_own_paths():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.head = nn.Conv2d(1, 1, 1), nn.Linear(16, 1)

        def forward(self, x):
            x -= 0.5  # the caller's tensor
            board = torch.zeros_like(x)
            board[:, :, :2] = x[:, :, 2:]
            board[:, :, 3] = self.scale(x)[:, :, 0]
            board[:, :, 0, 0] = 1
            return self.head(board.relu_().flatten(1))

    supports = {"scale.weight": torch.ones(1, 1, 1, 1), "head.weight": torch.ones(1, 16)}
    reach = reachability(InPlace(), supports, None, (1, 4, 4))
    assert reach.on_path["head.weight"].view(4, 4).long().tolist() == [
        [0, 1, 1, 1],
        [1] * 4,
        [0] * 4,
        [1] * 4,
    ]
    assert reach.pixels.view(4, 4).long().tolist() == [[1] * 4, [0] * 4, [0, 1, 1, 1], [1] * 4]
    assert log10_paths(InPlace(), supports, (1, 4, 4)) == pytest.approx(math.log10(11))


class Branches(nn.Module):
    """A strand of `depth` layers and a single layer, concatenated, then one linear layer."""

    def __init__(self, depth):
        super().__init__()
        self.deep = nn.Sequential(*[nn.Linear(64, 64, bias=False) for _ in range(depth)])
        self.short = nn.Linear(64, 64)
        self.head = nn.Linear(128, 1)

    def forward(self, x):
        x = x.flatten(1)
        return self.head(torch.cat([self.deep(x), self.short(x)], dim=1))


@pytest.mark.parametrize("depth", [2, 12, 175])
def test_concatenated_branches_of_very_different_depth_are_counted_on_one_scale(depth):
    model = Branches(depth)
    supports = {name: torch.ones(weight.shape) for name, weight in weights_of(model).items()}
    exact = math.log10(64 ** (depth + 1) + 64**2)  # beyond float64 at depth 175
    graph = trace(model, (1, 8, 8))
    assert log10_paths(graph, supports) == pytest.approx(exact, abs=1e-9)
    supports["head.weight"][0, :64] = 0
    assert log10_paths(graph, supports) == pytest.approx(math.log10(64**2), abs=1e-12)


def test_a_cut_layer_disconnects_and_is_named():
    model = sr.create_model("lenet5-caffe", input_shape=(1, 28, 28), num_classes=10)
    supports = present(model)
    supports["body.3.weight"] = torch.zeros_like(supports["body.3.weight"])
    reach = reachability(model, supports, None, (1, 28, 28))
    assert not reach.connected
    assert reach.cut_at == "body.3.weight"
    assert log10_paths(model, supports, (1, 28, 28)) == -math.inf
    assert not any(entries.any() for entries in reach.forward_effective.values())
    assert reach.on_path["body.3.weight"].all()  # any weight of the cut layer would connect it again
    assert not reach.on_path["body.7.weight"].any()


def test_masks_count_as_trainable_only_on_paths_of_the_forward_graph():
    model = sparse(chain(nn.Flatten(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), 1.1)
    supports = present(model)
    supports["1.weight"][0] = False
    masks = {"1.weight": torch.eye(4).bool(), "3.weight": torch.ones(2, 4).bool()}
    reach = reachability(model, supports, masks, (1, 2, 2))
    assert torch.equal(
        reach.trainable_effective["1.weight"], torch.eye(4).bool()
    )  # a weight of 0 still learns
    assert reach.trainable_effective["3.weight"].tolist() == [[False, True, True, True]] * 2


@pytest.mark.parametrize(
    ("layer", "shape", "windows"),
    [
        (nn.AdaptiveAvgPool2d(3), (2, 7, 7), 2 * 9 * 9),  # windows of 3 that overlap by 1
        (nn.AdaptiveMaxPool2d((2, 5)), (1, 5, 5), 6 * 5),
        (nn.AdaptiveAvgPool2d(1), (2, 4, 4), 2 * 16),
        (nn.MaxPool2d(3, stride=2, padding=1), (1, 6, 6), 8 * 8),
        (nn.MaxPool2d(2, ceil_mode=True), (1, 5, 5), 25),
        (nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), (1, 4, 4), 10 * 10),
        (nn.Upsample(scale_factor=2), (1, 3, 3), 36),
        (nn.ZeroPad2d(2), (1, 3, 3), 9),
        (nn.ReflectionPad2d(1), (1, 3, 3), 25),
        (nn.CircularPad2d(1), (1, 3, 3), 25),
        (nn.PixelShuffle(2), (4, 2, 2), 16),
        (nn.MaxPool2d(2, stride=1, dilation=2), (1, 5, 5), 9 * 4),
        (nn.MaxPool2d(2, stride=2, padding=1, dilation=3, ceil_mode=True), (1, 5, 5), 4 * 4),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (1, 2, 3), 6 * 10),
        (nn.UpsamplingBilinear2d(size=(3, 5)), (1, 2, 3), 4 * 7),
        (nn.Upsample(size=(4, 4), mode="bicubic", align_corners=True), (1, 2, 2), 6 * 6),
        (nn.Sequential(nn.GroupNorm(2, 4), nn.PReLU(4), nn.GELU(), nn.Hardswish()), (4, 2, 2), 16),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_pooling_is_the_sum_over_its_true_windows_and_places_are_kept(layer, shape, windows):
    layer.eval()
    features = layer(torch.zeros(1, *shape)).numel()
    model = nn.Sequential(layer, nn.Flatten(), nn.Linear(features, 1))
    paths = log10_paths(model, {"2.weight": torch.ones(1, features)}, shape)
    assert paths == pytest.approx(math.log10(windows), abs=1e-12)


def test_adaptive_windows_are_those_that_torch_averages_over():
    model = nn.Sequential(nn.AdaptiveAvgPool2d((3, 4)), nn.Flatten(), nn.Linear(12, 1))
    for place in range(12):
        support = torch.zeros(1, 12)
        support[0, place] = 1
        image = torch.zeros(1, 1, 7, 9, requires_grad=True)
        F.adaptive_avg_pool2d(image, (3, 4)).flatten()[place].backward()
        assert torch.equal(read_pixels(model, {"2.weight": support}, (1, 7, 9)), image.grad[0] > 0)


def test_a_transposed_convolution_counts_what_its_matrix_says():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1)
    model = sparse(nn.Sequential(layer, nn.Flatten(), nn.Linear(3 * 8 * 8, 2)), 0.3)
    supports = present(model)
    kernel = supports["0.weight"].double()
    columns = [
        F.conv_transpose2d(unit.view(1, 2, 4, 4), kernel, None, 2, 1, 1).flatten()
        for unit in torch.eye(32).double()
    ]
    paths = float((supports["2.weight"].double() @ torch.stack(columns, dim=1)).sum())
    assert log10_paths(model, supports, (2, 4, 4)) == pytest.approx(math.log10(paths), abs=1e-12)
    assert reachability(model, supports, None, (2, 4, 4)).live_units["0.weight"].shape == (3,)


def test_a_layer_that_is_used_twice_is_on_a_path_when_either_use_is():
    layer = nn.Linear(3, 3, bias=False)
    model = nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer)
    support = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0, 0]])  # pixel 2 -> unit 0 -> logit 1
    reach = reachability(model, {"1.weight": support}, None, (1, 1, 3))
    assert reach.live_units["1.weight"].tolist() == [True, True, False]
    assert torch.equal(reach.forward_effective["1.weight"], support.bool())
    assert log10_paths(model, {"1.weight": support}, (1, 1, 3)) == 0.0
    tied = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    tied[3].weight = tied[1].weight
    assert log10_paths(tied, {"1.weight": support}, (1, 1, 3)) == 0.0


def test_zero_norm_parameters_and_biases_cut_nothing_but_a_literal_zero_does():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)
            self.gate = nn.Parameter(torch.zeros(2, 1, 1))
            self.head = nn.Linear(36, 1)
            nn.init.zeros_(self.norm.weight)

        def forward(self, x):
            x = self.gate * self.norm(self.conv(x))
            shortcut = torch.cat([x, x.mul(0)], dim=1)  # widened by zeros, as option A of ResNet does
            return self.head(torch.cat([shortcut.flatten(1), shortcut.new_zeros(1, 20)], dim=1))

    supports = {"conv.weight": torch.ones(2, 1, 1, 1), "head.weight": torch.ones(1, 36)}
    reach = reachability(Net(), supports, None, (1, 2, 2))
    assert reach.on_path["head.weight"].flatten().tolist() == [True] * 8 + [False] * 28


def test_pixels_are_read_by_the_first_weights_only():
    model = sparse(sr.create_model("lenet-300-100", input_shape=(1, 28, 28), num_classes=10), 0.003)
    supports = present(model)
    read = read_pixels(model, supports, (1, 28, 28))
    assert torch.equal(read.flatten(), supports["body.1.weight"].any(dim=0))
    assert 0 < int(read.sum()) < 784
    cut = supports | {"body.5.weight": torch.zeros_like(supports["body.5.weight"])}
    assert torch.equal(
        read_pixels(model, cut, (1, 28, 28)), read
    )  # that they lead nowhere is another question
    assert not reachability(model, cut, None, (1, 28, 28)).pixels.any()


def test_pixels_that_skip_the_first_layer_are_read_by_the_next():
    class Skipping(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.third = nn.Linear(4, 2), nn.Linear(6, 4), nn.Linear(4, 2)

        def forward(self, x):
            x = x.flatten(1)
            return self.third(self.second(torch.cat([x, self.first(x)], dim=1)))

    supports = {
        "first.weight": torch.zeros(2, 4),
        "second.weight": torch.zeros(4, 6),
        "third.weight": torch.ones(2, 4),
    }
    supports["first.weight"][0, 1] = 1
    supports["second.weight"][3, 2] = supports["second.weight"][0, 4] = 1
    assert read_pixels(Skipping(), supports, (1, 2, 2)).flatten().tolist() == [False, True, True, False]


class Gate(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.conv, self.gate = nn.Conv2d(1, 2, 1), gate

    def forward(self, x):
        x = self.conv(x)
        return self.gate(x).flatten(1)


UNSUPPORTED = {
    "aten.topk.default on a tensor that depends on the input": lambda x: x.flatten(1).topk(2).values,
    "aten.sort.default": lambda x: x.flatten(1).sort().values,
    "aten._cdist_forward.default": lambda x: torch.cdist(x[:, 0], x[:, 1]),
    "aten.index.Tensor with the input in another place": lambda x: torch.ones(3)[x.long().clamp(0, 2)],
    "aten.slice_scatter|aten.as_strided": lambda x: x.as_strided((1, 2, 2, 2), (32, 16, 8, 2)),
    "cannot be traced": lambda x: x if x.sum() > 0 else -x,
    "must return logits .* got Wrapped": lambda x: type("Wrapped", (), {"flatten": lambda s, _: s})(),
}


@pytest.mark.parametrize("message", UNSUPPORTED)
def test_an_operation_without_a_rule_is_refused_by_name_in_one_line(message):
    model = Gate(UNSUPPORTED[message])
    with pytest.raises(UnsupportedOperation, match=message) as refused:
        reachability(model, {"conv.weight": torch.ones(2, 1, 1, 1)}, None, (1, 4, 4))
    assert "\n" not in str(refused.value)


def test_supports_of_another_shape_or_a_missing_input_shape_are_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(ShapeError, match=r"1\.weight must have shape \(2, 4\), got \(4, 2\)"):
        reachability(model, {"1.weight": torch.ones(4, 2)}, None, (1, 2, 2))
    with pytest.raises(ShapeError, match=r"1\.weight must have shape \(2, 4\), got none"):
        read_pixels(model, {}, (1, 2, 2))
    with pytest.raises(ShapeError, match=r"input_shape must be \(c, h, w\)"):
        log10_paths(model, {"1.weight": torch.ones(2, 4)})


@pytest.mark.parametrize("kind", ["plain", "dct", "pruned", "spectral_norm"])
def test_model_gradients_and_random_state_are_untouched_whatever_computes_the_weights(
    network, make_network, problem, kind
):
    if kind == "dct":
        network = sr.sparsify(network, "dctps", 0.5).model
    for layer in layers_of(network).values():
        if kind == "pruned":
            prune.random_unstructured(layer, "weight", amount=0.5)
        if kind == "spectral_norm":
            nn.utils.parametrizations.spectral_norm(layer)
    images, labels = problem(8)
    F.cross_entropy(network(images), labels).backward()
    supports = present(network)
    plain = make_network(type(network).__name__.removesuffix("Net").lower())
    before, state = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    classes = [type(module) for module in network.modules()]

    with torch.inference_mode():
        reach = reachability(network, supports, None, (1, 8, 8))
    paths = log10_paths(network, supports, (1, 8, 8))

    assert reach.connected
    assert paths == log10_paths(plain, supports, (1, 8, 8)) > 0  # what computes the weights does not matter
    assert all(module.training for module in network.modules())
    assert [type(module) for module in network.modules()] == classes
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(
        torch.equal(p.grad, gradients[name]) for name, p in network.named_parameters() if name in gradients
    )
    assert torch.equal(torch.get_rng_state(), state)
    network(images).sum().backward()  # still trains


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [
        ("resnet18", 48, {}),
        ("DenseNet", 64, {"growth_rate": 8, "block_config": (2, 3, 2)}),
        ("squeezenet1_1", 64, {}),
    ],
)
def test_every_weight_of_a_dense_torchvision_net_is_on_a_path(name, size, options):
    model = getattr(torchvision.models, name)(num_classes=10, **options)
    graph = trace(model, (3, size, size))
    reach = reachability(graph, {key: torch.ones(shape) for key, shape in graph.shapes.items()})
    assert all(entries.all() for entries in reach.forward_effective.values())
    assert reach.logits.shape == (10,)
    assert reach.logits.all()
    assert set(reach.constant_units.values()) == {0}


@pytest.mark.parametrize("name", ["mlp5", "lenet-300-100", "lenet5-caffe", "lenet5", "conv6", "conv2"])
def test_our_own_networks_can_be_walked(name):
    shape = (3, 32, 32) if name in ("lenet5", "conv6") else (1, 28, 28)
    model = sr.create_model(name, input_shape=shape, num_classes=10)
    reach = reachability(model, present(model), None, shape)
    assert all(entries.all() for entries in reach.forward_effective.values())
    assert list(reach.live_units) == list(layers_of(model))
