"""Arguments as a newcomer writes them: numbers from numpy and torch count, anything else is one clear line."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sparserobust as sr
from evaluators import Accuracy
from sparserobust.errors import ConfigError, ModelError, PluginError, ShapeError
from sparserobust.records import remark


@pytest.mark.parametrize(
    "sparsity",
    [0.9, np.float64(0.9), np.float32(0.9), np.float16(0.9), np.array(0.9), torch.tensor(0.9)],
    ids=repr,
)
def test_a_number_of_any_library_is_the_decimal_that_it_shows(make_network, sparsity):
    """430,500 weights at float32(0.9) would keep 43,050 or 43,051, by whether 0.9 or 0.899999976 is meant."""
    subject = sr.sparsify(make_network("conv"), "random", sparsity)
    assert subject.target_sparsity == 0.9
    assert type(subject.target_sparsity) is float
    assert subject.kept == subject.prunable // 10


@pytest.mark.parametrize(
    "sparsities",
    [
        [0.5, 0.75],
        (0.5, 0.75),
        np.array([0.5, 0.75]),
        np.linspace(0.5, 0.75, 2, dtype=np.float32),
        torch.tensor([0.5, 0.75]),
        [torch.tensor(0.5), np.float32(0.75)],
    ],
    ids=repr,
)
def test_an_array_of_sparsities_is_a_list_of_them(make_network, sparsities):
    subjects = sr.sparsify(make_network("conv"), "random", sparsities)
    assert [subject.target_sparsity for subject in subjects] == [0.5, 0.75]


@pytest.mark.parametrize(
    ("sparsity", "text"),
    [
        ("0.9", r"sparsity must be a number in \[0, 1\), got '0.9'; did you mean 0.9\?"),
        ("high", r"sparsity must be a number in \[0, 1\), got 'high'$"),
        (["0.9"], "got '0.9'; did you mean 0.9"),
        (True, "got True"),
        (None, "got None"),
        ({0.5}, r"got \{0.5\}"),
        ([[0.5]], r"got \[0.5\]"),
        (np.array([0.5, 90.0]), r"must be in \[0, 1\), got 90; did you mean 0.9"),
    ],
)
def test_a_sparsity_that_is_no_number_is_one_clear_line(make_network, sparsity, text):
    with pytest.raises(ConfigError, match=text):
        sr.sparsify(make_network("conv"), "random", sparsity)


CALLS = {
    "create_model": lambda model, data, seed: sr.create_model(
        "conv2", input_shape=(1, 8, 8), num_classes=4, seed=seed
    ),
    "sparsify": lambda model, data, seed: sr.sparsify(model, "random", 0.5, seed=seed),
    "train": lambda model, data, seed: sr.train(model, data, epochs=0, seed=seed),
    "evaluate": lambda model, data, seed: sr.evaluate(model, data, "storage", seed=seed),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("seed", "text"),
    [
        ("0", r"seed must be a whole number, in \[0, 2\*\*32\), got '0'; did you mean 0\?"),
        (1.5, "got 1.5"),
        (True, "got True"),
        (None, "got None"),
        (-1, r"seed must be in \[0, 2\*\*32\), got -1"),
        (2**32, "got 4294967296"),
    ],
)
def test_a_seed_is_a_whole_number_everywhere(make_network, problem, call, seed, text):
    with pytest.raises(ConfigError, match=text):
        call(make_network("conv"), problem(8), seed)


def test_seeds_of_any_library_draw_the_same(make_network, problem):
    for call in CALLS.values():
        call(make_network("conv"), problem(8), np.int64(3))
    masks = [
        sr.sparsify(make_network("conv"), "random", 0.5, seed=seed).plan
        for seed in (3, np.int64(3), torch.tensor(3))
    ]
    for name, plan in masks[0].items():
        assert all(torch.equal(plan.mask, other[name].mask) for other in masks[1:])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"data": "digits"},
            r"what load_data returns as data, got 'digits'; did you mean load_data\('digits'\)\?",
        ),
        ({"data": (1, 2)}, "as data, got tuple; name input_shape and num_classes"),
        ({"input_shape": 5, "num_classes": 10}, "got input_shape=5 and num_classes=10"),
        ({"input_shape": "1,8,8", "num_classes": 10}, "got input_shape='1,8,8'"),
        ({"input_shape": (1.0, 8.0, 8.0), "num_classes": 10}, r"got input_shape=\(1.0, 8.0, 8.0\)"),
        ({"input_shape": (1, 8, 0), "num_classes": 10}, r"got input_shape=\(1, 8, 0\)"),
        ({"input_shape": (1, 8, 8), "num_classes": "10"}, "and num_classes='10'"),
        ({"input_shape": (1, 8, 8), "num_classes": 10.0}, "and num_classes=10.0"),
        ({"input_shape": (1, 8, 8), "num_classes": 10, "mean": 0.5}, "mean must be a list of numbers"),
        ({"input_shape": (1, 8, 8), "num_classes": 10, "std": (1.0, 1.0)}, "one for each of 1 channels"),
        ({"input_shape": (1, 8, 8), "num_classes": 10, "std": (0.0,)}, "std must be above 0"),
        ({"input_shape": (1, 8, 8), "num_classes": 10, "initialisation": 5}, "unknown initialisation 5"),
    ],
)
def test_what_a_network_cannot_be_made_from_is_one_clear_line(arguments, text):
    with pytest.raises(ConfigError, match=text):
        sr.create_model("conv2", **arguments)


def test_a_shape_and_normalisation_of_any_library_do(problem):
    images, _ = problem(8)
    mean, std = images.mean(dim=(0, 2, 3)), np.array([0.25], dtype=np.float32)
    model = sr.create_model(
        "conv2", input_shape=images.shape[1:], num_classes=np.int64(4), mean=mean, std=std
    )
    assert model(images).shape == (8, 4)
    assert (model.origin.input_shape, model.origin.num_classes) == ((1, 8, 8), 4)
    assert model.origin.std == (0.25,)


def test_a_name_that_is_no_text_is_one_clear_line():
    with pytest.raises(PluginError, match="models are named by text, got 5"):
        sr.create_model(5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda data: sr.evaluate("conv2", data, "accuracy"),
            r"got 'conv2'; create_model\('conv2', data\) makes one",
        ),
        (lambda data: sr.sparsify("conv2", "snip", 0.5, data), "got 'conv2'"),
        (
            lambda data: sr.sparsify(torch.nn.Linear, "snip", 0.5, data),
            "must be a torch.nn.Module, got <class",
        ),
        (lambda data: sr.train(3, data), "must be a torch.nn.Module, got int"),
    ],
)
def test_what_is_no_network_is_one_clear_line(problem, call, text):
    with pytest.raises(ModelError, match=text):
        call(problem(8))


def test_a_subject_is_not_made_sparse_again(make_network, problem):
    subject = sr.sparsify(make_network("conv"), "dense")
    with pytest.raises(ModelError, match="sparsify takes a plain network, got a Subject"):
        sr.sparsify(subject, "random", 0.5)


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"limit": 1.5}, ConfigError, "limit must be a whole number, at least 1 example, got 1.5"),
        ({"limit": "5"}, ConfigError, "got '5'; did you mean 5"),
        (
            {"batch_size": "64"},
            ConfigError,
            "batch_size must be a whole number, at least 1, got '64'; did you mean 64",
        ),
        ({"cache": True}, ConfigError, "cache must be the path of a folder, got True"),
        ({"dense_model": "dense"}, ModelError, "must be a torch.nn.Module, got 'dense'"),
        ({"dense": torch.nn.Flatten()}, ConfigError, "dense must be the run of the dense model, got Flatten"),
    ],
)
def test_options_of_the_wrong_type_are_one_clear_line(make_network, problem, settings, error, text):
    with pytest.raises(error, match=text):
        sr.evaluate(make_network("conv"), problem(8), "accuracy", **settings)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x, y: (x, y + 0.5), "labels must be whole numbers from 0 up, got 0.5 among them"),
        (lambda x, y: (x, y * torch.nan), "got nan among them"),
        (lambda x, y: (x, y - 1), "got values from -1"),
        (lambda x, y: (x, torch.nn.functional.one_hot(y)), r"got \(8, 4\); one-hot labels: argmax\(1\)"),
        (lambda x, y: (255 * x, y), "divide by 255"),
        (
            lambda x, y: ((255 * x).long(), y),
            "images must be float in .0, 1., got torch.int64; divide by 255",
        ),
        (lambda x, y: (x[:, 0], y), r"got \(8, 8, 8\) and 8 labels; add a channel with unsqueeze\(1\)"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda model, data: sr.evaluate(model, data, "accuracy"),
        lambda model, data: sr.sparsify(model, "snip", 0.5, data),
    ],
    ids=["evaluate", "sparsify"],
)
def test_images_and_labels_that_cannot_be_are_one_clear_line(make_network, problem, change, text, call):
    data = change(*problem(8))
    with pytest.raises(ShapeError, match=text):
        call(make_network("conv"), data)


def test_bytes_and_whole_float_labels_are_what_they_mean(make_network, problem):
    images, labels = problem(16)
    model = make_network("conv").eval()
    as_bytes = (255 * images).round().to(torch.uint8)
    plain = sr.evaluate(model, (as_bytes.float() / 255, labels), "accuracy")
    other = sr.evaluate(model, (as_bytes, labels.double()), "accuracy")
    assert plain.outcomes["accuracy"].scores == other.outcomes["accuracy"].scores
    assert plain.data.sha256 == other.data.sha256


def test_labels_that_the_network_has_no_logit_for_are_one_clear_line(make_network, problem):
    images, labels = problem(8)
    line = "labels must be whole numbers from 0 to 3, as many as the model has logits, got 5"
    with pytest.raises(ShapeError, match=line):
        sr.sparsify(make_network("conv"), "snip", 0.5, (images, labels + 2))
    with pytest.raises(ShapeError, match=line):
        sr.evaluate(make_network("conv"), (images, labels + 2), ["accuracy", "storage"])
    outcome = Accuracy()(make_network("conv"), (images, labels + 2))
    assert outcome.reason == remark("raised", error="ShapeError", message=line)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("digits", r"got 'digits'; did you mean load_data\('digits'\)\?"),
        ((np.zeros((4, 1, 8, 8)), np.zeros(4)), r"got \(ndarray, ndarray\); torch.as_tensor makes tensors"),
        ((1, 2, 3), "got tuple"),
        (None, "got NoneType"),
    ],
    ids=repr,
)
def test_what_is_no_data_is_one_clear_line(make_network, data, text):
    for call in (sr.evaluate, sr.train):
        with pytest.raises(ConfigError, match=f"data must be a Data, .*{text}"):
            call(make_network("conv"), data)
