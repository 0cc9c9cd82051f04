"""Pruning in events: what comes back, what each event sees, and what happens to parts that are cut off."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.records import remark
from sparserobust.sparsity import scores
from sparserobust.sparsity.allocation import allocate, kept_count
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.uses import effective_weights, prunable

ONE = (torch.ones(1, 1, 1, 2), torch.zeros(1, dtype=torch.int64))
"""One image of two ones; with one output and raw logits the loss is minus that output."""


def two_layers(first: list[list[float]], second: list[float]) -> nn.Module:
    """y = second . (first x), linear, so that a weight's score is its share of y: all by hand."""
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(2, len(first), bias=False), nn.Linear(len(first), 1, bias=False)
    )
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor(first))
        model[2].weight.copy_(torch.tensor([second]))
    return model


def kept(subject) -> list[list[int]]:
    return [part.mask.int().tolist() for part in subject.plan.values()]


A_AND_B = two_layers([[1.0, -0.9], [2.0, 0.95]], [1.0, 1.0])
"""Unit A is (1, -0.9), so that 0.1 reaches its output weight; unit B is (2, 0.95) and passes 2.95.

Scores when dense: B's output weight 2.95, B0 2, A0 1, B1 0.95, A1 0.9, A's output weight 0.1. Of these the
first event keeps four: A loses its negative input A1 and, weakest of all, its output weight.
"""


def test_force_brings_back_a_weight_whose_input_no_longer_cancels():
    """Event 2 of 2: without A1 unit A passes 1.0 instead of 0.1, so the pruned output weight of A scores
    |1 (dense) x 1.0| = 1.0 and overtakes B1 with 0.95; A0 scores 0, for its output weight is missing."""
    subject = sr.sparsify(A_AND_B, "force", 0.5, ONE, steps=2, loss="raw-logits")
    assert kept(subject) == [[[0, 0], [1, 0]], [[1, 1]]]


def test_iter_snip_does_not():
    subject = sr.sparsify(A_AND_B, "iter-snip", 0.5, ONE, steps=2, loss="raw-logits")
    assert kept(subject) == [[[0, 0], [1, 1]], [[0, 1]]]


def test_both_keep_the_same_weights_at_the_first_event():
    for method in ("force", "iter-snip"):
        subject = sr.sparsify(A_AND_B, method, 1 / 3, ONE, schedule="one-shot", loss="raw-logits")
        assert kept(subject) == [[[1, 0], [1, 1]], [[0, 1]]]


@pytest.mark.parametrize("revive", [True, False], ids=["force", "iter-snip"])
def test_the_gradient_is_that_of_the_sparse_network_and_force_multiplies_it_by_the_dense_weight(
    network, in_double, scoring_model_at, gradients_at, draw_masks, revive
):
    """FORCE, sec. 4: |theta * dL/dw at theta * m|; without revival a pruned weight has no score."""
    model, batch = in_double(network)
    weights, mask = effective_weights(model), draw_masks(model)
    sparse = {name: weight * mask[name] for name, weight in weights.items()}
    gradients = gradients_at(model, sparse, batch, F.cross_entropy)
    ours = scores.snip(scoring_model_at(model, [batch], mask=mask, revive=revive))
    for name, score in ours.items():
        expected = ((weights if revive else sparse)[name] * gradients[name]).abs()
        torch.testing.assert_close(score, expected, atol=1e-14, rtol=1e-9)
        assert bool(score[~mask[name]].any()) == revive


@pytest.mark.parametrize("method", ["force", "iter-snip", "snip-it"])
def test_the_mask_is_that_of_a_plain_loop(network, in_double, gradients_at, method):
    """The events written out with functional calls and topk, in float64, all 48 examples at each."""
    model, batch = in_double(network, n=48)
    weights = effective_weights(model)
    total = sum(weight.numel() for weight in weights.values())
    final = kept_count(total, 0.9)
    if method == "snip-it":
        kappa = 1 - final / total
        counts = [*(round(total * (1 - kappa + (kappa - 0.5) * 0.5**i)) for i in range(6)), final]
    else:
        counts = [*(round(total * (final / total) ** (t / 12)) for t in range(1, 12)), final]
    mask = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
    for count in counts:
        sparse = {name: weight * mask[name] for name, weight in weights.items()}
        gradients = gradients_at(model, sparse, batch, F.cross_entropy)
        factor = weights if method == "force" else sparse
        score = torch.cat([(factor[name] * gradients[name]).abs().flatten() for name in weights])
        chosen = torch.zeros(total, dtype=torch.bool)
        chosen[score.topk(count).indices] = True
        parts = chosen.split([weight.numel() for weight in weights.values()])
        mask = {n: part.view(w.shape) for (n, w), part in zip(weights.items(), parts, strict=True)}
    params = {} if method == "snip-it" else {"steps": 12}
    subject = sr.sparsify(model, method, 0.9, batch, score_samples=48, **params)
    for name, part in subject.plan.items():
        assert torch.equal(part.mask, mask[name]), name


class Watched(nn.Flatten):
    """Remembers the images that pass, as rows."""

    seen: ClassVar[list[Tensor]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images.flatten(1).clone())
        return super().forward(images)


def events_of(data, method: str, seed: int = 0) -> list[set[tuple[float, ...]]]:
    """The examples of each event of a 4-event method, 40 of 400."""
    model = nn.Sequential(Watched(), nn.Linear(64, 16), nn.LeakyReLU(), nn.Linear(16, 4))
    Watched.seen.clear()
    steps = 2 if method == "snip-it" else 4
    sr.sparsify(model, method, 0.8, data, seed=seed, score_samples=40, steps=steps)
    return [
        {tuple(row) for row in images.tolist()} for images in Watched.seen[2:]
    ]  # after the trial and the trace


@pytest.mark.parametrize("method", ["snip-it", "iter-snip", "force"])
def test_each_event_sees_other_examples_and_the_same_ones_again_with_the_same_seed(problem, method):
    images, labels = problem(400)
    classes = {tuple(row): int(label) for row, label in zip(images.flatten(1).tolist(), labels, strict=True)}
    events = events_of((images, labels), method)
    assert [len(event) for event in events] == [40] * 4
    for number, event in enumerate(events):
        assert [sum(classes[row] == label for row in event) for label in range(4)] == [10] * 4
        for other in events[:number]:
            assert len(event & other) < 20, "40 of 400 twice share 4 on average"
    assert events_of((images, labels), method) == events
    assert all(a != b for a, b in zip(events, events_of((images, labels), method, seed=1), strict=True))


def test_the_first_event_sees_what_snip_sees(problem):
    data = problem(400)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LeakyReLU(), nn.Linear(16, 4))
    snip = sr.sparsify(model, "snip", 0.8, data, seed=5, score_samples=40)
    for method in ("snip-it", "iter-snip", "force"):
        one = sr.sparsify(model, method, 0.8, data, seed=5, score_samples=40, schedule="one-shot")
        assert kept(one) == kept(snip)


A_B_AND_C = two_layers([[1.0, -0.9], [2.0, 0.95], [0.99, -0.9]], [1.0, 1.0, 0.98])
"""As above with a third unit like A. The first five when dense: 2.95 and 2 (B), 1 (A0), 0.9702 (C0), 0.95 (B1)."""


@pytest.mark.parametrize(("events", "cut_off"), [(2, 1), (4, 1)])
def test_weights_that_are_cut_off_fall_after_all_others_by_the_score_they_had(events, cut_off):
    """Event 1 keeps five, A0 and C0 among them without their output weights. Event 2 keeps four, of which three
    have a score; of the two that are cut off A0 had the higher one. Later events change nothing."""
    scoring_model = ScoringModel(
        A_B_AND_C,
        prunable(A_B_AND_C),
        torch.device("cpu"),
        torch.Generator(),
        examples=lambda event: [ONE],
        loss="raw-logits",
    )
    counts = [5, *[4] * (events - 1)]
    pruned = prune(
        scoring_model, scores.snip, counts, allocation="global", revive=False, generator=torch.Generator()
    )
    assert [mask.int().tolist() for mask in pruned.masks.values()] == [
        [[1, 0], [1, 1], [0, 0]],
        [[0, 1, 0]],
    ]
    assert pruned.notes == (remark("kept-without-score", weights=cut_off),)


def test_the_record_says_how_many_kept_weights_are_cut_off():
    subject = sr.sparsify(
        A_B_AND_C, "iter-snip", 0.55, ONE, schedule="exponential", steps=3, loss="raw-logits"
    )
    assert kept(subject) == [[[1, 0], [1, 1], [0, 0]], [[0, 1, 0]]]
    assert any(warning.code == "kept-without-score" for warning in subject.record().warnings)


@pytest.mark.parametrize("method", ["snip-it", "iter-snip", "force"])
def test_inputs_that_are_always_black_do_not_refuse_an_early_gentle_event(problem, method):
    """Half of the pixels are 0, so half of the first layer has no score, and the first event of 60 prunes 4 %."""
    images, labels = problem(100)
    images[..., 4:] = 0
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.LeakyReLU(), nn.Linear(16, 4))
    subject = sr.sparsify(model, method, 0.9, (images, labels))
    assert subject.kept == kept_count(16 * 68, 0.9)
    dead = subject.plan["1.weight"].mask.view(16, 8, 8)[..., 4:]
    assert not bool(dead.any())


@pytest.mark.parametrize("method", ["snip-it", "iter-snip", "force", "synflow"])
@pytest.mark.parametrize("allocation", ["uniform", "erk", "epl", "epl-published"])
def test_an_iterative_method_ends_at_its_allocation_exactly(network, problem, method, allocation):
    subject = sr.sparsify(network, method, 0.8, problem(40), allocation=allocation, steps=4)
    shapes = {name: tuple(part.mask.shape) for name, part in subject.plan.items()}
    k = kept_count(subject.prunable, 0.8)
    assert {n: int(p.mask.sum()) for n, p in subject.plan.items()} == allocate(allocation, shapes, k)
