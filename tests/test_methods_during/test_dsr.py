"""DSR moves what lies below one threshold to the layers that have most left, and the threshold follows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sparserobust.errors import ConfigError

A = [0.1, -0.12, 0.3, -0.4, 0.5, 0.6] + [None] * 4
B = [-0.05, 0.2, 0.3, 0.4, -0.5, 0.6] + [None] * 14
"""12 weights; a quarter of them, 3, is wanted, and from 2.7 to 3.3 will do."""


@pytest.fixture
def reallocated(make_pruner):
    """reallocated(threshold): the pruner after its first reallocation, its optimizer's momentum having been 1."""

    def run(threshold, step=2, **params):
        model = nn.ModuleDict({n: nn.Linear(len(w), 1, bias=False) for n, w in (("a", A), ("b", B))})
        params = {"every": 2, "fraction": 0.25, "until": 1.0} | params
        pruner = make_pruner(
            model, "dsr", 0.6, 1, steps_per_epoch=8, momentum=0.9, threshold=threshold, **params
        )
        training = pruner.training
        with torch.no_grad():
            for value, row in zip(training.values.values(), (A, B), strict=True):
                value.copy_(torch.tensor([[w or 0.0 for w in row]]))
        rows = zip(training.values, (A, B), strict=True)
        training.set_masks({name: torch.tensor([[w is not None for w in row]]) for name, row in rows})
        for value in training.values.values():
            training.optimizer.state[value]["momentum_buffer"] = torch.ones_like(value)
        training.step = step
        pruner.after_step()
        return pruner

    return run


def places(mask):
    return set(mask.flatten().nonzero().flatten().tolist())


@pytest.mark.parametrize(
    ("threshold", "then"),
    [
        (0.04, 0.08),  # none: too few
        (0.11, 0.22),  # 2
        (0.15, 0.15),  # 3
        (0.25, 0.125),  # 4: too many
        (0.7, 0.35),  # all 12
    ],
)
def test_the_threshold_doubles_where_too_few_go_and_halves_where_too_many_do(reallocated, threshold, then):
    pruner = reallocated(threshold)
    assert pruner.threshold == pytest.approx(then)
    assert pruner.training.kept == 12
    assert pruner.state() == {"threshold": pruner.threshold}


def test_a_wider_tolerance_leaves_the_threshold(reallocated):
    assert reallocated(0.11, tolerance=0.5).threshold == 0.11
    assert reallocated(0.25, tolerance=0.5).threshold == 0.25


@pytest.mark.parametrize(("threshold", "counts"), [(0.15, (5, 7)), (0.25, (6, 6))])
def test_what_goes_grows_in_proportion_to_what_the_layers_have_left(reallocated, threshold, counts):
    """Below 0.15 go 2 and 1, 4 and 5 are left: the three come 1.33 and 1.67, so 1 and 2.

    Below 0.25 go 2 and 2, 4 and 4 are left: 2 and 2 come, though there is room for 6 and 16.
    """
    a, b = reallocated(threshold).training.masks.values()
    assert {2, 3, 4, 5} <= places(a)
    assert {2, 3, 4, 5} <= places(b)
    assert (len(places(a)), len(places(b))) == counts


@pytest.mark.parametrize("threshold", [0.15, 0.7])
def test_every_weight_that_grows_begins_at_zero_even_one_that_has_just_gone(reallocated, threshold):
    """At 0.7 all 12 go and 12 of 30 places are drawn, of which 12 had a weight: some had."""
    pruner = reallocated(threshold)
    back = 0
    for (name, value), row in zip(pruner.training.values.items(), (A, B), strict=True):
        stays = [w is not None and abs(w) >= threshold for w in row]
        assert value[0].tolist() == pytest.approx([w if s else 0.0 for w, s in zip(row, stays, strict=True)])
        buffer = pruner.training.optimizer.state[value]["momentum_buffer"][0]
        gone = torch.tensor([w is not None for w in row]) & ~torch.tensor(stays)
        assert not buffer[gone].any()
        back += int((pruner.training.masks[name][0] & gone).sum())
    assert threshold == 0.15 or back > 0


def test_nothing_moves_between_reallocations_nor_from_the_end_on(reallocated):
    for step in (1, 3, 6, 8):
        pruner = reallocated(0.15, step=step, until=0.75)
        assert places(pruner.training.masks["a.weight"]) == {0, 1, 2, 3, 4, 5}, step
    assert places(reallocated(0.15, step=4, until=0.75).training.masks["a.weight"]) != {0, 1, 2, 3, 4, 5}


def test_the_number_in_all_stays_over_a_training_and_that_of_layers_does_not(train_bars):
    masks, thresholds = [], []

    def look(pruner, before):
        if not before:
            masks.append({name: mask.clone() for name, mask in pruner.training.masks.items()})
            thresholds.append(pruner.threshold)

    subject = train_bars("dsr", 0.8, every=2, fraction=0.1, threshold=0.001, watch=look)
    counts = [[int(mask.sum()) for mask in epoch.values()] for epoch in masks]
    assert [sum(epoch) for epoch in counts] == [486] * 8
    assert counts[0] != counts[5]
    assert thresholds[0] > 0.001
    assert thresholds[5:] == [thresholds[5]] * 3  # until three quarters, the end of epoch 6
    assert all(torch.equal(mask, masks[5][name]) for name, mask in masks[7].items())
    for name, weight in subject.effective_weights().items():
        assert not weight[~subject.weights.masks[name]].any()


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("dsr", {"every": 0}, r"every of dsr must be a whole number, at least 1, or None, got 0"),
        ("dsr", {"threshold": 0.0}, "threshold of dsr must be a number above 0, got 0.0"),
        ("dsr", {"fraction": 1.0}, r"fraction of dsr must be a number in \(0, 1\), got 1.0"),
        ("set", {"fraction": 0.0}, r"fraction of set must be a number in \(0, 1\], got 0.0"),
        ("sparse-momentum", {"rate": 0.001}, r"rate of sparse-momentum must be in \[0.005, 1\), got 0.001"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, method, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), method, 0.9, 8, **params)
