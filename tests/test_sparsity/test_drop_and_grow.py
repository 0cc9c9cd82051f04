"""What a mask loses and gains is what sorting says, in exactly the number asked for, ties by a seeded draw."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparserobust.errors import ConfigError
from sparserobust.sparsity.allocation import share_out
from sparserobust.sparsity.drop_and_grow import drop_smallest, grow_largest, grow_random, largest


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@st.composite
def cases(draw):
    """(scores, mask, count) with many ties and both signs; count fits the entries of the mask."""
    n = draw(st.integers(1, 30))
    scores = torch.tensor(draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n))) / 2.0
    mask = torch.tensor(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    shape = (n // 2, 2) if n % 2 == 0 else (n,)
    return scores.view(shape), mask.view(shape), draw(st.integers(0, int(mask.sum())))


def as_set(mask):
    return set(mask.flatten().nonzero().flatten().tolist())


@given(cases())
def test_the_largest_are_those_that_sorting_finds(case):
    scores, among, count = case
    chosen = largest(scores, among, count, generator=stream())
    assert chosen.shape == among.shape
    assert chosen.dtype == torch.bool
    assert as_set(chosen) <= as_set(among)
    assert int(chosen.sum()) == count
    by_hand = sorted((float(scores.flatten()[i]) for i in as_set(among)), reverse=True)[:count]
    assert sorted((float(scores.flatten()[i]) for i in as_set(chosen)), reverse=True) == by_hand


@given(cases())
def test_dropping_leaves_the_largest_magnitudes_of_the_mask(case):
    weights, mask, count = case
    before = mask.clone()
    kept = drop_smallest(weights, mask, count, generator=stream())
    assert torch.equal(mask, before)
    assert as_set(kept) <= as_set(mask)
    sizes = weights.abs().flatten()
    by_hand = sorted(float(sizes[i]) for i in as_set(mask))[count:]
    assert sorted(float(sizes[i]) for i in as_set(kept)) == by_hand


@given(cases(), st.data())
def test_growing_adds_the_highest_candidates_that_are_not_kept_yet(case, data):
    scores, candidates, _ = case
    bits = data.draw(st.lists(st.booleans(), min_size=scores.numel(), max_size=scores.numel()))
    mask = torch.tensor(bits).view(scores.shape)
    free = as_set(candidates) - as_set(mask)
    count = data.draw(st.integers(0, len(free)))
    by_score = grow_largest(scores, mask, candidates, count, generator=stream())
    at_random = grow_random(mask, candidates, count, generator=stream())
    for grown in (by_score, at_random):
        assert as_set(mask) <= as_set(grown)
        assert as_set(grown) - as_set(mask) <= free
        assert int(grown.sum()) == int(mask.sum()) + count
    values = scores.flatten()
    new = sorted((float(values[i]) for i in as_set(by_score) - as_set(mask)), reverse=True)
    assert new == sorted((float(values[i]) for i in free), reverse=True)[:count]
    assert as_set(mask) == {i for i, bit in enumerate(bits) if bit}


def test_hand_numbers_with_zeros_and_negative_scores():
    scores = torch.tensor([[0.0, -3.0, 2.0], [1.0, -1.0, 5.0]])
    among = torch.tensor([[True, True, False], [True, True, False]])
    assert as_set(largest(scores, among, 3, generator=stream())) == {0, 3, 4}
    assert as_set(drop_smallest(scores, among, 2, generator=stream())) in ({1, 3}, {1, 4})
    assert as_set(grow_largest(scores, among, ~among, 1, generator=stream())) == {0, 1, 3, 4, 5}


def test_ties_are_drawn_alike_for_one_seed_and_every_one_has_its_chance():
    scores, among = torch.tensor([2.0] + [1.0] * 9 + [0.0]), torch.ones(11, dtype=torch.bool)
    among[5] = False
    hits = torch.zeros(11)
    for seed in range(1200):
        chosen = largest(scores, among, 3, generator=stream(seed))
        assert torch.equal(chosen, largest(scores, among, 3, generator=stream(seed)))
        hits += chosen
    assert hits[0] == 1200
    assert hits[5] == hits[10] == 0
    tied = torch.cat([hits[1:5], hits[6:10]])  # 2 of 8 each time: 300, deviation 15
    assert tied.min() > 230
    assert tied.max() < 370


def test_nothing_is_drawn_where_there_is_no_tie_at_the_threshold():
    generator = stream()
    before = generator.get_state()
    scores = torch.tensor([3.0, 1.0, 1.0, 2.0])
    largest(scores, torch.ones(4, dtype=torch.bool), 2, generator=generator)
    assert torch.equal(generator.get_state(), before)


def test_growth_at_random_gives_every_free_place_its_chance():
    mask = torch.tensor([[True, False], [False, False], [False, True], [False, False]])
    candidates = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
    hits = torch.zeros(4, 2)
    for seed in range(1000):
        hits += grow_random(mask, candidates, 2, generator=stream(seed))
    free = candidates & ~mask
    assert hits[free].min() > 330  # 2 of 5 each time: 400, deviation 15.5
    assert hits[free].max() < 470
    assert hits[mask].tolist() == [1000, 1000]
    assert hits[~mask & ~free].tolist() == [0]


@pytest.mark.parametrize("count", [-1, 3])
def test_a_count_that_does_not_fit_is_refused(count):
    among = torch.tensor([True, False, True, False])
    with pytest.raises(ConfigError, match=rf"count must be in \[0, 2\], got {count}"):
        largest(torch.arange(4.0), among, count, generator=stream())


@st.composite
def splits(draw):
    """(shares, room, k): some of either may be 0, and shares are as uneven as floats can be."""
    n = draw(st.integers(1, 6))
    share = st.one_of(st.just(0.0), st.floats(1e-12, 1e12), st.integers(0, 5).map(float))
    shares = {f"layer {i}": draw(share) for i in range(n)}
    room = {name: draw(st.integers(0, 40)) for name in shares}
    return shares, room, draw(st.integers(0, sum(room.values())))


@given(splits())
def test_shares_add_up_to_exactly_k_and_never_exceed_their_room(split):
    shares, room, k = split
    counts = share_out(shares, room, k)
    assert list(counts) == list(room)
    assert sum(counts.values()) == k
    assert all(0 <= counts[name] <= room[name] for name in room)


@given(splits())
def test_what_no_room_limits_is_within_one_of_its_exact_share(split):
    shares, _, k = split
    total = sum(shares.values())
    if total:
        counts = share_out(shares, dict.fromkeys(shares, k + 1), k)
        for name, share in shares.items():
            assert abs(counts[name] - k * share / total) < 1 + 1e-9
            assert share or not counts[name]


def test_shares_match_hand_numbers():
    room = {"a": 10, "b": 10, "c": 10}
    assert share_out({"a": 3.0, "b": 1.0, "c": 0.0}, room, 6) == {"a": 5, "b": 1, "c": 0}  # 4.5 and 1.5
    assert share_out({"a": 6.0, "b": 1.0, "c": 1.0}, room, 16) == {
        "a": 10,
        "b": 3,
        "c": 3,
    }  # a takes 12 of 10
    assert share_out({"a": 1.0, "b": 0.0, "c": 0.0}, room, 14) == {"a": 10, "b": 2, "c": 2}
    assert share_out({"a": 1.0, "b": 1.0, "c": 1.0}, room, 99) == room


def test_what_is_not_a_number_is_chosen_last_and_the_count_stays_exact():
    scores = torch.tensor([1.0, math.nan, math.inf, 2.0, -math.inf])
    everywhere = torch.ones(5, dtype=torch.bool)
    for count, expected in ((1, {2}), (2, {2, 3}), (3, {0, 2, 3})):
        mask = largest(scores, everywhere, count, generator=torch.Generator())
        assert set(mask.nonzero().flatten().tolist()) == expected
    assert int(largest(scores, everywhere, 4, generator=torch.Generator()).sum()) == 4
