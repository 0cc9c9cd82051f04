"""Whether an attack succeeded is what the unchanged model says, counted exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from evaluators import FGSM
from sparserobust.records import remark
from sparserobust.scoring import Batch
from sparserobust.stats import wilson

from .doubles import Threshold, attack_of, grey, value, with_buffers, with_copy, with_data, with_mode


def test_success_is_what_the_model_says_and_the_numbers_are_exact():
    """Means .38, .42, .48, .52, .9 (wrong), .7: a shift of .1 towards 1/2 breaks .42, .48, .52."""
    images, labels = grey([0.38, 0.42, 0.48, 0.52, 0.9, 0.7], [0, 0, 0, 1, 0, 1])
    towards = lambda b: iter([(0.1, b.images + 0.1 * (1 - 2.0 * b.labels).view(-1, 1, 1, 1))])  # noqa: E731
    outcome = attack_of(towards)(Threshold(), (images, labels))
    assert outcome.per_example["correct"].tolist() == [True, True, True, True, False, True]
    assert outcome.per_example["robust"].tolist() == [[True, False, False, False, False, True]]
    robust, success = outcome.score("robust_accuracy"), outcome.score("attack_success_rate")
    assert (robust.value, robust.n, success.value, success.n) == (2 / 6, 6, 3 / 5, 5)
    assert (robust.ci_low, robust.ci_high) == pytest.approx((wilson(2, 6).low, wilson(2, 6).high))
    assert outcome.axis == (0.1,)


def test_the_attack_sees_only_examples_that_the_model_gets_right():
    images, labels = grey([0.4, 0.6, 0.9], [0, 0, 1])
    seen: list[int] = []

    def watch(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        seen.extend(batch.labels.tolist())
        assert torch.equal(batch.predicted, batch.labels)
        return iter([(0.1, batch.images)])

    attack_of(watch)(Threshold(), (images, labels))
    assert seen == [0, 1]


def test_an_attack_that_overwrites_the_images_it_was_given_gains_nothing():
    """`batch.images` moved in place, far beyond the budget, and handed back: distance must not count as zero."""

    def in_place(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        batch.images.add_(0.4).clamp_(0, 1)
        yield 0.1, batch.images

    images, labels = grey([0.3, 0.2], [0, 0])
    outcome = attack_of(in_place)(Threshold(), (images, labels))
    assert outcome.status == "failed" or value(outcome, "robust_accuracy") == 1.0


def test_an_attack_that_overwrites_the_labels_it_was_given_gains_nothing():
    def in_place(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        batch.labels.fill_(1)
        yield 0.1, batch.images

    outcome = attack_of(in_place)(Threshold(), grey([0.3, 0.2], [0, 0]))
    assert outcome.status == "failed" or value(outcome, "robust_accuracy") == 1.0


@pytest.mark.parametrize("misdeed", [with_mode, with_data, with_copy, with_buffers])
def test_the_decision_is_the_untouched_models_whatever_the_attack_did_to_it(trained, problem, misdeed):
    """An attack that moves nothing but the model: no example may fall."""
    images, labels = problem(24)
    trained.body[11].p = 0.9  # dropout would be seen

    def tamper(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        misdeed(batch.model)
        yield 0.1, batch.images
        misdeed(batch.model)
        yield 0.2, batch.images

    outcome = attack_of(tamper, eps=(0.1, 0.2))(trained, (images, labels))
    assert outcome.status == "ok"
    clean = outcome.per_example["correct"]
    assert clean.sum() > 12
    assert np.array_equal(outcome.per_example["robust"], np.stack([clean, clean]))


def test_no_correct_example_is_no_success_rate_and_says_why():
    outcome = FGSM(eps=(0.1,))(Threshold(), grey([0.4, 0.3], [1, 1]))
    assert value(outcome, "robust_accuracy") == 0
    for name in ("attack_success_rate", "margin_attack_success_rate"):
        score = outcome.score(name)
        assert (score.value, score.n, score.reason) == (None, 0, remark("nothing-correct"))


def test_an_attack_that_draws_from_a_global_stream_repeats_by_the_seed_alone(trained, problem):
    drawn: list[Tensor] = []

    def draw(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        noise = torch.from_numpy(np.random.uniform(-0.3, 0.3, batch.images.shape)).float() * torch.rand(())
        drawn.append(noise)
        yield 0.3, (batch.images + noise).clamp(0, 1)

    images = problem(60)
    outcomes = []
    for state, seed in ((1, 0), (2, 0), (1, 5)):
        torch.manual_seed(state)
        np.random.seed(state)
        outcomes.append(attack_of(draw, eps=(0.3,))(trained, images, seed=seed).per_example["robust"])
    assert np.array_equal(outcomes[0], outcomes[1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("backwards", [False, True])
def test_an_attack_is_judged_on_what_it_yielded_whatever_it_writes_there_afterwards(backwards):
    """One buffer for every budget, and a view of it: at .01 all of .48 stand, at .3 they fall."""
    budgets = (0.3, 0.01) if backwards else (0.01, 0.3)

    def reused(batch: Batch) -> Iterator[tuple[float, Tensor]]:
        buffer = torch.zeros(2 * len(batch), *batch.images.shape[1:])
        part = buffer[: len(batch)]
        for eps in budgets:
            part.copy_((batch.images + eps).clamp(0, 1))
            yield eps, part
        buffer.fill_(1.0)

    data = grey([0.48, 0.3, 0.1], [0, 0, 0])
    outcome = attack_of(reused, eps=budgets)(Threshold(), data)
    fresh = attack_of(lambda b: iter([(e, (b.images + e).clamp(0, 1)) for e in budgets]), eps=budgets)
    assert value(outcome, "robust_accuracy", at=0.01) == 1.0
    assert value(outcome, "robust_accuracy", at=0.3) == 1 / 3
    assert outcome.scores == fresh(Threshold(), data).scores


@pytest.mark.parametrize(
    ("within", "text"),
    [
        (lambda b: b.images, r"within\(\) of theirs must yield \(eps, images\) for every budget, got Tensor"),
        (lambda b: None, r"within\(\) of theirs must yield \(eps, images\) for every budget, got NoneType"),
        (
            lambda b: iter([b.images]),
            r"within\(\) of theirs must yield \(eps, images\) .*, got Tensor; write `yield",
        ),
        (
            lambda b: iter([(0.1,)]),
            r"within\(\) of theirs must yield \(eps, images\) .*, got tuple; write `yield",
        ),
    ],
)
def test_what_is_no_pair_of_budget_and_images_fails_by_name(within, text):
    outcome = attack_of(within)(Threshold(), grey([0.4, 0.6], [0, 1]))
    assert outcome.status == "failed"
    assert re.search(text, str(outcome.reason)), outcome.reason


def test_an_attack_that_says_no_budgets_has_those_of_its_norm_and_a_headline():
    attacks = [attack_of(lambda b: iter([]), eps=None, norm=norm) for norm in ("linf", "l2")]
    assert [a.headline_point for a in attacks] == [0.1, 0.5]
    assert all(len(a.budgets) >= 3 for a in attacks)
    assert attacks[0].resolved()["eps"] == list(attacks[0].budgets)
    assert attacks[0].eps is None


def test_a_budget_that_is_yielded_twice_counts_as_restarts_do():
    """An image broken by either is broken, whichever came last."""
    first = lambda b: iter([(0.1, (b.images + 0.1).clamp(0, 1)), (0.1, b.images)])  # noqa: E731
    last = lambda b: iter([(0.1, b.images), (0.1, (b.images + 0.1).clamp(0, 1))])  # noqa: E731
    data = grey([0.45, 0.3], [0, 0])
    for twice in (first, last):
        assert value(attack_of(twice)(Threshold(), data), "robust_accuracy") == 0.5
