"""Wrong use of a method is refused in one clear line."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.prune import random_unstructured

import sparserobust as sr
from sparserobust.errors import ConfigError, DegenerateScores, ModelError, PluginError
from sparserobust.uses import prunable_slots


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"method": "snip", "sparsity": 90},
            ConfigError,
            r"sparsity must be in \[0, 1\), got 90; did you mean 0.9\?",
        ),
        ({"method": "snip", "sparsity": [0.5, 90]}, ConfigError, r"got 90; did you mean 0.9\?"),
        ({"method": "snip", "sparsity": -0.5}, ConfigError, r"sparsity must be in \[0, 1\), got -0.5"),
        (
            {"method": "snpi"},
            PluginError,
            r"unknown method 'snpi'; did you mean 'snip'\? `sparserobust list methods` shows",
        ),
        ({"method": "zzzz"}, PluginError, r"unknown method 'zzzz'; `sparserobust list methods` shows"),
        (
            {"method": "dense", "sparsity": 0.5},
            ConfigError,
            "dense keeps every weight: sparsity must be 0, got 0.5",
        ),
        (
            {"method": "snip", "data": None},
            ConfigError,
            "snip scores weights on training examples; give data=",
        ),
        (
            {"method": "freezenet", "data": None},
            ConfigError,
            "freezenet scores weights on training examples; give data=",
        ),
        (
            {"method": "snip", "resuce": "random"},
            ConfigError,
            r"snip has no parameter 'resuce'; did you mean 'rescue'\? it takes allocation, offset, rescue",
        ),
        ({"method": "snip", "qqq": 1}, ConfigError, "snip has no parameter 'qqq'; it takes allocation"),
        (
            {"method": "random", "allocation": "ekr"},
            ConfigError,
            r"allocation of random must be one of global, uniform, erk, epl, epf, .*, got 'ekr'; did you mean 'erk'\?",
        ),
        (
            {"method": "snip", "offset": "dtc"},
            ConfigError,
            r"offset of snip must be one of zero, frozen, dct, got 'dtc'",
        ),
        (
            {"method": "snip", "control": "layer-shufled"},
            ConfigError,
            r"control of snip must be one of layer-shuffled, reinitialised, None, got 'layer-shufled'; did you",
        ),
        (
            {"method": "snip", "initialisation": "kaiming-normal"},
            ConfigError,
            "initialisation of snip is that of new weights and needs control='reinitialised'",
        ),
        (
            {"method": "snip", "initialisation": "kaiming-normal", "control": "layer-shuffled"},
            ConfigError,
            "needs control='reinitialised'",
        ),
        (
            {"method": "dctps", "control": "reinitialised", "initialisation": "kaiming-normal"},
            ConfigError,
            "control='reinitialised' does nothing with a DCT offset, whose values start at 0",
        ),
        (
            {"method": "snip", "offset": "dct", "control": "reinitialised"},
            ConfigError,
            "control='reinitialised' does nothing with a DCT offset",
        ),
        (
            {"method": "snip", "control": "reinitialised", "initialisation": "xaver-normal"},
            ConfigError,
            "unknown initialisation 'xaver-normal'; did you mean 'xavier-normal'",
        ),
        (
            {"method": "snip", "control": "reinitialised"},
            ConfigError,
            "how (Conv|Residual)Net was initialised is not known; name one, for instance",
        ),
        (
            {"method": "dctps", "initial_alpha": "two"},
            ConfigError,
            "initial_alpha of dctps must be one of auto, one, fixup, fixup-published, got 'two'",
        ),
        (
            {"method": "dctps", "initial_alpha": "fixup"},
            ModelError,
            "initial_alpha='fixup' needs a Fixup network, got (Conv|Residual)Net; use 'one'",
        ),
        (
            {"method": "freezenet-wd", "offset": "zero"},
            ConfigError,
            "freezenet-wd decays a frozen offset, got offset='zero'",
        ),
        (
            {"method": "freezenet-wd", "offset": "dct"},
            ConfigError,
            "freezenet-wd decays a frozen offset, got offset='dct'",
        ),
        (
            {"method": "freezenet", "mask": "magnitude"},
            ConfigError,
            "mask of freezenet must be one of snip, random, got 'magnitude'",
        ),
        (
            {"method": "force", "batchnorm": "train"},
            ConfigError,
            "batchnorm of force must be one of running, batch, got 'train'",
        ),
        (
            {"method": "snip-it", "loss": "nll"},
            ConfigError,
            "loss of snip-it must be one of cross-entropy, raw-logits, got 'nll'",
        ),
        (
            {"method": "dense", "control": "layer-shuffled", "sparsity": 0.0},
            ConfigError,
            "dense has no parameter 'control'; it takes none",
        ),
        ({"method": "iter-snip", "data": None}, ConfigError, "iter-snip scores weights on training examples"),
        ({"method": "grasp", "data": None}, ConfigError, "grasp scores weights on training examples"),
        (
            {"method": "snip", "score_samples": 0},
            ConfigError,
            "score_samples of snip must be a whole number, at least 1, got 0",
        ),
        ({"method": "snip", "score_samples": 2.5}, ConfigError, "a whole number, at least 1, got 2.5"),
        (
            {"method": "force", "score_samples": 1, "batchnorm": "batch"},
            ConfigError,
            "score_samples of force must be a whole number, at least 2, got 1",
        ),
        ({"method": "grasp", "temperature": "200"}, ConfigError, "must be a number above 0, got '200'"),
        (
            {"method": "synflow", "input_shape": 5},
            ConfigError,
            r"input_shape must be \(c, h, w\), three whole numbers, got 5",
        ),
        ({"method": "synflow", "input_shape": (8, 8)}, ConfigError, r"three whole numbers, got \(8, 8\)"),
        ({"method": "snip", "device": "cuda:77"}, ConfigError, "device must be auto, cpu or cuda"),
    ],
)
def test_wrong_use_is_one_clear_line(network, problem, arguments, error, text):
    with pytest.raises(error, match=text) as caught:
        sr.sparsify(network, **({"data": problem(8)} | arguments))
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite_are_refused(network, problem):
    name, parameter = next(iter(network.named_parameters()))
    with torch.no_grad():
        parameter.view(-1)[:2] = math.nan
    with pytest.raises(ModelError, match=rf"{name} has 2 entries that are NaN or infinite"):
        sr.sparsify(network, "random", 0.5)


def test_a_network_without_a_weight_is_refused():
    with pytest.raises(ModelError, match="Flatten multiplies its images by no weight"):
        sr.sparsify(nn.Flatten(), "random", 0.5)


def test_scores_that_cannot_choose_are_refused_and_name_the_layers(network, problem):
    """With a dead last layer nothing before it has a gradient: never silently a dense or an empty net.

    The message lists what has no score, here everything; `layers` is where the flow ends.
    """
    last = list(prunable_slots(network))[-1]
    with torch.no_grad():
        prunable_slots(network)[last].values.zero_()
    text = rf"no usable score at all in .*Nothing passes {last}: initialised with zeros"
    with pytest.raises(DegenerateScores, match=text) as caught:
        sr.sparsify(network, "snip", 0.5, problem(64))
    assert all(name in str(caught.value) for name in list(prunable_slots(network))[:5])
    assert caught.value.layers == (last,)


def test_a_weight_pruned_by_torch_is_refused_with_what_to_do(network, problem):
    random_unstructured(next(m for m in network.modules() if isinstance(m, nn.Linear)), "weight", 0.5)
    with pytest.raises(ModelError, match=r"weight is pruned by torch.nn.utils.prune; .* prune.remove first"):
        sr.sparsify(network, "snip", 0.5, problem(16))


def test_batch_statistics_never_meet_a_batch_of_one_example(problem):
    """513 examples in batches of at most 512 are two of about one size."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Linear(8, 4))
    subject = sr.sparsify(model, "snip", 0.5, problem(513), score_samples=513, batchnorm="batch")
    assert subject.kept == subject.prunable // 2
