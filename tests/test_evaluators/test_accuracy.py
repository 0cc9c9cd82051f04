"""Accuracy against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, top_k_accuracy_score
from torch import nn

import sparserobust as sr
from evaluators import Accuracy
from evaluators.accuracy import calibration_error


class Fixed(nn.Module):
    """Returns the logits written into the first pixels of each image."""

    def __init__(self, classes):
        super().__init__()
        self.layer = nn.Linear(classes, classes, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(8 * torch.eye(classes))

    def forward(self, images):
        return self.layer(images.flatten(1)[:, : self.layer.in_features])


def made(classes=10, n=300):
    stream = torch.Generator().manual_seed(0)
    images = torch.rand(n, 1, 4, 4, generator=stream)
    best = images.flatten(1)[:, :classes].argmax(dim=1)
    labels = torch.where(
        torch.rand(n, generator=stream) < 0.6, best, torch.randint(classes, (n,), generator=stream)
    )
    return Fixed(classes), (images, labels)


def test_top1_top5_and_nll_equal_those_of_scikit_learn():
    model, (images, labels) = made()
    outcome = Accuracy()(model, (images, labels))
    probabilities = model(images).softmax(dim=1).detach().double().numpy()
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    kwargs = {"labels": np.arange(10)}
    assert outcome.score("top1").value == pytest.approx(
        top_k_accuracy_score(labels, probabilities, k=1, **kwargs)
    )
    assert outcome.score("top5").value == pytest.approx(
        top_k_accuracy_score(labels, probabilities, k=5, **kwargs)
    )
    assert outcome.score("nll").value == pytest.approx(log_loss(labels, probabilities, **kwargs), rel=1e-5)
    assert outcome.score("top1").n == 300
    assert outcome.score("top1").ci_low < outcome.score("top1").value < outcome.score("top1").ci_high


def test_calibration_error_by_hand():
    """Two of three bins in use: (0.9, right), (0.8, wrong) in the last, (0.5, right) in the middle one."""
    pairs = np.array([[0.9, 1.0], [0.8, 0.0], [0.5, 1.0]])
    assert calibration_error(pairs, 3) == pytest.approx((abs(1.0 - 1.7) + abs(1 - 0.5)) / 3)
    both = calibration_error(np.stack([pairs, pairs[[0, 0, 0]]]), 3)
    assert both == pytest.approx([1.2 / 3, 0.1])


def test_a_confidence_on_a_bin_edge_belongs_to_the_bin_below():
    pairs = np.array([[0.5, 1.0], [0.51, 0.0]])
    assert calibration_error(pairs, 2) == pytest.approx(0.505)
    pairs = np.array([[1.0, 1.0], [1.0, 0.0]])
    assert calibration_error(pairs, 15) == pytest.approx(0.5)


def test_top5_is_left_out_with_five_classes_or_fewer():
    model, data = made(classes=5)
    assert not Accuracy()(model, data).curve("top5")
    model, data = made(classes=6)
    assert Accuracy()(model, data).curve("top5")


def test_per_class_rows_average_to_top1():
    model, data = made()
    outcome = Accuracy()(model, data)
    table = outcome.tables["per_class"]
    hits = sum(rate * n for rate, n in zip(table.column("top1"), table.column("n"), strict=True))
    assert hits / 300 == pytest.approx(outcome.score("top1").value)
    assert table.column("class") == list(range(10))


def test_training_accuracy_and_the_gap_need_training_data():
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("lenet-300-100", data), "dense")
    sr.train(subject, data, epochs=15, recipe="digits")
    outcome = Accuracy()(subject, data)
    train = outcome.score("train_top1")
    assert train.n == len(data.train)
    assert train.value > 0.97
    assert outcome.score("overfitting_gap").value == train.value - outcome.score("top1").value
    alone = Accuracy()(subject, data.test.slice(torch.arange(100)))
    assert not alone.curve("train_top1")


def test_the_interval_of_the_calibration_error_holds_its_value():
    model, data = made()
    ece = Accuracy()(model, data).score("ece")
    assert ece.ci_low <= ece.value <= ece.ci_high
    assert ece.ci_high - ece.ci_low < 0.2


def test_margins_are_the_lead_of_the_labels_logit_and_their_sign_says_who_is_right():
    model, (images, labels) = made()
    outcome = Accuracy()(model, (images, labels))
    logits = model(images).detach().double().numpy()
    rows = np.arange(len(labels))
    own = logits[rows, labels].copy()
    logits[rows, labels] = -np.inf
    margin = outcome.per_example["margin"]
    assert np.allclose(margin, own - logits.max(axis=1), atol=1e-5)
    assert np.array_equal(margin > 0, outcome.per_example["correct"])
    alone = Accuracy()(model, (images, labels), batch_size=7).per_example["margin"]
    assert np.allclose(margin, alone, atol=1e-5)
