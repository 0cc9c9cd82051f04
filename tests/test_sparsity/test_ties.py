"""What happens to equal scores at the threshold: the seeded draw, and the three published conventions."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import sparserobust as sr
from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.sparsity.allocation import kept_count
from sparserobust.sparsity.select import select, topk_mask


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def chosen(values: Sequence[float], k: int, ties: str, seed: int = 0) -> list[int]:
    mask = topk_mask(torch.tensor(values, dtype=torch.float32), k, generator=stream(seed), ties=ties)
    return mask.nonzero().flatten().tolist()


@pytest.mark.parametrize(
    ("values", "k", "keep", "drop", "strict"),
    [
        ([5, 4, 3, 3, 3, 2, 1, 0.5], 4, [0, 1, 2, 3, 4], [0, 1], [0, 1]),
        ([5, 4, 3, 2, 1], 2, [0, 1], [0, 1], [0]),
        ([5, 5, 4, 3, 3], 3, [0, 1, 2], [0, 1, 2], [0, 1]),
        ([7, 5, 5, 2], 3, [0, 1, 2], [0, 1, 2], [0]),
        ([7, 5, 3, 3], 2, [0, 1], [0, 1], [0]),
        ([7, 5, 5, 5], 1, [0], [0], None),
        ([5, 5, 5], 2, [0, 1, 2], None, None),
    ],
    ids=["amid ties", "none", "below", "ties kept whole", "ties pruned whole", "one above", "all equal"],
)
def test_published_rules_on_scores_made_by_hand(values, k, keep, drop, strict):
    """papers.md, section 7.1: FORCE and FreezeNet keep what is >= the k-th; SNIP-it keeps what is > the k-th, so
    k - 1 without ties; SynFlow prunes what is <= the (n - k)-th smallest. None: nothing would be left."""
    for ties, expected in (("keep", keep), ("drop", drop), ("strict", strict)):
        if expected is None:
            with pytest.raises(DegenerateScores, match=f"equal, so that ties='{ties}' keeps none"):
                chosen(values, k, ties)
        else:
            assert chosen(values, k, ties) == expected, ties


@given(
    values=st.lists(st.integers(1, 5), min_size=2, max_size=30), share=st.floats(0, 1), seed=st.integers(0, 3)
)
def test_published_rules_are_their_comparison_with_one_threshold(values, share, seed):
    n = len(values)
    k = min(n - 1, max(1, round(share * n)))
    ascending = sorted(values)
    rules = {
        "keep": [v >= ascending[n - k] for v in values],
        "strict": [v > ascending[n - k] for v in values],
        "drop": [v > ascending[n - k - 1] for v in values],
    }
    for ties, mask in rules.items():
        expected = [i for i, keep in enumerate(mask) if keep]
        if expected:
            assert chosen(values, k, ties, seed) == expected
        else:
            with pytest.raises(DegenerateScores, match="keeps none"):
                chosen(values, k, ties, seed)
    drawn = chosen(values, k, "draw", seed)
    assert len(drawn) == k
    assert sorted(values[i] for i in drawn) == ascending[n - k :]


def test_only_the_draw_depends_on_the_seed():
    values = [9.0, *[1.0] * 30]
    assert len({tuple(chosen(values, 8, "draw", seed)) for seed in range(10)}) == 10
    for ties in ("keep", "drop"):
        assert len({tuple(chosen(values, 8, ties, seed)) for seed in range(10)}) == 1


def test_scores_that_are_all_zero_are_refused_under_every_rule():
    """With >= they would give a dense network, with > an empty one."""
    for ties in ("draw", "keep", "drop", "strict"):
        with pytest.raises(DegenerateScores, match="only 0 of 6 scores are finite and non-zero"):
            chosen([0.0] * 6, 2, ties)


def test_a_rule_holds_in_each_layer_under_an_allocation():
    scores = {"a": torch.tensor([3.0, 2.0, 2.0, 1.0]), "b": torch.tensor([9.0, 8.0, 8.0])}
    kept = {}
    for ties in ("keep", "drop", "draw"):
        masks = select(scores, 4, counts={"a": 2, "b": 2}, generator=stream(), ties=ties)
        kept[ties] = [int(mask.sum()) for mask in masks.values()]
    assert kept == {"keep": [3, 3], "drop": [1, 1], "draw": [2, 2]}


def test_snip_it_as_published_keeps_one_less(network, in_double):
    """Its threshold is the k-th score itself (papers.md, 1.1), at the last of the seven events as at the first."""
    model, batch = in_double(network)
    for schedule in ("one-shot", "halving"):
        subject = sr.sparsify(model, "snip-it", 0.9, batch, ties="strict", schedule=schedule)
        assert subject.kept == kept_count(subject.prunable, 0.9) - 1


@pytest.mark.parametrize("method", ["snip", "snip-it", "iter-snip", "force", "grasp", "synflow", "freezenet"])
def test_an_unknown_rule_is_refused(network, problem, method):
    text = f"ties of {method} must be one of draw, keep, drop, strict, got 'kep'; did you mean 'keep'"
    with pytest.raises(ConfigError, match=text):
        sr.sparsify(network, method, 0.5, problem(8), ties="kep")
