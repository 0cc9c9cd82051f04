"""STARFIRE's schedule step by step, and what it refuses."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import torch

import sparserobust as sr
from sparserobust.errors import ConfigError
from sparserobust.methods.starfire_era import StarfireEra, final_threshold
from sparserobust.weights.plan import sha256_of

NAMES = ["starfire-window", "starfire-ck", "starfire-intra", "starfire-inter"]
EPOCHS, STEPS = 8, 4


def kept_by_step(trained, name, layer, **params):
    """How many weights a layer keeps after each step."""
    counts = []
    trained(
        name,
        watch=lambda training: counts.append(int(training.masks[layer].sum())),
        **params,
    )
    assert len(counts) == EPOCHS * STEPS
    return counts


def test_the_threshold_is_zero_through_the_first_epoch_of_an_era_and_final_when_the_last_begins(trained):
    """Era 2 to 6 of 8: nothing in epochs 0 to 2, then .2, .4, .6 of the kernels, .8 from the first mask of epoch 6."""
    counts = kept_by_step(trained, "starfire-ck", "second.weight", era=(2, 6))
    dense, per_kernel = 540, 6 * 9
    expected = [dense] * 12 + [8 * per_kernel] * 4 + [6 * per_kernel] * 4 + [4 * per_kernel] * 3
    assert counts == expected + [2 * per_kernel] * 9


@pytest.mark.parametrize(("cap", "on_the_way"), [("at-end", [7, 6, 4]), ("from-start", [2, 2, 2])])
def test_at_most_two_weights_of_a_window_stay_at_the_end_or_from_the_start(trained, cap, on_the_way):
    """Era 2 to 6 up to .6: by the threshold alone windows of nine lose 2, 3 and 5 (1.35, 2.7 and 4.05), then 6."""
    counts = kept_by_step(trained, "starfire-window", "second.weight", sparsity=0.6, era=(2, 6), cap=cap)
    one, two, three = on_the_way
    assert counts == [60 * n for n in [9] * 12 + [one] * 4 + [two] * 4 + [three] * 3 + [2] * 9]
    counts = kept_by_step(
        trained, "starfire-window", "second.weight", sparsity=0.6, era=(2, 6), cap=cap, max_non_zero=9
    )
    assert counts == [60 * n for n in [9] * 12 + [7] * 4 + [6] * 4 + [4] * 3 + [3] * 9]


def test_inter_takes_kernels_first_and_windows_after(trained):
    patterns = []

    def look(training):
        mask = training.masks["second.weight"].flatten(2)
        patterns.append((int(mask.any(dim=2).sum()), sorted(set(mask.sum(dim=2).flatten().tolist()) - {0})))

    trained("starfire-inter", era=(2, 6), watch=look)
    # of ten kernels 3.5, then 7 go in the first half of the era; of nine weights 1.8, then 3.6 in the second
    assert patterns[::STEPS] == [(60, [9])] * 3 + [(42, [9]), (18, [9]), (18, [8]), (18, [6]), (18, [6])]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_gone_never_comes_back(trained, name):
    masks = []

    def look(training):
        masks.append({key: mask.clone() for key, mask in training.masks.items()})
        for key, value in training.values.items():
            assert not bool(value[~training.masks[key]].any())

    trained(name, era=(1, 7), watch=look)
    losses = 0
    for before, after in itertools.pairwise(masks):
        assert not any(bool((after[key] & ~before[key]).any()) for key in after)
        losses += any(not torch.equal(after[key], before[key]) for key in after)
    assert losses == 6, "once an epoch from epoch 2 on, and at the end of the era"


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_computed_after_every_step_is_the_same_bit_for_bit(trained, monkeypatch, name):
    once = trained(name, era=(1, 7), fc="block")
    original, calls = StarfireEra._prune, []

    def always(self, progress):
        self.progress = Fraction(-1)
        calls.append(progress)
        original(self, progress)

    monkeypatch.setattr(StarfireEra, "_prune", always)
    every = trained(name, era=(1, 7), fc="block")
    assert len(calls) == (EPOCHS - 2) * STEPS + 1
    assert sha256_of(every.effective_weights()) == sha256_of(once.effective_weights())


@pytest.mark.parametrize("name", NAMES)
def test_sparsity_zero_stays_dense(trained, name):
    subject = trained(name, 0.0, **{"cap": "from-start"} if name == "starfire-window" else {})
    assert subject.kept == subject.prunable
    assert subject.history.chosen_because == "last-without-validation"


@pytest.mark.parametrize("sparsity", [0.2, 1 / 3, 0.5, 0.8, 0.875, 0.99])
@pytest.mark.parametrize("prunable", [10_007, 430_500, 23_454_912])
def test_the_final_threshold_asks_for_exactly_that_many_weights(prunable, sparsity):
    k = math.floor((1 - Fraction(repr(sparsity))) * prunable)
    threshold = final_threshold(prunable, k)
    assert math.floor((1 - threshold) * prunable) == k
    assert threshold == Fraction(sparsity).limit_denominator(100)
    assert final_threshold(prunable, prunable) == 0


@pytest.mark.parametrize(
    ("name", "params", "text"),
    [
        ("starfire-ck", {"fc": "row"}, "fc of starfire-ck must be one of block, fine, none, got 'row'"),
        ("starfire-ck", {"block": 5}, r"block of starfire-ck must be a whole number in \[1, 4\], got 5"),
        ("starfire-ck", {"block": 2.5}, r"block of starfire-ck must be a whole number in \[1, 4\], got 2.5"),
        ("starfire-ck", {"locale": "filter"}, "locale of starfire-ck must be one of input, output, layer"),
        ("starfire-ck", {"allocation": "erk"}, "starfire-ck has no parameter 'allocation'"),
        ("starfire-ck", {"era": (5, 2)}, "must be two epochs, the second after the first"),
        ("starfire-ck", {"era": 30}, "era of starfire-ck must be a list of 2 numbers, or None, got 30"),
        ("starfire-ck", {"cap": "at-end"}, "starfire-ck has no parameter 'cap'"),
        ("starfire-window", {"cap": "never"}, "cap of starfire-window must be one of at-end, from-start"),
        (
            "starfire-window",
            {"max_non_zero": 0},
            r"max_non_zero of starfire-window must be a whole number in \[1, 9\]",
        ),
        ("starfire-intra", {"split": 50}, r"split of starfire-intra must be a number in \[0, 1\], got 50"),
        (
            "starfire-inter",
            {"switch": 1.0},
            r"switch of starfire-inter must be a number in \(0, 1\), got 1.0",
        ),
    ],
)
def test_parameters_that_cannot_be_are_refused(plain, name, params, text):
    with pytest.raises(ConfigError, match=text):
        sr.sparsify(plain(), name, 0.5, **params)


def test_an_era_beyond_the_training_is_refused(trained):
    with pytest.raises(ConfigError, match="within the 8 epochs, got 4 to 9"):
        trained("starfire-ck", era=(4, 9))
