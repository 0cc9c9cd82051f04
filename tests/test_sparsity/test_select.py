"""Exactly k, ties by a seeded draw, degenerate scores refused by name."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.sparsity.select import rescue_empty_layers, select, topk_mask

VALUES = st.sampled_from([0.0, -0.0, 1.0, 1.0, 1.0, 2.0, -3.0, 1e-30, math.inf, -math.inf, math.nan])


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def usable(values: list[float]) -> list[float]:
    return [v for v in values if math.isfinite(v) and v != 0]


@given(values=st.lists(VALUES, min_size=1, max_size=40), share=st.floats(0, 1), seed=st.integers(0, 5))
def test_exactly_the_k_largest_finite_scores_are_kept(values, share, seed):
    k = math.floor(share * len(values))
    scores = torch.tensor(values)
    good = usable(scores.tolist())
    if len(good) < k < len(values):
        with pytest.raises(
            DegenerateScores, match=f"only {len(good)} of {len(values)} scores are finite and non-zero"
        ):
            topk_mask(scores, k, generator=stream(seed))
        return
    mask = topk_mask(scores, k, generator=stream(seed))
    assert int(mask.sum()) == k
    if k < len(values):
        assert sorted(scores[mask].tolist()) == sorted(good)[len(good) - k :]


@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 100))
def test_the_mask_has_the_shape_of_the_scores(shape, seed):
    scores = torch.rand(shape, generator=stream(seed)) + 0.1
    mask = topk_mask(scores, scores.numel() // 2, generator=stream())
    assert mask.shape == scores.shape
    assert mask.dtype == torch.bool
    assert int(mask.sum()) == scores.numel() // 2


def test_ties_are_drawn_uniformly():
    """1,200 draws of 3 out of 12 that tie below one clear winner: chi-square, 11 degrees of freedom, p > 0.001."""
    scores = torch.ones(13)
    scores[5] = 2.0
    hits = torch.zeros(13)
    for seed in range(1200):
        hits += topk_mask(scores, 4, generator=stream(seed))
    assert hits[5] == 1200
    tied = torch.cat([hits[:5], hits[6:]])
    # each place: binomial(1200, 1/4), pairs negatively correlated: statistic / (1 - 3/12) has 11 degrees of freedom
    statistic = float(((tied - 300) ** 2 / 300).sum()) / 0.75 * (11 / 12)
    assert statistic < 31.26


def test_the_same_seed_draws_the_same_ties_and_another_seed_others():
    scores = torch.ones(1000)
    assert torch.equal(
        topk_mask(scores, 100, generator=stream(3)), topk_mask(scores, 100, generator=stream(3))
    )
    assert not torch.equal(
        topk_mask(scores, 100, generator=stream(3)), topk_mask(scores, 100, generator=stream(4))
    )


def test_without_ties_the_seed_does_not_matter():
    scores = torch.rand(1000, generator=stream(7))
    assert torch.equal(
        topk_mask(scores, 100, generator=stream(3)), topk_mask(scores, 100, generator=stream(4))
    )


def test_scores_that_differ_in_float64_only_are_told_apart():
    scores = torch.tensor([1.0, 1.0 + 1e-12, 1.0 + 2e-12, 1.0], dtype=torch.float64)
    assert topk_mask(scores, 2, generator=stream()).tolist() == [False, True, True, False]


@pytest.mark.parametrize("k", [-1, 5])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ConfigError, match=rf"k must be in \[0, 4\], got {k}"):
        topk_mask(torch.ones(4), k, generator=stream())


def test_a_full_mask_asks_nothing_of_the_scores():
    assert topk_mask(torch.zeros(4), 4, generator=stream()).all()
    assert not topk_mask(torch.zeros(4), 0, generator=stream()).any()


def test_a_global_choice_ranks_over_all_layers():
    scores = {"a": torch.tensor([[5.0, 1.0], [4.0, 0.5]]), "b": torch.tensor([3.0, 2.0, 6.0])}
    masks = select(scores, 4, counts=None, generator=stream())
    assert masks["a"].tolist() == [[True, False], [True, False]]
    assert masks["b"].tolist() == [True, False, True]


def test_a_choice_per_layer_keeps_what_the_allocation_says():
    scores = {"a": torch.tensor([[5.0, 1.0], [4.0, 0.5]]), "b": torch.tensor([3.0, 2.0, 6.0])}
    masks = select(scores, 4, counts={"a": 1, "b": 3}, generator=stream())
    assert masks["a"].tolist() == [[True, False], [False, False]]
    assert masks["b"].tolist() == [True, True, True]


def test_degenerate_scores_name_the_layers_without_any():
    scores = {"a": torch.zeros(3), "b": torch.tensor([1.0, 2.0]), "c": torch.full((4,), torch.nan)}
    with pytest.raises(
        DegenerateScores, match="only 2 of 9 .* 3 weights are to be kept.* no usable score at all in a, c"
    ) as caught:
        select(scores, 3, counts=None, generator=stream())
    assert caught.value.layers == ("a", "c")


def test_degenerate_scores_under_an_allocation_name_the_layer():
    scores = {"good": torch.ones(4), "poor": torch.tensor([1.0, 0.0, 0.0, 0.0])}
    with pytest.raises(DegenerateScores, match="poor"):
        select(scores, 4, counts={"good": 2, "poor": 2}, generator=stream())


def test_one_layer_without_scores_is_a_collapse_and_not_an_error():
    masks = select({"a": torch.zeros(3), "b": torch.ones(5)}, 4, counts=None, generator=stream())
    assert int(masks["a"].sum()) == 0
    assert int(masks["b"].sum()) == 4


@given(
    sizes=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=6),
    empty=st.sets(st.integers(0, 5)),
    seed=st.integers(0, 9),
)
def test_a_rescue_adds_exactly_one_weight_to_each_empty_layer(sizes, empty, seed):
    masks = {f"l{i}": torch.full(size, i not in empty, dtype=torch.bool) for i, size in enumerate(sizes)}
    expected = {name: max(1, int(mask.sum())) for name, mask in masks.items()}
    rescued = rescue_empty_layers(masks, generator=stream(seed))
    assert rescued == {f"l{i}": 1 for i in range(len(sizes)) if i in empty}
    assert {name: int(mask.sum()) for name, mask in masks.items()} == expected


def test_a_rescue_reaches_every_place():
    places = set()
    for seed in range(200):
        masks = {"a": torch.zeros(2, 5, dtype=torch.bool)}
        rescue_empty_layers(masks, generator=stream(seed))
        places.add(int(masks["a"].flatten().nonzero()))
    assert places == set(range(10))
