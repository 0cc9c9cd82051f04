"""Constant, weightless, not differentiable, not finite, double precision: scored right or refused."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from evaluators import FGSM, Accuracy
from sparserobust.errors import ModelError, ShapeError

from .doubles import WithWeights, grey, value


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.tensor([0.0, 3.0, 0.0, 0.0]).expand(len(images), 4) + 0 * images.sum()


def test_a_constant_predictor_is_never_broken_and_its_accuracy_is_the_class_share(problem):
    run = sr.evaluate(WithWeights(Constant()), problem(40), [Accuracy(), FGSM(eps=(0.3,))])
    assert value(run.outcomes["accuracy"], "top1") == 0.25
    assert run.data.majority_share == 0.25
    assert value(run.outcomes["fgsm"], "attack_success_rate") == 0
    assert value(run.outcomes["fgsm"], "zero_gradient_share") == 1


def test_a_model_without_any_weights_can_be_scored(problem):
    """An evaluator works on any module, and so does the runner."""
    assert Accuracy()(Constant(), problem(8)).status == "ok"
    run = sr.evaluate(Constant(), problem(8), ["accuracy"])
    assert (run.outcomes["accuracy"].status, run.subject.prunable) == ("ok", 0)


def test_a_model_that_cannot_be_differentiated_has_an_accuracy_and_no_fgsm(problem):
    steps = WithWeights(lambda images: (images.detach().flatten(1)[:, :4] * 8).round())
    run = sr.evaluate(steps, problem(20), [Accuracy(), FGSM()])
    assert run.outcomes["accuracy"].status == "ok"
    assert run.outcomes["fgsm"].status == "failed"
    assert run.outcomes["fgsm"].scores == ()


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_logits_that_are_not_finite_are_never_scored_as_robust(problem, broken):
    """argmax of NaN is class 0: half of nothing would look robust."""
    model = WithWeights(lambda images: images.flatten(1)[:, :4] * 0 + broken)
    images, labels = problem(20)
    data = images, torch.zeros_like(labels)
    for evaluator in (Accuracy(), FGSM()):
        outcome = evaluator(model, data)
        assert (outcome.status, outcome.scores) == ("failed", ())
    with pytest.raises(ModelError, match="logits that are NaN or infinite for 4 of 4 images"):
        sr.evaluate(model, data, [Accuracy(), FGSM()])


def test_logits_that_are_finite_on_clean_images_only_are_never_scored_as_robust():
    def fragile(images: Tensor) -> Tensor:
        mean = images.flatten(1).mean(1)
        first = torch.where(mean > 0.41, torch.nan, 1.0)
        return torch.stack([first, mean], dim=1)

    data = grey([0.4, 0.3], [0, 0])
    outcome = FGSM(eps=(0.05,))(WithWeights(fragile), data)
    assert outcome.status == "failed" or value(outcome, "robust_accuracy") < 1


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (lambda images: (images, images), r"the model must return logits \(8, classes\), got tuple"),
        (lambda images: images, r"the model must return logits \(8, classes\), got \(8, 1, 8, 8\)"),
        (lambda images: images.flatten(1)[:3], r"got \(3, 64\)"),
    ],
)
def test_a_model_that_returns_no_logits_fails_the_evaluators_with_what_was_expected(problem, output, text):
    for evaluator in (Accuracy(), FGSM()):
        outcome = evaluator(WithWeights(output), problem(8))
        assert outcome.status == "failed"
        assert re.search(text, str(outcome.reason))
    with pytest.raises((ModelError, ShapeError), match="the model must return logits"):
        sr.evaluate(WithWeights(output), problem(8), [Accuracy(), FGSM()])


def test_a_model_with_weights_that_are_not_finite_is_refused(trained, problem):
    with torch.no_grad():
        trained.body[0].weight[0] = math.nan
    with pytest.raises(ModelError, match="body.0.weight has 9 entries that are NaN or infinite"):
        sr.evaluate(trained, problem(8), ["accuracy"])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_network_is_scored_in_its_own_precision(trained, problem, dtype):
    images, labels = problem(20)
    run = sr.evaluate(trained.to(dtype), (images.double(), labels), ["accuracy", "fgsm", "saliency"])
    assert {o.status for o in run.outcomes.values()} == {"ok"}
