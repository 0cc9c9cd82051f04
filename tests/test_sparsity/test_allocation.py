"""How many weights in all and per layer: exact, against hand numbers and an independent ERK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparserobust.errors import ConfigError
from sparserobust.sparsity.allocation import ALLOCATIONS, allocate, kept_count

EXACT = [name for name in ALLOCATIONS if not name.endswith("-published")]
"""Those that lose nothing; the published ones have tests of their own."""

LENET = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "fc1": (500, 800), "fc2": (10, 500)}
SHAPES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3),
    st.lists(st.integers(1, 40), min_size=2, max_size=4).map(tuple),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("prunable", "sparsity", "kept"),
    [
        (430_500, 0.9, 43_050),
        (430_500, 0.99, 4_305),
        (430_500, 0.995, 2_152),
        (430_500, 0.999, 430),
        (430_500, 0.7, 129_150),
        (430_500, 0.0, 430_500),
        (10, 0.7, 3),
        (1_000_000, 0.1, 900_000),
        (100, 0.94, 6),
        (3, 0.999, 1),
        (10, 0.1 + 0.2, 6),  # 0.30000000000000004 is what was written
        (10**9, 1e-9, 10**9 - 1),
    ],
)
def test_the_kept_count_is_exact_in_decimal(prunable, sparsity, kept):
    assert kept_count(prunable, sparsity) == kept


@given(prunable=st.integers(1, 10**9), digits=st.integers(1, 9), share=st.floats(0, 1, exclude_max=True))
def test_a_sparsity_written_with_few_decimals_never_loses_a_weight(prunable, digits, share):
    whole = 10**digits
    part = math.floor(share * whole)
    assert kept_count(prunable, float(f"{part / whole:.{digits}f}")) == max(
        1, prunable * (whole - part) // whole
    )


@pytest.mark.parametrize(
    ("sparsity", "text"),
    [
        (90, r"sparsity must be in \[0, 1\), got 90; did you mean 0.9\?"),
        (99.5, r"got 99.5; did you mean 0.995\?"),
        (1, r"sparsity must be in \[0, 1\), got 1$"),
        (1.0, r"sparsity must be in \[0, 1\), got 1$"),
        (-0.1, r"got -0.1$"),
        (math.nan, r"got nan$"),
        (math.inf, r"got inf$"),
        ("0.9", r"sparsity must be a number in \[0, 1\), got '0.9'"),
        (True, r"got True"),
        (None, r"got None"),
    ],
)
def test_an_impossible_sparsity_is_refused_with_a_hint(sparsity, text):
    with pytest.raises(ConfigError, match=text):
        kept_count(100, sparsity)


def test_numpy_numbers_are_numbers():
    assert kept_count(430_500, np.float64(0.9)) == 43_050


@pytest.mark.parametrize("name", EXACT)
@given(shapes=SHAPES, share=st.floats(0, 1))
def test_counts_add_up_to_exactly_k_and_fit_their_layers(name, shapes, share):
    room = {layer: math.prod(shape) for layer, shape in shapes.items()}
    k = max(1, math.floor(share * sum(room.values())))
    counts = allocate(name, shapes, k)
    assert list(counts) == list(shapes)
    assert sum(counts.values()) == k
    assert all(0 <= counts[layer] <= room[layer] for layer in shapes)


@pytest.mark.parametrize("name", EXACT)
@settings(max_examples=25)
@given(shapes=SHAPES, share=st.floats(0, 1))
def test_a_larger_budget_never_costs_a_layer_more_than_the_rounding(name, shapes, share):
    total = sum(math.prod(shape) for shape in shapes.values())
    k = max(1, math.floor(share * total))
    if k < total:
        smaller, larger = allocate(name, shapes, k), allocate(name, shapes, k + 1)
        assert all(larger[layer] >= smaller[layer] - 1 for layer in shapes)


def test_the_exact_allocations_are_these_four():
    assert EXACT == ["uniform", "erk", "epl", "epf"]


def test_global_leaves_the_count_to_the_scores():
    assert allocate("global", LENET, 100) is None


def test_uniform_gives_every_layer_the_same_density():
    assert allocate("uniform", LENET, 43_050) == {"conv1": 50, "conv2": 2_500, "fc1": 40_000, "fc2": 500}


def test_uniform_gives_what_is_left_over_to_the_largest_remainders():
    """7 of 3 layers with 10, 10 and 5: exactly 2.8, 2.8, 1.4."""
    assert allocate("uniform", {"a": (2, 5), "b": (5, 2), "c": (1, 5)}, 7) == {"a": 3, "b": 3, "c": 1}


def test_epl_gives_every_layer_the_same_number_and_loses_nothing():
    """4 x 1,000; conv1 takes only 500, the other three share what is left: 3,500 / 3."""
    counts = allocate("epl", LENET, 4_000)
    assert counts["conv1"] == 500
    assert sorted(counts.values()) == [500, 1166, 1167, 1167]


def test_epf_shares_by_filters():
    """Filters 20, 50, 500, 10 of 580."""
    assert allocate("epf", LENET, 580) == {"conv1": 20, "conv2": 50, "fc1": 500, "fc2": 10}


def test_epf_gives_the_overflow_of_a_full_layer_to_the_others():
    """a holds 4 of its 10 / 2; the other keeps the rest."""
    assert allocate("epf", {"a": (4, 1), "b": (4, 100)}, 20) == {"a": 4, "b": 16}


def test_erk_matches_hand_numbers():
    """Shares sum(dims): 31, 80, 1300, 510 of 1,921; at k = 1,921 no layer is full."""
    assert allocate("erk", LENET, 1_921) == {"conv1": 31, "conv2": 80, "fc1": 1_300, "fc2": 510}


@pytest.mark.parametrize(
    ("k", "counts"),
    [
        (39, {"a": 2, "b": 6, "c": 31}),  # factor 1 gives a 3 of its 2 places; then 37 / 36: 6.2 and 30.8
        (56, {"a": 2, "b": 9, "c": 45}),  # 54 / 36 = 1.5: b is just full
        (58, {"a": 2, "b": 9, "c": 47}),  # 58 / 39 leaves room in b (8.9 of 9), 56 / 36 does not
    ],
)
def test_erk_makes_a_saturated_layer_dense_and_solves_the_factor_again(k, counts):
    """Sums of dimensions 3, 6 and 30, places 2, 9 and 200."""
    assert allocate("erk", {"a": (1, 2), "b": (3, 3), "c": (20, 10)}, k) == counts


def independent_erk(shapes: dict[str, tuple[int, ...]], density: float) -> dict[str, float]:
    """Densities as google-research/rigl solves them: eps again without the layers that became dense."""
    dense: set[str] = set()
    while True:
        divisor = right = 0.0
        raw = {}
        for name, shape in shapes.items():
            size = math.prod(shape)
            if name in dense:
                right -= size * (1 - density)
            else:
                raw[name] = sum(shape) / size
                right += density * size
                divisor += raw[name] * size
        eps = right / divisor
        over = max(raw, key=raw.get)
        if raw[over] * eps > 1:
            dense |= {name for name, value in raw.items() if value == raw[over]}
            continue
        return {name: 1.0 if name in dense else eps * raw[name] for name in shapes}


@pytest.mark.parametrize("density", [0.001, 0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize(
    "shapes",
    [
        LENET,
        {
            "stem": (16, 3, 3, 3),
            "pw": (64, 16, 1, 1),
            "dw": (64, 1, 3, 3),
            "conv": (128, 64, 3, 3),
            "fc": (10, 128),
        },
    ],
    ids=["lenet", "mixed"],
)
def test_erk_matches_the_iterative_solution_of_the_authors(shapes, density):
    total = sum(math.prod(shape) for shape in shapes.values())
    k = math.floor(density * total)
    expected = independent_erk(shapes, k / total)
    counts = allocate("erk", shapes, k)
    for name, shape in shapes.items():
        assert abs(counts[name] - expected[name] * math.prod(shape)) < 1 + 1e-6, name


def test_an_unknown_allocation_is_refused_with_a_hint():
    with pytest.raises(
        ConfigError,
        match="allocation must be one of global, uniform, erk, epl, epf, erk-published, epl-published, "
        "epf-published, got 'erkk'; did you mean 'erk'",
    ):
        allocate("erkk", LENET, 10)
