"""Distances, caps and what was not found, of attacks that look for the smallest distance."""

from __future__ import annotations

import math
import re

import pytest
import torch
from torch import Tensor

from sparserobust.records import remark
from sparserobust.scoring import Batch

from .doubles import Threshold, grey, minimum_of, value


def shift(batch: Batch) -> tuple[Tensor, Tensor]:
    """Just across the threshold, by the closed form: |mean - 1/2| in every pixel, l2 distance twice that."""
    direction = (1 - 2.0 * batch.labels).view(-1, 1, 1, 1)
    return (0.5 + 1e-4 * direction).expand_as(batch.images), torch.ones(len(batch), dtype=torch.bool)


def test_distances_and_caps_of_a_minimum_norm_attack_are_exact():
    """Means .4, .3, .55, .9 (wrong), .1: l2 distances .2, .4, .1, 0, .8; caps .25 and .5."""
    images, labels = grey([0.4, 0.3, 0.55, 0.9, 0.1], [0, 0, 1, 0, 0])
    outcome = minimum_of(shift, caps=(0.25, 0.5))(Threshold(), (images, labels))
    assert outcome.status == "ok", outcome.reason
    assert outcome.per_example["distance"].tolist() == pytest.approx([0.2, 0.4, 0.1, 0, 0.8], abs=1e-3)
    assert value(outcome, "median_l2") == pytest.approx(0.3, abs=1e-3)
    assert outcome.score("median_l2").n == 4
    assert [value(outcome, "robust_accuracy", at=c) for c in (0.25, 0.5)] == [2 / 5, 1 / 5]
    assert [value(outcome, "attack_success_rate", at=c) for c in (0.25, 0.5)] == [2 / 4, 3 / 4]
    assert [value(outcome, "paper_success", at=c) for c in (0.25, 0.5)] == [3 / 5, 4 / 5]
    assert outcome.verdict == remark("found", found=4, of=4)


def test_claimed_images_that_are_not_adversarial_count_as_not_found():
    def claim(batch: Batch) -> tuple[Tensor, Tensor]:
        return batch.images, torch.ones(len(batch), dtype=torch.bool)

    outcome = minimum_of(claim)(Threshold(), grey([0.4, 0.6], [0, 1]))
    assert outcome.per_example["distance"].tolist() == [math.inf, math.inf]
    assert outcome.verdict == remark("found", found=0, of=2)
    assert outcome.score("median_l2").value is None
    assert outcome.score("median_l2").reason == remark("not-found", lost=2, of=2)
    assert value(outcome, "robust_accuracy", at=1.0) == 1.0


def test_what_was_not_found_falls_back_to_the_clean_image_even_when_the_image_returned_would_fool():
    def black(batch: Batch) -> tuple[Tensor, Tensor]:
        images, _ = shift(batch)
        return images, torch.tensor([True, False])

    outcome = minimum_of(black)(Threshold(), grey([0.4, 0.6], [0, 1]))
    assert outcome.per_example["distance"].tolist() == pytest.approx([0.2, math.inf], abs=1e-3)
    assert outcome.per_example["rescaled"][:, 1].tolist() == [False, False]


def test_an_image_beyond_the_cap_is_scaled_back_and_decided_again():
    """Overshooting to white at distance 1.2: scaled to .25 it still crosses from .4, at .15 it does not."""

    def overshoot(batch: Batch) -> tuple[Tensor, Tensor]:
        return torch.ones_like(batch.images), torch.ones(len(batch), dtype=torch.bool)

    outcome = minimum_of(overshoot, caps=(0.15, 0.25))(Threshold(), grey([0.4], [0]))
    assert outcome.per_example["distance"].tolist() == pytest.approx([1.2], abs=1e-6)
    assert [value(outcome, "attack_success_rate", at=c) for c in (0.15, 0.25)] == [0, 0]
    assert [value(outcome, "rescaled_success_rate", at=c) for c in (0.15, 0.25)] == [0, 1]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (
            lambda b: (b.images, torch.ones(len(b) + 1)),
            r"minimum must return \(images, found\) with found of shape \(1,\)",
        ),
        (lambda b: (b.images, None), r"minimum must return \(images, found\)"),
        (
            lambda b: (b.images * math.nan, torch.ones(len(b))),
            "minimum returned images that are NaN or infinite",
        ),
        (lambda b: (b.images + 5, torch.ones(len(b))), "minimum returned pixels from"),
    ],
)
def test_what_a_minimum_norm_attack_may_not_return(result, text):
    outcome = minimum_of(result)(Threshold(), grey([0.4], [0]))
    assert outcome.status == "failed"
    assert re.search(text, str(outcome.reason)), outcome.reason
