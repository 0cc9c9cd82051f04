"""Schedules against values worked out by hand, and what holds for all of them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.errors import ConfigError
from sparserobust.sparsity.allocation import kept_count
from sparserobust.sparsity.schedule import SCHEDULES, exponential, halving, linear, one_shot


def test_exponential_prunes_the_same_fraction_at_each_event():
    """10,000 weights to 1 % in 4: densities 0.01^(1/4) = 0.3162, 0.1, 0.03162, 0.01."""
    assert exponential(10_000, 100, 4) == [3_162, 1_000, 316, 100]


def test_linear_prunes_the_same_number_at_each_event():
    """10,000 weights to 1 % in 4: 2,475 fall each time."""
    assert linear(10_000, 100, 4) == [7_525, 5_050, 2_575, 100]


def test_halving_halves_the_distance_to_the_target_in_seven_events():
    """papers.md, C5: kappa - (kappa - 1/2) / 2^i for i = 0 ... 5, then kappa. At kappa = 0.9 the densities are
    0.1 + 0.4 x (1, 1/2, 1/4, 1/8, 1/16, 1/32), then 0.1; "halving the remainder" would be 0.5, 0.25, 0.125."""
    assert halving(32_000, 3_200, 5) == [16_000, 9_600, 6_400, 4_800, 4_000, 3_600, 3_200]


def test_halving_with_another_number_of_steps_has_two_events_more():
    assert halving(1_000, 100, 1) == [500, 300, 100]
    assert halving(1_000, 100, 2) == [500, 300, 200, 100]


@pytest.mark.parametrize("kept", [501, 700, 999, 1_000])
def test_halving_below_one_half_never_prunes_more_than_is_asked_for(kept):
    """The authors' code would prune half at once and stop below the target."""
    assert halving(1_000, kept, 5) == [kept] * 7


def test_one_shot_is_one_event_whatever_the_steps():
    assert one_shot(1_000, 10, 60) == [10]


def test_the_defaults_of_the_papers():
    """SynFlow: 100 events; FORCE: 60; SNIP-it: five steps, which are seven events."""
    n, k = 10_000, 100
    assert len(build_method("synflow", {}).events(n, k)) == 100
    for name in ("force", "iter-snip"):
        assert build_method(name, {}).events(n, k) == exponential(n, k, 60)
    assert build_method("snip-it", {}).events(n, k) == halving(n, k, 5)
    assert len(build_method("snip-it", {}).events(n, k)) == 7
    for name in ("snip", "grasp", "random", "magnitude", "freezenet", "dctps"):
        assert build_method(name, {}).events(n, k) == [k]


@pytest.mark.parametrize("name", list(SCHEDULES))
@given(
    prunable=st.one_of(st.integers(1, 200), st.integers(10**5, 10**9)),
    share=st.floats(0, 1),
    steps=st.one_of(st.integers(1, 8), st.integers(90, 130)),
)
def test_counts_never_rise_stay_within_bounds_and_end_at_exactly_k(name, prunable, share, steps):
    k = max(1, math.floor(share * prunable))
    counts = SCHEDULES[name](prunable, k, steps)
    assert len(counts) == {"one-shot": 1, "halving": steps + 2}.get(name, steps)
    assert all(isinstance(count, int) for count in counts)
    assert all(earlier >= later for earlier, later in pairwise(counts))
    assert counts[0] <= prunable
    assert counts[-1] == k


@given(share=st.floats(0.001, 0.999), steps=st.integers(2, 60))
def test_events_follow_their_formula_to_half_a_weight(share, steps):
    n = 10**6
    k = math.floor(share * n)
    for t, (expo, line) in enumerate(
        zip(exponential(n, k, steps), linear(n, k, steps), strict=True), start=1
    ):
        assert abs(expo - math.exp(math.log(n) + t / steps * math.log(k / n))) <= 0.5 + 1e-6
        assert abs(line - (n + (k - n) * t / steps)) <= 0.5 + 1e-6
    density = k / n
    if density < 0.5:
        gaps = [count / n - density for count in halving(n, k, steps)]
        assert gaps[0] == pytest.approx(0.5 - density, abs=1e-6)
        for earlier, later in pairwise(gaps[:-1]):
            assert later == pytest.approx(earlier / 2, abs=1e-6)


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.51, 0.7])
@pytest.mark.parametrize("seed", [0, 1])
def test_snip_it_reaches_low_sparsities_exactly_on_real_images(sparsity, seed):
    """Digits have pixels that are always zero and other images at every event: some kept weights lose their score."""
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("conv2", data, seed=seed), "snip-it", sparsity, data, seed=seed)
    assert subject.kept == kept_count(subject.prunable, sparsity)


@pytest.mark.parametrize("method", ["snip-it", "iter-snip", "force", "synflow"])
@pytest.mark.parametrize(
    ("params", "text"),
    [
        (
            {"schedule": "exponentail"},
            "schedule of .* must be one of one-shot, exponential, linear, halving, got "
            "'exponentail'; did you mean 'exponential'",
        ),
        ({"steps": 0}, "steps of .* must be a whole number, at least 1, got 0"),
        ({"steps": 2.5}, "steps of .* must be a whole number, at least 1, got 2.5"),
        ({"steps": "5"}, "steps of .* must be a whole number, at least 1, got '5'"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(network, problem, method, params, text):
    with pytest.raises(ConfigError, match=text):
        sr.sparsify(network, method, 0.5, problem(8), **params)
