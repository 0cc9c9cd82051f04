"""Data in any form, what the record says of it, and wrong use in one line."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import sparserobust as sr
from evaluators import FGSM, Accuracy
from sparserobust.errors import ConfigError, DataError, PluginError, ShapeError
from sparserobust.weights.plan import sha256_of

FORMS = {
    "tensors": lambda images, labels: (images, labels),
    "dataset": TensorDataset,
    "loader": lambda images, labels: DataLoader(TensorDataset(images, labels), batch_size=9),
}


@pytest.mark.parametrize("form", list(FORMS))
def test_an_evaluator_works_alone_on_a_bare_module_and_any_data(trained, problem, form):
    data = problem(30)
    outcome = FGSM(eps=(0.1,))(trained, FORMS[form](*data))
    reference = FGSM(eps=(0.1,))(trained, data)
    assert (outcome.evaluator, outcome.status) == ("fgsm", "ok")
    assert outcome.scores == reference.scores
    assert outcome.settings == {"eps": [0.1], "backend": "native", "margin": True}
    assert "1412.6572" in outcome.source


def test_training_accuracy_is_measured_on_a_data_set_with_splits_only(trained, problem):
    """torchvision's data sets have an attribute `train` that is a bool."""

    class LikeTorchvision(TensorDataset):
        train = False

    data = sr.Data(
        "x",
        TensorDataset(*problem(40)),
        None,
        TensorDataset(*problem(20, seed=3)),
        (0.0,),
        (1.0,),
        tuple("abcd"),
        (1, 8, 8),
    )
    names = {s.name for s in Accuracy()(trained, data).scores}
    assert {"train_top1", "overfitting_gap"} <= names
    for other in (LikeTorchvision(*problem(20)), TensorDataset(*problem(20))):
        assert "train_top1" not in {s.name for s in Accuracy()(trained, other).scores}


def test_the_record_says_what_was_evaluated(trained, problem):
    images, labels = problem(30)
    run = sr.evaluate(
        trained, (images, labels), ["accuracy"], seed=4, limit=12, label="mine", command="make it"
    )
    assert (run.data.n, run.data.limit, run.data.num_classes, run.data.input_shape) == (12, 12, 4, (1, 8, 8))
    assert (run.subject.label, run.environment.command, run.seed) == ("mine", "make it", 4)
    assert run.subject.weights_sha256 == sha256_of(trained.state_dict())
    assert run.environment.batch_size == 256
    same, other = (sr.evaluate(trained, (images, labels), ["accuracy"], seed=s, limit=12) for s in (4, 5))
    assert run.data.subset == same.data.subset != other.data.subset
    assert run.data.sha256 == same.data.sha256 != other.data.sha256


def test_an_empty_data_set_is_refused(trained):
    with pytest.raises(DataError, match="there is no example to evaluate; the data set is empty"):
        sr.evaluate(trained, (torch.zeros(0, 1, 8, 8), torch.zeros(0)), ["accuracy"])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"evaluators": ["pdg"]}, PluginError, "unknown evaluator 'pdg'"),
        ({"evaluators": ["accuray"]}, PluginError, r"unknown evaluator 'accuray'; did you mean 'accuracy'\?"),
        ({"evaluators": []}, ConfigError, "name at least one evaluator"),
        ({"batch_size": 0}, ConfigError, "batch_size must be at least 1, got 0"),
        ({"batch_size": -3}, ConfigError, "batch_size must be at least 1, got -3"),
        ({"limit": 0}, ConfigError, "limit must be at least 1 example, got 0"),
        ({"device": "gpu"}, ConfigError, "device must be auto, cpu or cuda"),
        ({"data": (torch.rand(3, 8, 8), torch.zeros(3))}, ShapeError, "images must be"),
    ],
)
def test_wrong_use_is_one_clear_line(trained, problem, arguments, error, text):
    with pytest.raises(error, match=text):
        sr.evaluate(**({"model": trained, "data": problem(8), "evaluators": ["accuracy"]} | arguments))


def test_a_repr_makes_an_equal_evaluator():
    evaluator = FGSM(eps=(0.1, 0.2), margin=False)
    assert repr(evaluator) == "FGSM(eps=(0.1, 0.2), backend='native', margin=False)"
    assert eval(repr(evaluator)) == evaluator


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (torch.tensor([0, 1, 2, -1]), "whole numbers from 0 up, got values from -1"),
        (torch.tensor([0.5, 1, 2, 3]), "whole numbers from 0 up"),
        (torch.eye(4), r"labels must be \(4,\) whole numbers, got \(4, 4\)"),
    ],
)
def test_labels_that_cannot_be_are_refused_in_one_line(trained, labels, text):
    with pytest.raises(ShapeError, match=text):
        sr.evaluate(
            trained, DataLoader(TensorDataset(torch.rand(4, 1, 8, 8), labels), batch_size=4), ["accuracy"]
        )


def test_a_label_beyond_the_logits_fails_with_what_was_expected(trained):
    data = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 12])
    outcome = Accuracy()(trained, data)
    assert str(outcome.reason) == (
        "ShapeError: labels must be whole numbers from 0 to 3, as many as the model has logits, got 12"
    )
