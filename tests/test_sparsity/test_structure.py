"""Masks of windows, kernels and blocks against plain loops, and what a second call leaves alone."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparserobust.errors import ConfigError
from sparserobust.sparsity.structure import (
    block_mask,
    kept_in_blocks,
    kept_kernels,
    kernel_mask,
    left_over,
    window_kept,
    window_mask,
)

SHAPES = [(5, 3, 3, 3), (7, 1, 3, 3), (4, 6, 5, 5), (6, 4, 1, 1), (5, 2, 4)]
SEEDS = st.integers(0, 10_000)


def draw(shape, seed=0, density=1.0):
    """Weights without ties, and a mask."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=stream), torch.rand(shape, generator=stream) <= density


def stream():
    return torch.Generator().manual_seed(0)


@given(seed=SEEDS, shape=st.sampled_from(SHAPES), kept=st.integers(1, 9), density=st.sampled_from([1.0, 0.6]))
def test_a_window_keeps_its_largest_and_nothing_comes_back(seed, shape, kept, density):
    weight, before = draw(shape, seed, density)
    got = window_mask(weight, before, kept)
    for k in range(shape[0]):
        for c in range(shape[1]):
            values, standing = weight[k, c].flatten().tolist(), before[k, c].flatten().tolist()
            ranked = sorted((i for i in range(len(values)) if standing[i]), key=lambda i: -abs(values[i]))
            assert set(got[k, c].flatten().nonzero().flatten().tolist()) == set(ranked[:kept])


@given(seed=SEEDS, shape=st.sampled_from(SHAPES), share=st.sampled_from(["0", "0.2", "0.5", "0.67", "0.9"]))
@pytest.mark.parametrize("locale", ["input", "output", "layer"])
def test_kernels_go_by_their_largest_magnitude_among_their_rivals(locale, seed, shape, share):
    weight, mask = draw(shape, seed)
    got = kernel_mask(weight, mask, float(share), locale=locale)
    largest = {
        (k, c): max(map(abs, weight[k, c].flatten().tolist()))
        for k in range(shape[0])
        for c in range(shape[1])
    }
    rivals = {}
    for k, c in largest:
        rivals.setdefault({"input": c, "output": k, "layer": 0}[locale], []).append((k, c))
    for group in rivals.values():
        weakest = sorted(group, key=largest.__getitem__)[: math.floor(Fraction(share) * len(group))]
        for k, c in group:
            assert bool(got[k, c].all()) == ((k, c) not in weakest), "a kernel is kept whole or not at all"
            assert bool(got[k, c].any()) == ((k, c) not in weakest)
    assert int(got.sum()) == kept_kernels(shape, float(share), locale) * math.prod(shape[2:])


def test_a_kernel_of_many_middling_weights_falls_to_one_with_a_single_large_one():
    weight = torch.full((2, 1, 3, 3), 0.9)
    weight[1] = 0.0
    weight[1, 0, 1, 1] = -1.0
    got = kernel_mask(weight, torch.ones_like(weight, dtype=torch.bool), 0.5)
    assert [bool(kernel.any()) for kernel in got] == [False, True]


def block_by_block(weight, mask, share, n):
    """Plain loops: every row of blocks keeps its strongest; the rest by mean magnitude until the count is full."""
    rows, columns = weight.shape
    score = {}
    for i in range(0, rows, n):
        for j in range(0, columns, n):
            part, standing = weight[i : i + n, j : j + n], mask[i : i + n, j : j + n]
            if standing.any():
                score[i, j] = sum(abs(v) for v in part[standing].double().tolist()) / part.numel()
    total = math.ceil(rows / n) * math.ceil(columns / n)
    keep = total - math.floor(Fraction(share) * total)
    chosen = set()
    for i in range(0, rows, n):
        of_row = [key for key in score if key[0] == i]
        if of_row:
            chosen.add(max(of_row, key=score.__getitem__))
    rest = sorted((key for key in score if key not in chosen), key=lambda key: -score[key])
    chosen |= set(rest[: max(0, keep - len(chosen))])
    expected = torch.zeros_like(mask)
    for i, j in chosen:
        expected[i : i + n, j : j + n] = mask[i : i + n, j : j + n]
    return expected


@given(
    seed=SEEDS,
    shape=st.sampled_from([(8, 12), (3, 24), (10, 7), (5, 1), (1, 9)]),
    share=st.sampled_from(["0", "0.3", "0.8", "0.95"]),
    density=st.sampled_from([1.0, 0.5]),
)
@pytest.mark.parametrize("block", [1, 2, 4])
def test_blocks_go_by_their_magnitude_and_every_output_keeps_an_input(block, seed, shape, share, density):
    weight, mask = draw(shape, seed, density)
    got = block_mask(weight, mask, float(share), block=block, generator=stream())
    assert torch.equal(got, block_by_block(weight, mask, share, block))
    if density == 1.0:
        fewest, most = kept_in_blocks(shape, float(share), block)
        assert fewest <= int(got.sum()) <= most
        assert bool(got.any(dim=1).all())
        if shape[0] % block == shape[1] % block == 0:
            assert fewest == most


def test_a_weak_output_keeps_its_strongest_input_although_all_its_weights_are_the_smallest():
    weight, mask = draw((6, 50))
    weight[2] *= 1e-3
    got = block_mask(weight, mask, 0.8, block=1, generator=stream())
    assert int(got.sum()) == 60
    assert got[2].nonzero().flatten().tolist() == [int(weight[2].abs().argmax())]


def test_a_block_is_judged_by_its_sum_and_a_short_one_per_weight():
    weight = torch.tensor([[1.0, 1.0, 1.9, 0.0, 0.9], [1.0, 1.0, 1.9, 0.0, 0.9]])
    got = block_mask(weight, weight >= 0, 0.6, block=2, generator=stream())
    assert got[0].tolist() == [True, True, True, True, False]  # sums 4, 3.8 and 1.8; means 1, .95 and .9


def test_ties_of_fully_connected_weights_are_drawn_by_the_seed():
    weight, mask = torch.ones(4, 25), torch.ones(4, 25, dtype=torch.bool)
    drawn = [
        block_mask(weight, mask, 0.5, block=1, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert [int(m.sum()) for m in drawn] == [50] * 3


@pytest.mark.parametrize("locale", ["input", "output", "layer"])
def test_the_same_share_again_changes_nothing_whatever_the_weights_are_by_then(locale):
    """Why a mask that is recomputed after every step changes only where the threshold does."""
    weight, mask = draw((12, 8, 3, 3))
    later = torch.randn(weight.shape)
    joined = kernel_mask(weight, window_mask(weight, mask, 4), 0.6, locale=locale)
    assert torch.equal(kernel_mask(later, window_mask(later, joined, 4), 0.6, locale=locale), joined)
    weight, mask = draw((10, 22))
    for block in (1, 3):
        once = block_mask(weight, mask, 0.7, block=block, generator=stream())
        assert torch.equal(block_mask(torch.randn(10, 22), once, 0.7, block=block, generator=stream()), once)


def test_a_kept_weight_that_is_zero_ranks_above_one_that_is_gone():
    weight, mask = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    mask[0, 0, 2] = True
    assert torch.equal(window_mask(weight, mask, 3), mask)


def test_windows_round_up_keep_one_and_obey_their_cap():
    """Losses of a 3x3 window at .2, .4, .6, .8: 2, 4, 6, 8; with at most two left, Table 5's 7, 7, 7, 8."""
    shares = (0.2, 0.4, 0.6, 0.8)
    assert [9 - window_kept(9, share) for share in shares] == [2, 4, 6, 8]
    assert [9 - window_kept(9, share, most=2) for share in shares] == [7, 7, 7, 8]
    assert window_kept(9, 0.95) == window_kept(4, 0.999) == window_kept(1, 0.5) == 1
    assert window_kept(9, 0) == 9
    assert window_kept(25, 0.28) == 18, "0.28 * 25 is 7.000000000000001 in floating point"
    assert left_over(100, 0.29) == 71, "0.29 * 100 is 28.999999999999996 in floating point"


@pytest.mark.parametrize("share", [1.0, -0.1, 80])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ConfigError, match=r"share must be in \[0, 1\), got"):
        left_over(10, share)
