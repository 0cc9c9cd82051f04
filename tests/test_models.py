"""The built-in networks: published sizes, a stable stream of initial weights, normalisation inside."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.errors import ConfigError, ModelError, ShapeError, SparseRobustError
from sparserobust.models.network import Normalize
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.plan import sha256_of

MODELS = ["mlp5", "lenet-300-100", "lenet5-caffe", "lenet5", "conv6", "conv2"]


def build(name: str, shape=(1, 28, 28), classes=10, seed=0):
    return sr.create_model(name, input_shape=shape, num_classes=classes, seed=seed)


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_the_models_are_listed():
    assert set(MODELS) <= set(sr.list_models())


@pytest.mark.parametrize(
    ("name", "shape", "total", "prunable", "batchnorm"),
    [
        ("mlp5", (1, 28, 28), 1_199_114, 1_192_960, 4_096),
        ("mlp5", (3, 32, 32), 2_370_570, 2_364_416, 4_096),
        ("lenet-300-100", (1, 28, 28), 266_610, 266_200, 0),
        ("lenet5-caffe", (1, 28, 28), 431_080, 430_500, 0),
        ("lenet5", (3, 32, 32), 143_098, 142_410, 452),
        ("conv6", (3, 32, 32), 1_806_666, 1_802_432, 2_816),
    ],
)
def test_parameter_counts_are_the_published_ones(name, shape, total, prunable, batchnorm):
    """papers.md 1.7 and 6: SNIP-it supplement L; FreezeNet 430,500 weights and 580 biases."""
    model = build(name, shape)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert count(model) == total
    assert sum(w.numel() for w in effective_weights(model).values()) == prunable
    assert sum(count(m) for m in norms) == batchnorm


def test_conv2_is_small():
    assert 45_000 < count(build("conv2", (1, 8, 8))) < 55_000


def test_snip_it_networks_have_their_slope_and_dropout():
    for name in ("mlp5", "lenet5", "conv6"):
        model = build(name, (3, 32, 32))
        assert {m.negative_slope for m in model.modules() if isinstance(m, nn.LeakyReLU)} == {0.05}
        assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.3}


def test_initial_weights_of_seed_zero_never_change():
    """A frozen offset is stored as its seed: the stream must be the same in every version."""
    model = build("lenet5-caffe")
    first = effective_weights(model)["body.0.weight"].flatten()[:4]
    expected = np.random.RandomState(0).normal(0.0, math.sqrt(2 / (20 * 25 + 1 * 25)), 4).astype(np.float32)
    assert first.tolist() == expected.tolist()
    assert first.tolist() == pytest.approx([0.10887968, 0.02469824, 0.06040902, 0.13831092], abs=1e-8)
    assert (
        sha256_of(effective_weights(model))
        == model.origin.sha256
        == "f1822eb5c1dd6a606f579cd79959aef2265887a8c057df73ba77eab6922f4978"
    )


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_xavier_normal_and_biases_zero(name):
    """Standard deviation within four standard errors, mean within four, kurtosis that of a normal."""
    model = build(name, (1, 32, 32))
    for key, module in prunable_slots(model).items():
        weight = module.values.detach().double()
        window = math.prod(weight.shape[2:])
        sigma = math.sqrt(2 / (window * (weight.shape[0] + weight.shape[1])))
        n = weight.numel()
        assert float(weight.std()) == pytest.approx(sigma, rel=4 / math.sqrt(2 * n)), key
        assert abs(float(weight.mean())) < 4 * sigma / math.sqrt(n), key
        if n > 5000:
            assert float((weight**4).mean() / sigma**4) == pytest.approx(3, rel=0.2), key
        assert not module.module.bias.any()


def test_no_two_layers_share_their_draws():
    weights = [w.flatten() for w in effective_weights(build("mlp5")).values()]
    scaled = [(w / w.std())[:100] for w in weights]
    assert all(not torch.allclose(a, b, atol=1e-3) for i, a in enumerate(scaled) for b in scaled[:i])


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    a, b, c = build(name, (1, 32, 32)), build(name, (1, 32, 32)), build(name, (1, 32, 32), seed=1)
    assert sha256_of(a.state_dict()) == sha256_of(b.state_dict())
    assert a.origin.sha256 == b.origin.sha256 != c.origin.sha256
    assert (a.origin.name, a.origin.seed, c.origin.seed) == (name, 0, 1)


@pytest.mark.parametrize("name", MODELS)
def test_creating_a_model_leaves_the_global_random_states_alone(name):
    torch.manual_seed(3)
    np.random.seed(3)
    random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    build(name, (1, 32, 32))
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == np.random.get_state()[1].tolist()
    assert before[2] == random.getstate()


def test_normalisation_is_the_first_layer_and_takes_its_numbers_from_the_data():
    data = sr.load_data("digits")
    model = sr.create_model("conv2", data)
    images = torch.rand(5, 1, 8, 8)
    by_hand = model.body((images - data.mean[0]) / data.std[0])
    assert torch.allclose(model(images), by_hand, atol=1e-6)
    assert next(model.children()) is model.normalize
    assert not [name for name in model.state_dict() if name.startswith("normalize")]


def test_normalisation_is_per_channel():
    images = torch.rand(2, 3, 4, 4)
    out = Normalize((0.1, 0.2, 0.3), (1.0, 2.0, 4.0))(images)
    for channel, (mean, std) in enumerate([(0.1, 1), (0.2, 2), (0.3, 4)]):
        assert torch.allclose(out[:, channel], (images[:, channel] - mean) / std)


def test_without_data_nothing_is_normalised():
    model = build("conv2", (1, 8, 8))
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(model(images), model.body(images))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 32, 40), (2, 64, 48)])
@pytest.mark.parametrize("name", MODELS)
def test_other_sizes_and_class_counts_work(name, shape):
    classes = 2 if shape[0] == 2 else 13
    model = build(name, shape, classes).eval()
    assert model(torch.rand(2, *shape)).shape == (2, classes)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", [1, 3, 4, 8, 15, 16, 19, 20, 24, 27, 28])
def test_a_model_either_takes_a_size_or_says_so_when_it_is_created(name, side):
    try:
        model = build(name, (1, side, side)).eval()
    except ShapeError:
        text = f"{name} needs images of at least .* got {side}x{side}; choose another model"
        with pytest.raises(ShapeError, match=text):
            build(name, (1, side, side))
        return
    assert model(torch.rand(2, 1, side, side)).shape == (2, 10)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            ("lenet",),
            ModelError,
            r"unknown model 'lenet'; did you mean 'lenet5'\? `sparserobust list models` shows all",
        ),
        (
            ("mlp5",),
            ConfigError,
            r"create_model\('mlp5'\) needs data, or input_shape=\(c, h, w\) and num_classes >= 2",
        ),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, error, text):
    with pytest.raises(error, match=text):
        sr.create_model(*arguments)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ConfigError, match=rf"seed must be in \[0, 2\*\*32\), got {seed}"):
        build("conv2", (1, 8, 8), seed=seed)


@pytest.mark.parametrize(("shape", "classes"), [((28, 28), 10), ((1, 28, 28), 1), ((1, 28), 10)])
def test_a_shape_or_class_count_that_cannot_be_is_refused(shape, classes):
    with pytest.raises(ConfigError, match="needs data, or input_shape"):
        build("mlp5", shape, classes)


def test_an_input_shape_of_other_channels_than_the_data_is_refused_or_works():
    data = sr.load_data("digits")
    try:
        model = sr.create_model("conv2", data, input_shape=(3, 8, 8))
    except SparseRobustError:
        return
    assert len(model.normalize.mean) == 3
    assert model(torch.rand(2, 3, 8, 8)).shape == (2, 10)


def test_input_shape_and_classes_override_those_of_the_data():
    model = sr.create_model("conv2", sr.load_data("digits"), input_shape=(1, 12, 12), num_classes=3)
    assert model(torch.rand(2, 1, 12, 12)).shape == (2, 3)
    assert model.origin.input_shape == (1, 12, 12)
