"""One forward and one gradient for all evaluators, and none that nobody asks for."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from evaluators import FGSM, Accuracy
from sparserobust.scoring import Batch, RunOptions, measure
from sparserobust.scoring.trial import TRIED

from .doubles import evaluator_of, value

TRIAL = 1 + 2 * TRIED
"""Images that are run before anything is measured: one to see whether it fits, a few twice."""


class Counted(nn.Module):
    """Counts examples forward and backward, from inside the model."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model, self.counts = model, Counter()

    def forward(self, images: Tensor) -> Tensor:
        self.counts["forward"] += len(images)
        logits = self.model(images)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: self.counts.update(backward=len(gradient)))
        return logits


@pytest.mark.parametrize("margin", [False, True])
def test_accuracy_and_fgsm_share_one_forward_and_one_gradient(trained, problem, margin):
    """Plus a forward per eps over the examples that were right, one more gradient for the margin, eight images run
    twice to see whether the model is random, and before all that the trial."""
    model, eps = Counted(trained), (0.05, 0.1, 0.2)
    run = sr.evaluate(model, problem(50), [Accuracy(), FGSM(eps=eps, margin=margin)], batch_size=20)
    correct = int(run.outcomes["accuracy"].per_example["correct"].sum())
    assert correct > 0
    own = correct * len(eps) * (2 if margin else 1) + 8
    assert model.counts == {"forward": TRIAL + 50 + own, "backward": 100 if margin else 50}
    assert run.passes == {"forward": 50, "loss_gradient": 50} | ({"margin_gradient": 50} if margin else {})
    assert run.outcomes["fgsm"].passes == {"forward": own}
    assert run.outcomes["accuracy"].passes == {}


def test_nothing_is_computed_that_nobody_asks_for(trained, problem):
    model = Counted(trained)
    sr.evaluate(model, problem(20), ["storage"])
    assert model.counts == {}
    sr.evaluate(model, problem(20), [evaluator_of("idle")])
    assert model.counts == {"forward": TRIAL}
    sr.evaluate(model, problem(20), ["accuracy"])
    assert model.counts == {"forward": 2 * TRIAL + 20}


def test_shared_gradients_are_those_of_autograd(trained, problem):
    images, labels = problem(10)
    model = trained.eval()
    batch = Batch(model, images, labels, Counter())
    x = images.clone().requires_grad_()
    logits = model(x)
    predicted = logits.argmax(1)
    rows = torch.arange(10)
    top2 = logits.topk(2, dim=1).values
    expected = {
        "loss_gradient": torch.nn.functional.cross_entropy(logits, labels, reduction="sum"),
        "logit_gradient": logits[rows, predicted].sum(),
        "margin_gradient": (top2[:, 0] - top2[:, 1]).sum(),
    }
    for name, scalar in expected.items():
        (gradient,) = torch.autograd.grad(scalar, x, retain_graph=True)
        torch.testing.assert_close(getattr(batch, name), gradient)
    torch.testing.assert_close(
        batch.loss, torch.nn.functional.cross_entropy(logits, labels, reduction="none").detach()
    )
    assert not batch.logits.requires_grad


def test_parts_of_a_batch_share_its_results(trained, problem):
    images, labels = problem(12)
    passes, own = Counter(), Counter()
    batch = Batch(trained.eval(), images, labels, passes)
    chosen = torch.arange(12) % 3 == 0
    part = batch.only(chosen, own)
    for name in (
        "images",
        "labels",
        "logits",
        "loss_gradient",
        "logit_gradient",
        "margin_gradient",
        "loss",
        "correct",
    ):
        assert torch.equal(getattr(part, name), getattr(batch, name)[chosen]), name
    assert passes["forward"] == 12
    assert own == {}


def test_measure_counts_every_example_once(trained, problem):
    measured = measure(trained, problem(30), [evaluator_of("n")], RunOptions(batch_size=7))
    assert measured.n == 30
    assert measured.class_counts == Counter({0: 8, 1: 8, 2: 7, 3: 7})
    assert value(measured.outcomes["n"], "examples") == 30
