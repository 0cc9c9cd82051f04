"""Initialisations by name against their closed forms, and their bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.init import _calculate_fan_in_and_fan_out

import sparserobust as sr
from sparserobust.errors import ConfigError
from sparserobust.models.initial import INITIALISATIONS, REPEATABLE, draw_weights
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.plan import sha256_of

GENERAL = [name for name in INITIALISATIONS if name != "fixup"]


def network() -> nn.Module:
    """A convolution, a grouped and a depthwise one, and linear layers that widen and narrow."""
    with torch.random.fork_rng(devices=[]):
        return nn.Sequential(
            nn.Conv2d(3, 32, 5),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.05),
            nn.Conv2d(32, 64, 3, groups=4),
            nn.Conv2d(64, 64, 3, groups=64, bias=False),
            nn.Flatten(),
            nn.Linear(64, 200),
            nn.ReLU(),
            nn.Linear(200, 50),
        )


def drawn(name: str, seed: int = 0) -> dict[str, torch.Tensor]:
    model = network()
    draw_weights(model, name, seed)
    return {key: weight.double() for key, weight in effective_weights(model).items()}


def fans(weight: torch.Tensor) -> tuple[int, int]:
    """torch's own, which reads groups off the shape as ours must."""
    return _calculate_fan_in_and_fan_out(weight)


VARIANCE = {
    "xavier-normal": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "kaiming-normal": lambda fan_in, fan_out: 2 / fan_in,
    "kaiming-uniform": lambda fan_in, fan_out: 2 / fan_in,
    "pm-sigma": lambda fan_in, fan_out: 2 / (fan_in + fan_out),
    "standard-normal": lambda fan_in, fan_out: 1.0,
}


@pytest.mark.parametrize("name", VARIANCE)
def test_mean_variance_and_shape_of_the_distribution_are_the_closed_forms(name):
    """Mean and deviation within four standard errors; the distribution by Kolmogorov and Smirnov at 1e-4."""
    for key, weight in drawn(name, seed=1).items():
        sigma, n = math.sqrt(VARIANCE[name](*fans(weight))), weight.numel()
        values = weight.flatten().numpy() / sigma
        assert abs(values.mean()) < 4 / math.sqrt(n), key
        if name == "pm-sigma":
            assert set(np.round(values, 6)) == {-1.0, 1.0}, key
            continue
        assert values.std() == pytest.approx(1, rel=4 / math.sqrt(2 * n)), key
        law = stats.norm() if "normal" in name else stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))
        assert stats.kstest(values, law.cdf).pvalue > 1e-4, key


def test_kaiming_uniform_is_he_s_and_not_the_default_of_torch_layers():
    """b = sqrt(6 / fan_in); torch's layers start in +-sqrt(1 / fan_in)."""
    weight = drawn("kaiming-uniform")["6.weight"]
    bound = math.sqrt(6 / 64)
    assert bound * 0.999 < float(weight.abs().max()) <= bound * (1 + 1e-7)
    fresh = nn.Linear(64, 200).weight.detach()
    assert float(fresh.abs().max()) < 0.5 * bound


@pytest.mark.parametrize("name", ["ones", "sigma"])
def test_constant_initialisations_are_constant(name):
    for weight in drawn(name).values():
        fan_in, fan_out = fans(weight)
        value = 1.0 if name == "ones" else np.float32(math.sqrt(2 / (fan_in + fan_out)))
        assert set(weight.flatten().tolist()) == {float(value)}


def test_draws_are_those_of_numpys_stream_in_registration_order_rounded_to_float32():
    stream = np.random.RandomState(7)
    for weight in drawn("standard-normal", 7).values():
        assert weight.flatten().tolist() == stream.normal(size=weight.numel()).astype(np.float32).tolist()
    stream = np.random.RandomState(7)
    for weight in drawn("kaiming-uniform", 7).values():
        bound = math.sqrt(6 / fans(weight)[0])
        expected = stream.uniform(-bound, bound, weight.numel())
        assert np.allclose(weight.flatten(), expected, rtol=1e-7, atol=1e-9)


BITS = {
    "xavier-normal": "54e07b39915cc146",
    "kaiming-normal": "fff459da882f553a",
    "kaiming-uniform": "1b5ba71d67b55583",
    "pm-sigma": "c3a595bc579c4100",
    "sigma": "96c6a92178636705",
    "standard-normal": "150b1c2e7695ae52",
}


@pytest.mark.parametrize("name", BITS)
def test_the_bits_of_seed_zero_never_change(name):
    """A frozen offset is stored as its seed, so these hold in every version and on every machine."""
    model = network()
    draw_weights(model, name, 0)
    assert sha256_of(effective_weights(model))[:16] == BITS[name]


@pytest.mark.parametrize("name", GENERAL)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    a, b, c = (sha256_of(drawn(name, seed)) for seed in (3, 3, 4))
    assert a == b
    assert (a == c) == (name in ("ones", "sigma"))


@pytest.mark.parametrize("name", GENERAL)
def test_only_weights_are_drawn_and_no_global_stream_moves(name):
    model = network()
    prunable = set(prunable_slots(model))
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()
    draw_weights(model, name, 0)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()
    changed = {key for key, tensor in model.state_dict().items() if not torch.equal(tensor, before[key])}
    assert changed == prunable


@pytest.mark.parametrize(
    ("activation", "gain"),
    [
        (nn.LeakyReLU(0.05), 1.4125),
        (nn.LeakyReLU(0.2), math.sqrt(2 / 1.04)),
        (nn.ReLU(), math.sqrt(2)),
        (nn.ReLU6(), math.sqrt(2)),
        (nn.Tanh(), 1.0),
    ],
)
def test_orthogonal_weights_are_orthonormal_times_the_gain_of_the_activation(activation, gain):
    """SNIP-it's gain for a slope of 0.05 is 1.4125; the last layer's is 1. A kernel is a row of its matrix."""
    model = nn.Sequential(
        nn.Conv2d(3, 40, 3, padding=1),
        activation,
        nn.Conv2d(40, 8, 3),
        nn.Flatten(),
        nn.Linear(8, 30),
        nn.Linear(30, 5),
    )
    draw_weights(model, "orthogonal", 2)
    weights = list(effective_weights(model).values())
    for i, weight in enumerate(weights):
        matrix = weight.double().flatten(1)
        gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        expected = 1.0 if i == len(weights) - 1 else gain
        assert torch.allclose(gram, expected**2 * torch.eye(len(gram), dtype=torch.float64), atol=2e-4), i


def test_orthogonal_draws_are_uniform_over_all_rotations_and_reflections():
    """The first column of a 2x2 draw has a uniform angle and its determinant either sign, which bare LAPACK denies."""
    model = nn.Sequential(
        nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False)
    )
    angles, determinants, signs = [], [], []
    for seed in range(400):
        draw_weights(model, "orthogonal", seed)
        q = model[0].weight.detach().double().numpy()
        angles.append(math.atan2(q[1, 0], q[0, 0]))
        determinants.append(np.linalg.det(q))
        signs.append(model[2].weight.item())
    assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    for values in (determinants, signs):
        assert np.allclose(np.abs(values), 1, atol=1e-6)
        assert abs(np.mean(values)) < 4 / math.sqrt(400)


def build(**more):
    return sr.create_model("conv2", input_shape=(1, 8, 8), num_classes=10, seed=5, **more)


def test_create_model_draws_by_name_zeroes_biases_and_writes_it_down():
    default, named, other = build(), build(initialisation="xavier-normal"), build(initialisation="orthogonal")
    assert sha256_of(default.state_dict()) == sha256_of(named.state_dict())
    assert (default.origin.initialisation, default.origin.repeatable) == ("xavier-normal", True)
    assert (other.origin.initialisation, other.origin.repeatable) == ("orthogonal", False)
    assert sha256_of(effective_weights(other)) == other.origin.sha256 != default.origin.sha256
    assert not any(module.module.bias.any() for module in prunable_slots(other).values())
    assert set(INITIALISATIONS) - REPEATABLE == {"orthogonal"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [("kaiming-norml", "did you mean 'kaiming-normal'"), ("zzz", "there are xavier-normal, kaiming")],
)
def test_an_unknown_initialisation_is_one_clear_line(name, hint):
    with pytest.raises(ConfigError, match=f"unknown initialisation '{name}'; {hint}"):
        build(initialisation=name)
