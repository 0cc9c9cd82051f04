"""The base class of attacks checks the images that come back: budget, range, shape."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor

import sparserobust as sr
from evaluators import Accuracy
from sparserobust.attacks.budget import distances, project

from .doubles import Threshold, attack_of, grey, moved, value


@pytest.mark.parametrize(
    ("perturb", "text"),
    [
        (moved(0.12), r"theirs left its budget: linf distance 0.12\d* for eps 0.1"),
        (moved(0.1 + 3e-6), "theirs left its budget"),
        (moved(math.nan), "theirs returned images that are NaN or infinite"),
        (moved(math.inf), "theirs returned images that are NaN or infinite"),
        (lambda b: iter([(0.1, b.images - 0.9)]), r"theirs returned pixels from .* outside \[0, 1\]"),
        (moved(0.0, eps=0.2), r"theirs yielded images for eps 0.2, which is not among \(0.1,\)"),
        (moved(0.0, eps="0.1"), "theirs yielded images for eps '0.1'"),
        (lambda b: iter([]), "theirs yielded no images for eps 0.1"),
        (
            lambda b: iter([(0.1, b.images[:1])]),
            r"theirs must return images of shape \(2, 1, 2, 2\), got \(1, 1, 2, 2\)",
        ),
        (lambda b: iter([(0.1, None)]), r"theirs must return images of shape \(2, 1, 2, 2\), got NoneType"),
    ],
)
def test_images_that_are_not_allowed_fail_the_attack_by_name(perturb, text):
    data = grey([0.4, 0.6], [0, 1])
    run = sr.evaluate(Threshold(), data, [attack_of(perturb), Accuracy()])
    outcome = run.outcomes["theirs"]
    assert outcome.status == "failed"
    assert outcome.scores == ()
    assert re.search(text, str(outcome.reason)), outcome.reason
    assert run.outcomes["accuracy"].status == "ok"


@pytest.mark.parametrize("excess", [0.0, 5e-7, -5e-7])
def test_a_rounding_excess_is_projected_back_before_the_model_sees_it(excess):
    """At 5e-7 over the budget the decision would tip; inside it does not."""
    images, labels = grey([0.4], [0])
    seen: list[Tensor] = []

    class Watching(Threshold):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images.detach().clone())
            return super().forward(images)

    outcome = attack_of(moved(0.05 + excess, eps=0.05), eps=(0.05,))(Watching(), (images, labels))
    assert outcome.status == "ok"
    assert float((seen[-1] - images).double().abs().max()) <= 0.05 + 3e-8


def test_a_pixel_just_outside_the_range_is_clipped():
    images, labels = grey([0.0, 1.0], [0, 1])
    seen: list[Tensor] = []

    class Watching(Threshold):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images.detach().clone())
            return super().forward(images)

    sign = torch.tensor([-1.0, 1.0]).view(2, 1, 1, 1)
    outcome = attack_of(lambda b: iter([(0.1, b.images + 5e-7 * sign)]))(Watching(), (images, labels))
    assert outcome.status == "ok"
    assert 0 <= float(seen[-1].min()) <= float(seen[-1].max()) <= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_projection_lands_inside_the_budget_and_leaves_what_is_inside(norm):
    images = torch.rand(20, 3, 4, 4)
    others = torch.rand(20, 3, 4, 4)
    for eps in (0.0, 1e-3, 0.1, 1.0):
        inside = project(images, others, norm, eps)
        assert float(distances(images, inside, norm).max()) <= eps * (1 + 1e-6) + 1e-7
        assert 0 <= float(inside.min()) <= float(inside.max()) <= 1
    assert torch.allclose(project(images, others, norm, 100.0), others, atol=1e-7)


def test_distances_are_those_of_numpy():
    a, b = torch.rand(5, 2, 3, 3), torch.rand(5, 2, 3, 3)
    rows = (a.double() - b.double()).flatten(1).numpy()
    np.testing.assert_allclose(distances(a, b, "linf").numpy(), np.linalg.norm(rows, np.inf, axis=1))
    np.testing.assert_allclose(distances(a, b, "l2").numpy(), np.linalg.norm(rows, 2, axis=1))


def test_budgets_may_come_in_any_order():
    images, labels = grey([0.38, 0.45], [0, 0])
    backwards = lambda b: iter([(0.2, b.images + 0.2), (0.1, b.images + 0.1)])  # noqa: E731
    outcome = attack_of(backwards, eps=(0.1, 0.2))(Threshold(), (images, labels))
    assert [value(outcome, "robust_accuracy", at=e) for e in (0.1, 0.2)] == [0.5, 0.0]
