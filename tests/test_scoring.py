"""The evaluator contract: shared passes, isolation, and a base class that no plugin can talk into a wrong number."""

from __future__ import annotations

import copy
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import sparserobust as sr
from evaluators import FGSM, Accuracy
from sparserobust.attacks.budget import distances, project
from sparserobust.errors import ConfigError, DataError, ModelError, PluginError, ShapeError
from sparserobust.records import Outcome, ScoreSpec
from sparserobust.scoring import AttackEvaluator, Batch, Context, Evaluator, Measurement, Skip, measure
from sparserobust.stats import wilson
from sparserobust.training import Recipe
from sparserobust.weights.plan import sha256_of

ATTACK_SCORES = (
    ScoreSpec(name="robust_accuracy", unit="fraction", higher_is_better=True, axis="eps", headline=True),
    ScoreSpec(name="attack_success_rate", unit="fraction", higher_is_better=False, axis="eps"),
)
DISTANCE_SCORES = (
    *ATTACK_SCORES,
    ScoreSpec(name="median_l2", unit="l2", higher_is_better=True, headline=True),
    ScoreSpec(name="rescaled_success_rate", unit="fraction", higher_is_better=False, axis="l2 distance"),
    ScoreSpec(name="paper_success", unit="fraction", higher_is_better=False, axis="l2 distance"),
)


def evaluator_of(name: str, *, begin=None, update=None, finish=None) -> Evaluator:
    """An evaluator from functions; counts the examples it sees."""

    class Counting(Measurement):
        def __init__(self, context: Context) -> None:
            self.context, self.n = context, 0

        def update(self, batch: Batch) -> None:
            self.n += len(batch)
            if update is not None:
                update(batch)

        def finish(self) -> Outcome:
            if finish is not None:
                return finish(self.context)
            return evaluator.outcome(scores=(evaluator.score("examples", self.n),))

    class FromFunctions(Evaluator):
        source = "tests"
        scores = (ScoreSpec(name="examples", unit="count"),)

        def begin(self, context: Context) -> Measurement:
            if begin is not None:
                begin(context)
            return Counting(context)

    FromFunctions.name = name
    evaluator = FromFunctions()
    return evaluator


def attack_of(
    perturb: Callable[[Batch], object], *, eps=(0.1,), norm="linf", name="theirs"
) -> AttackEvaluator:
    """A fixed-budget attack from a function."""

    class FromFunction(AttackEvaluator):
        source = "tests"
        scores = ATTACK_SCORES
        headline_eps = 0.1

        def perturb(self, batch: Batch) -> object:
            return perturb(batch)

    FromFunction.name, FromFunction.norm, FromFunction.eps = name, norm, eps
    return FromFunction()


def minimum_of(perturb: Callable[[Batch], object], *, caps=(0.5, 1.0)) -> AttackEvaluator:
    """A minimum-norm attack from a function."""

    class FromFunction(AttackEvaluator):
        name, source, norm, eps, headline_eps = "minimum", "tests", "l2", caps, 0.5
        scores = DISTANCE_SCORES
        minimum_norm = True

        def perturb(self, batch: Batch) -> object:
            return perturb(batch)

    return FromFunction()


class Threshold(nn.Module):
    """Two classes by the mean pixel: logits (0, 50 * (mean - 1/2)); every minimal distance is known."""

    def __init__(self, pixels: int = 4) -> None:
        super().__init__()
        self.line = nn.Linear(pixels, 2)
        with torch.no_grad():
            self.line.weight.copy_(torch.stack([torch.zeros(pixels), torch.full((pixels,), 50.0 / pixels)]))
            self.line.bias.copy_(torch.tensor([0.0, -25.0]))

    def forward(self, images: Tensor) -> Tensor:
        return self.line(images.flatten(1))


def grey(values: list[float], labels: list[int]) -> tuple[Tensor, Tensor]:
    """2x2 images of one grey each."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).clone(), torch.tensor(labels)


@pytest.fixture(scope="module")
def trained_once(make_network, problem) -> nn.Module:
    model = make_network("conv")
    recipe = Recipe(name="t", source="tests", optimizer="adam", lr=0.01, batch_size=16, epochs=6)
    sr.train(model, problem(64), recipe=recipe)
    return model.train()


@pytest.fixture
def trained(trained_once) -> nn.Module:
    """A network in training mode that gets most, not all, of the problem right."""
    return copy.deepcopy(trained_once)


def value(outcome: Outcome, name: str, at: float | None = None) -> float:
    return outcome.score(name, at=at).value


# -- shared passes ----------------------------------------------------------------------------------------


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
    """Plus a forward per eps over the examples that were right, one more gradient for the margin, and eight images
    run twice to see whether the model is random."""
    model, eps = Counted(trained), (0.05, 0.1, 0.2)
    run = sr.evaluate(model, problem(50), [Accuracy(), FGSM(eps=eps, margin=margin)], batch_size=20)
    correct = int(run.outcomes["accuracy"].per_example["correct"].sum())
    assert correct > 0
    own = correct * len(eps) * (2 if margin else 1) + 8
    assert model.counts == {"forward": 50 + own, "backward": 100 if margin else 50}
    assert run.passes == {"forward": 50, "loss_gradient": 50} | ({"margin_gradient": 50} if margin else {})
    assert run.outcomes["fgsm"].passes == {"forward": own}
    assert run.outcomes["accuracy"].passes == {}


def test_nothing_is_computed_that_nobody_asks_for(trained, problem):
    model = Counted(trained)
    sr.evaluate(model, problem(20), [evaluator_of("idle")])
    assert model.counts == {}
    sr.evaluate(model, problem(20), ["accuracy"])
    assert model.counts == {"forward": 20}


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


# -- one evaluator's failure is its own -------------------------------------------------------------------


def explode(*_: object) -> None:
    raise ZeroDivisionError("on\npurpose")


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
def test_an_evaluator_that_raises_is_failed_and_the_others_go_on(make_network, problem, stage):
    bad = evaluator_of("bad", **{stage: explode})
    run = sr.evaluate(
        make_network("conv"), problem(20), [bad, Accuracy(), evaluator_of("good")], batch_size=8
    )
    assert run.outcomes["bad"].status == "failed"
    assert run.outcomes["bad"].reason == "ZeroDivisionError: on purpose"
    assert run.outcomes["bad"].scores == ()
    assert run.outcomes["accuracy"].status == "ok"
    assert value(run.outcomes["good"], "examples") == 20


def test_a_failed_evaluator_is_asked_no_more(make_network, problem):
    calls = []

    def once(batch: Batch) -> None:
        calls.append(len(batch))
        explode()

    sr.evaluate(make_network("conv"), problem(20), [evaluator_of("bad", update=once)], batch_size=8)
    assert calls == [8]


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
def test_skipping_carries_the_reason(make_network, problem, stage):
    def skip(*_: object) -> None:
        raise Skip("needs colour images")

    outcome = evaluator_of("colour", **{stage: skip})(make_network("conv"), problem(8))
    assert (outcome.status, outcome.reason) == ("skipped", "needs colour images")


def test_a_result_that_is_no_outcome_of_this_evaluator_is_a_failure(make_network, problem):
    other = Outcome(evaluator="accuracy", status="ok")
    for result in (None, 0.9, other):
        outcome = evaluator_of("odd", finish=lambda context, r=result: r)(make_network("conv"), problem(8))
        assert outcome.status == "failed"
        assert "finish() of 'odd' must return its Outcome" in outcome.reason


def test_a_score_that_was_not_declared_is_a_failure(make_network, problem):
    odd = evaluator_of("odd", finish=lambda context: odd.outcome(scores=(odd.score("beauty", 1.0),)))
    outcome = odd(make_network("conv"), problem(8))
    assert "evaluator 'odd' does not declare score 'beauty'; it declares examples" in outcome.reason


def test_an_evaluator_without_a_source_does_not_take_the_others_down(make_network, problem):
    nameless = evaluator_of("nameless")
    del type(nameless).source
    run = sr.evaluate(make_network("conv"), problem(8), [nameless, Accuracy()])
    assert run.outcomes["accuracy"].status == "ok"


def test_two_evaluators_of_one_name_are_refused(make_network, problem):
    with pytest.raises(ConfigError, match="each evaluator can be used once"):
        sr.evaluate(make_network("conv"), problem(8), [Accuracy(), Accuracy(bins=3)])


# -- a misbehaving evaluator leaves no trace --------------------------------------------------------------


def with_mode(model: nn.Module) -> None:
    model.train()
    model(torch.rand(8, 1, 8, 8))  # moves the BatchNorm statistics


def with_data(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.data.mul_(-2)


def with_copy(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)


def with_buffers(model: nn.Module) -> None:
    for buffer in model.buffers():
        buffer.data.fill_(9)


def with_gradients(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.requires_grad_(True)
        parameter.grad = torch.ones_like(parameter)


def with_random_state(model: nn.Module) -> None:
    torch.manual_seed(12)
    np.random.seed(12)
    random.seed(12)


MISDEEDS = [with_mode, with_data, with_copy, with_buffers, with_gradients, with_random_state]


def state_of(model: nn.Module) -> tuple[object, ...]:
    return (
        sha256_of(model.state_dict()),
        [m.training for m in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        [np.asarray(part).tolist() for part in np.random.get_state()],
    )


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_a_misbehaving_evaluator_changes_nobody_elses_numbers_and_leaves_no_trace(
    trained, problem, misdeed, stage
):
    data = problem(30)
    trained.body[4].eval()  # modes are mixed
    before = state_of(trained)
    clean = sr.evaluate(trained, data, [Accuracy(), FGSM()], batch_size=12)

    def act(given: Batch | Context) -> Outcome:
        misdeed(given.model if isinstance(given, Batch) else given.subject.model)
        return bad.outcome()

    bad = evaluator_of("bad", **{stage: act})
    dirty = sr.evaluate(trained, data, [bad, Accuracy(), FGSM()], batch_size=12)
    assert state_of(trained) == before
    for name in ("accuracy", "fgsm"):
        assert dirty.outcomes[name].scores == clean.outcomes[name].scores
        assert dirty.outcomes[name].status == "ok"


@pytest.mark.parametrize("name", ["images", "labels", "logits", "loss_gradient"])
def test_what_an_evaluator_writes_into_the_batch_does_not_reach_the_others(trained, problem, name):
    """Images, labels and shared results are everybody's: a write is undone or refused."""
    data = problem(30)
    originals = data[0].clone(), data[1].clone()
    clean = sr.evaluate(trained, data, [Accuracy(), FGSM()])
    bad = evaluator_of("bad", update=lambda batch: getattr(batch, name).zero_())
    dirty = sr.evaluate(trained, data, [bad, Accuracy(), FGSM()])
    for other in ("accuracy", "fgsm"):
        assert dirty.outcomes[other].scores == clean.outcomes[other].scores, other
    assert torch.equal(data[0], originals[0])
    assert torch.equal(data[1], originals[1])


def test_the_random_stream_of_the_data_is_not_rewound_between_batches(trained):
    """Data that draws (augmentation, shuffling) must not get the same draws in every batch."""

    class Drawn(Dataset):
        def __len__(self) -> int:
            return 12

        def __getitem__(self, index: int) -> tuple[Tensor, int]:
            return torch.rand(1, 8, 8), 0

    seen: list[Tensor] = []
    sr.evaluate(
        trained,
        Drawn(),
        [evaluator_of("watching", update=lambda b: seen.append(b.images.clone()))],
        batch_size=4,
    )
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


@pytest.mark.parametrize("limit", [None, 9])
@pytest.mark.parametrize("shuffle", [False, True])
def test_evaluating_a_loader_leaves_the_global_random_states_alone(trained, problem, shuffle, limit):
    before = state_of(trained)
    loader = DataLoader(TensorDataset(*problem(20)), batch_size=8, shuffle=shuffle)
    sr.evaluate(trained, loader, ["accuracy", "fgsm"], limit=limit)
    assert state_of(trained) == before


# -- the base class has the last word ---------------------------------------------------------------------


def moved(by: float, eps: float = 0.1) -> Callable[[Batch], Iterator[tuple[float, Tensor]]]:
    return lambda batch: iter([(eps, batch.images + by)])


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
    assert re.search(text, outcome.reason), outcome.reason
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


def test_budgets_may_come_in_any_order():
    images, labels = grey([0.38, 0.45], [0, 0])
    backwards = lambda b: iter([(0.2, b.images + 0.2), (0.1, b.images + 0.1)])  # noqa: E731
    outcome = attack_of(backwards, eps=(0.1, 0.2))(Threshold(), (images, labels))
    assert [value(outcome, "robust_accuracy", at=e) for e in (0.1, 0.2)] == [0.5, 0.0]


def test_no_correct_example_is_no_success_rate_and_says_why():
    outcome = FGSM(eps=(0.1,))(Threshold(), grey([0.4, 0.3], [1, 1]))
    assert value(outcome, "robust_accuracy") == 0
    for name in ("attack_success_rate", "margin_attack_success_rate"):
        score = outcome.score(name)
        assert (score.value, score.n, score.reason) == (None, 0, "no example was classified correctly")


# -- minimum-norm attacks ---------------------------------------------------------------------------------


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
    assert outcome.verdict == "found 4 of 4"


def test_claimed_images_that_are_not_adversarial_count_as_not_found():
    def claim(batch: Batch) -> tuple[Tensor, Tensor]:
        return batch.images, torch.ones(len(batch), dtype=torch.bool)

    outcome = minimum_of(claim)(Threshold(), grey([0.4, 0.6], [0, 1]))
    assert outcome.per_example["distance"].tolist() == [math.inf, math.inf]
    assert outcome.verdict == "not found: 2 of 2"
    assert outcome.score("median_l2").value is None
    assert outcome.score("median_l2").reason == "not found: 2 of 2"
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
    assert re.search(text, outcome.reason), outcome.reason


# -- metamorphic ------------------------------------------------------------------------------------------


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


class Saturated(Threshold):
    """Class 0 with a constant lead where the mean is below 1/2, class 1 above; no gradient anywhere."""

    def forward(self, images: Tensor) -> Tensor:
        mean = images.flatten(1).mean(1)
        step = (mean > 0.5).float() * 10 - 5 + 0 * mean
        return torch.stack([-step, step], dim=1)


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
    assert "no gradient reaches any image" in failed.reason


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


# -- unusual models and data ------------------------------------------------------------------------------


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.tensor([0.0, 3.0, 0.0, 0.0]).expand(len(images), 4) + 0 * images.sum()


class WithWeights(nn.Module):
    """Gives a function something prunable, so that it is a subject."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.unused = function, nn.Linear(2, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


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
    run = sr.evaluate(model, (images, torch.zeros_like(labels)), [Accuracy(), FGSM()])
    assert run.outcomes["accuracy"].status == "failed"
    assert run.outcomes["fgsm"].status == "failed"


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
    run = sr.evaluate(WithWeights(output), problem(8), [Accuracy(), FGSM()])
    for outcome in run.outcomes.values():
        assert outcome.status == "failed"
        assert re.search(text, outcome.reason)


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


def test_a_model_with_weights_that_are_not_finite_is_refused(trained, problem):
    with torch.no_grad():
        trained.body[0].weight[0] = math.nan
    with pytest.raises(ModelError, match="body.0.weight has 9 entries that are NaN or infinite"):
        sr.evaluate(trained, problem(8), ["accuracy"])


def test_a_repr_makes_an_equal_evaluator():
    evaluator = FGSM(eps=(0.1, 0.2), margin=False)
    assert repr(evaluator) == "FGSM(eps=(0.1, 0.2), backend='native', margin=False)"
    assert eval(repr(evaluator)).settings() == evaluator.settings()


def test_measure_counts_every_example_once(trained, problem):
    measured = measure(trained, problem(30), [evaluator_of("n")], batch_size=7)
    assert measured.n == 30
    assert measured.class_counts == Counter({0: 8, 1: 8, 2: 7, 3: 7})
    assert value(measured.outcomes["n"], "examples") == 30


# -- whoever comes first ----------------------------------------------------------------------------------


def test_an_evaluator_that_changes_the_model_before_the_shared_pass_does_not_poison_it(trained, problem):
    data = problem(30)
    clean = sr.evaluate(trained, data, [Accuracy()])

    def noisy(batch: Batch) -> None:
        with torch.no_grad():
            for parameter in batch.model.parameters():
                parameter.add_(torch.randn_like(parameter))
        assert len(batch.logits) == len(batch)

    dirty = sr.evaluate(trained, data, [evaluator_of("noisy", update=noisy), Accuracy()])
    assert dirty.outcomes["accuracy"].scores == clean.outcomes["accuracy"].scores


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


def test_a_buffer_that_was_replaced_is_put_back(trained, problem):
    before = state_of(trained)

    def replace(batch: Batch) -> None:
        batch.model.body[1].running_mean = torch.full((4,), 9.0)

    sr.evaluate(trained, problem(20), [evaluator_of("replacing", update=replace), Accuracy()])
    assert state_of(trained) == before


def test_evaluating_leaves_even_the_sign_of_a_zero_alone(trained, problem):
    with torch.no_grad():
        trained.body[0].weight[0] = -0.0
    sr.evaluate(trained, problem(8), ["accuracy", "storage"])
    assert bool(torch.signbit(trained.body[0].weight[0]).all())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_network_is_scored_in_its_own_precision(trained, problem, dtype):
    images, labels = problem(20)
    run = sr.evaluate(trained.to(dtype), (images.double(), labels), ["accuracy", "fgsm", "saliency"])
    assert {o.status for o in run.outcomes.values()} == {"ok"}


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
    assert outcome.reason == (
        "ShapeError: labels must be whole numbers from 0 to 3, as many as the model has logits, got 12"
    )
