"""Gradient norms against a plain computation, and the exact facts that follow from the definition."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import sparserobust as sr
from evaluators import GradientNorm
from sparserobust.data.bundle import Data, ImageTensors
from sparserobust.records import remark


@pytest.fixture(scope="module")
def digits():
    return sr.load_data("digits")


@pytest.fixture(scope="module")
def runs(digits):
    model = sr.create_model("conv2", digits, seed=0)
    dense = sr.evaluate(sr.sparsify(model, "dense"), digits, ["gradient-norm"])
    made = {}
    for method in ("snip", "freezenet", "dctps"):
        subject = sr.sparsify(model, method, 0.99, digits)
        made[method] = subject, sr.evaluate(subject, digits, ["gradient-norm"], dense=dense)
    return model, dense, made


def test_the_norms_equal_a_plain_computation_over_the_whole_training_set(digits, runs):
    subject, run = runs[2]["snip"]
    images, labels = digits.train.slice(torch.arange(len(digits.train)))
    model = subject.model.eval().double()
    F.cross_entropy(model(images.double()), labels).backward()
    names = list(subject.weights.masks)
    gradients = {n: dict(model.named_parameters())[n].grad.abs() for n in names}
    kept = sum(float(gradients[n][subject.weights.masks[n]].sum()) for n in names) / subject.kept
    everywhere = sum(float(gradients[n].sum()) for n in names) / subject.prunable
    model.float().requires_grad_(True)
    outcome = run.outcomes["gradient-norm"]
    assert outcome.score("l1_per_kept").value == pytest.approx(kept, rel=1e-4)
    assert outcome.score("l1_unmasked").value == pytest.approx(everywhere, rel=1e-4)


def test_a_frozen_net_is_the_dense_function_so_its_unmasked_ratio_is_exactly_one(runs):
    outcome = runs[2]["freezenet"][1].outcomes["gradient-norm"]
    assert outcome.score("relative_to_dense", at="unmasked").value == 1.0
    assert outcome.score("relative_to_dense", at="kept").value > 3


def test_a_heavily_pruned_net_loses_gradient_that_the_frozen_one_keeps(runs):
    snip = runs[2]["snip"][1].outcomes["gradient-norm"]
    assert snip.score("relative_to_dense", at="unmasked").value < 0.5


def test_the_denominator_is_the_same_with_and_without_the_dense_run(digits, runs):
    subject, run = runs[2]["dctps"]
    alone = sr.evaluate(subject, digits, ["gradient-norm"]).outcomes["gradient-norm"]
    given = run.outcomes["gradient-norm"]
    assert alone.scores == given.scores
    assert alone.passes["forward"] == 2 * given.passes["forward"]  # the dense parent's pass was saved


def test_it_is_probed_at_initialisation_whatever_training_did(digits, runs):
    model = runs[0]
    subject = sr.sparsify(model, "freezenet", 0.99, digits)
    sr.train(subject, digits, epochs=2, recipe="digits")
    trained = sr.evaluate(subject, digits, ["gradient-norm"]).outcomes["gradient-norm"]
    assert trained.scores == runs[2]["freezenet"][1].outcomes["gradient-norm"].scores


def test_layers_without_a_gradient_are_counted():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 3)
    )
    with torch.no_grad():
        model[3].weight.zero_()  # with the biases at zero, nothing reaches the layers around it
        for layer in (1, 3, 5):
            model[layer].bias.zero_()
    images, labels = torch.rand(30, 1, 8, 8), torch.randint(3, (30,))
    split = ImageTensors(images, labels)
    data = Data("made", split, None, split, (0.0,), (1.0,), ("a", "b", "c"), (1, 8, 8))
    outcome = GradientNorm()(sr.sparsify(model, "dense"), data)
    assert outcome.score("layers_without_gradient").value == 3
    assert outcome.score("relative_to_dense").value is None
    assert outcome.verdict == remark("layers-without-gradient", without=3, of=3)


def test_it_is_skipped_with_the_reason_where_it_cannot_be_measured(digits):
    model = sr.create_model("conv2", digits)
    tensors = digits.test.slice(torch.arange(10))
    outcome = GradientNorm()(sr.sparsify(model, "dense"), tensors)
    assert (outcome.status, outcome.reason) == ("skipped", remark("needs-training-data"))
    assert GradientNorm()(model, digits).reason == remark("needs-initial-weights")
