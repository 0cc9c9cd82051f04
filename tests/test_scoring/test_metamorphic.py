"""Batch size and order change nothing, eps 0 breaks nobody, a linear model is attacked exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import sparserobust as sr
from evaluators import FGSM, Accuracy

from .doubles import Saturated, Threshold, grey, value


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batch_size_changes_nothing(trained, problem, batch_size):
    data = problem(40)
    evaluators = lambda: [Accuracy(), FGSM(eps=(0.0, 0.05, 0.2))]  # noqa: E731
    one = sr.evaluate(trained, data, evaluators(), batch_size=40)
    other = sr.evaluate(trained, data, evaluators(), batch_size=batch_size)
    for name in ("accuracy", "fgsm"):
        assert list(one.outcomes[name].per_example) == list(other.outcomes[name].per_example)
        for key, array in one.outcomes[name].per_example.items():
            again = other.outcomes[name].per_example[key]
            exact = array.dtype == bool
            assert np.array_equal(array, again) if exact else np.allclose(array, again, atol=1e-5), key
        for a, b in zip(one.outcomes[name].scores, other.outcomes[name].scores, strict=True):
            assert a.value == pytest.approx(b.value, abs=1e-5), a.name
    assert one.data == other.data


def test_order_changes_nothing(trained, problem):
    images, labels = problem(40)
    order = torch.randperm(40)
    one = sr.evaluate(trained, (images, labels), [Accuracy(), FGSM()])
    other = sr.evaluate(trained, (images[order], labels[order]), [Accuracy(), FGSM()])
    for name in ("accuracy", "fgsm"):
        for key, array in one.outcomes[name].per_example.items():
            assert np.array_equal(array[..., order.numpy()], other.outcomes[name].per_example[key]), key
    assert one.data.sha256 != other.data.sha256


def test_examples_that_are_wrong_from_the_start_do_not_shift_the_margins_column():
    """A first batch without any correct example must still have its place in every array."""
    images, labels = grey([0.9, 0.42, 0.2], [0, 0, 0])
    outcome = FGSM(eps=(0.1,))(Threshold(), (images, labels), batch_size=1)
    assert {key: array.shape for key, array in outcome.per_example.items()} == {
        "correct": (3,),
        "robust": (1, 3),
        "margin_robust": (1, 3),
    }
    assert outcome.per_example["margin_robust"].tolist() == [[False, False, True]]


@pytest.mark.parametrize("batch_size", [1, 2, 4])
def test_examples_without_a_gradient_are_counted_whatever_the_batches(batch_size):
    """And where no image has one the attack fails: it moved nothing, which is no robustness."""

    class PartlySaturated(Saturated):
        def forward(self, images):
            slope = images.mean(dim=(1, 2, 3)) - 0.5
            return torch.where(
                slope.unsqueeze(1) < -0.25, torch.stack([-slope, slope], dim=1), super().forward(images)
            )

    images, labels = grey([0.9, 0.8, 0.2, 0.3], [0, 0, 0, 1])
    outcome = FGSM(eps=(0.1,))(PartlySaturated(), (images, labels), batch_size=batch_size)
    score = outcome.score("zero_gradient_share")
    assert (score.value, score.n) == (0.75, 4)
    failed = FGSM(eps=(0.1,))(Saturated(), (images, labels), batch_size=batch_size)
    assert (failed.status, failed.scores) == ("failed", ())
    assert "no gradient reaches any image" in str(failed.reason)


@pytest.mark.parametrize("backend", ["foolbox", "torchattacks"])
def test_a_gradient_that_was_not_looked_at_is_not_reported_as_fine(backend):
    """Not measured is never 0: absent or without a value, unless it was measured."""
    pytest.importorskip(backend)
    outcome = FGSM(eps=(0.1,), backend=backend)(Saturated(), grey([0.2, 0.3], [0, 0]))
    named = [s for s in outcome.scores if s.name == "zero_gradient_share"]
    assert all(s.value in (None, 1.0) for s in named)


def test_eps_zero_breaks_nobody(trained, problem):
    outcome = FGSM(eps=(0.0,))(trained, problem(40))
    assert value(outcome, "attack_success_rate") == 0
    assert np.array_equal(outcome.per_example["robust"][0], outcome.per_example["correct"])


def test_a_larger_budget_is_no_mercy_on_a_linear_model():
    """On a linear two-class model FGSM is exact: broken if and only if eps > |mean - 1/2|."""
    values = torch.linspace(0.05, 0.45, 9).tolist()
    eps = (0.03, 0.12, 0.28, 0.41)
    outcome = FGSM(eps=eps)(Threshold(), grey(values, [0] * 9))
    expected = [[0.5 - v > e for v in values] for e in eps]
    assert outcome.per_example["robust"].tolist() == expected
    assert outcome.per_example["margin_robust"].tolist() == expected
