"""Mistakes by the dense network's margin: counts by hand, in the statistics and from records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparserobust.analysis import arrange, by_margin, conditions
from sparserobust.errors import ConfigError
from sparserobust.stats import margin_deciles, wilson

from ..test_report.attack_factory import budgeted, some
from ..test_report.factory import N, accuracy, first
from ..test_report.margins import pair


def test_counts_by_hand():
    """Eight images, dense wrong on two of them; thirds of the other six by margin: (1, 2), (3, 4), (5, 6)."""
    margin = np.array([5.0, 1.0, -2.0, 3.0, 2.0, 6.0, -1.0, 4.0])
    dense = margin > 0
    sparse = np.array([True, False, True, True, False, False, False, True])
    parts = margin_deciles(margin, dense, sparse, parts=3)
    assert [(p.low, p.high, p.n, p.misclassified) for p in parts] == [
        (1, 2, 2, 2),
        (3, 4, 2, 0),
        (5, 6, 2, 1),
    ]
    assert parts[2].share == 0.5
    assert parts[0].interval == wilson(2, 2)


def test_parts_differ_by_one_example_at_most_and_equal_margins_keep_their_order():
    parts = margin_deciles(np.ones(23), np.ones(23, bool), np.arange(23) >= 3)
    assert [p.n for p in parts] == [3, 3, 3] + [2] * 7
    assert [p.misclassified for p in parts] == [3] + [0] * 9


def test_where_dense_gets_nothing_right_there_are_no_parts():
    assert margin_deciles(np.zeros(5), np.zeros(5, bool), np.ones(5, bool)) == ()
    few = margin_deciles(np.arange(5.0), np.arange(5) < 3, np.zeros(5, bool))
    assert [(p.n, p.misclassified) for p in few] == [(1, 1)] * 3


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 12))
def test_the_parts_hold_every_newly_misclassified_example_once_in_the_order_of_the_margin(seed, n, parts):
    stream = np.random.default_rng(seed)
    margin = stream.normal(size=n)
    dense, sparse = margin > 0, stream.random(n) < 0.5
    found = margin_deciles(margin, dense, sparse, parts=parts)
    assert sum(p.n for p in found) == dense.sum()
    assert sum(p.misclassified for p in found) == (dense & ~sparse).sum()
    ends = [end for p in found for end in (p.low, p.high)]
    assert ends == sorted(ends)
    order = stream.permutation(n)
    assert margin_deciles(margin[order], dense[order], sparse[order], parts=parts) == found


@pytest.mark.parametrize(
    ("margin", "dense", "sparse", "text"),
    [
        (np.zeros(3), np.ones(4, bool), np.ones(4, bool), "one length"),
        (np.zeros(3), np.ones(3), np.ones(3, bool), "must be booleans"),
        (np.full(3, np.nan), np.ones(3, bool), np.ones(3, bool), "finite"),
    ],
)
def test_what_cannot_be_counted_is_refused(margin, dense, sparse, text):
    with pytest.raises(ConfigError, match=text):
        margin_deciles(margin, dense, sparse)


def test_records_alone_give_the_deciles_clean_and_under_attack():
    """30 of 200 lost: deciles of 20 images lose 20 and 10. Of 100 robust ones: deciles of 10 lose 10, 10, 10."""
    lineup = arrange(pair())
    clean, attacked = conditions(lineup)
    assert (clean.robust, clean.headline) == (None, False)
    assert (attacked.robust, attacked.headline) == (lineup.robustness, True)
    (parts,) = by_margin(lineup.sparse[0], clean)
    assert [(p.misclassified, p.n) for p in parts[:3]] == [(20, 20), (10, 20), (0, 20)]
    assert parts[1].interval == wilson(10, 20)
    (parts,) = by_margin(lineup.sparse[0], attacked)
    assert [(p.misclassified, p.n) for p in parts[:4]] == [(10, 10), (10, 10), (10, 10), (0, 10)]
    assert len(parts) == 10


def test_every_attack_of_the_run_is_a_condition_at_its_own_budget():
    runs = pair()
    extra = budgeted(
        first(N), [some(range(150, N))] * 3, "pgd-l2", norm="l2", eps=(0.25, 0.5, 1.0), headline=0.5
    )
    runs = [one.model_copy(update={"outcomes": {**one.outcomes, "pgd-l2": extra}}) for one in runs]
    found = [own.robust and (own.robust.worst.attacks, own.robust.eps) for own in conditions(arrange(runs))]
    assert found == [None, (("fgsm",), 0.1), (("pgd-l2",), 0.5)]


def test_several_seeds_are_counted_each_by_itself():
    runs = [one for s, lost in enumerate((30, 25, 20)) for one in pair(s, lost)]
    lineup = arrange(runs)
    found = by_margin(lineup.sparse[0], conditions(lineup)[0])
    assert [parts[1].misclassified for parts in found] == [10, 5, 0]


def test_records_without_margins_give_none():
    runs = pair()
    old = runs[0].model_copy(update={"outcomes": {**runs[0].outcomes, "accuracy": accuracy(first(N))}})
    lineup = arrange([old, runs[1]])
    assert by_margin(lineup.sparse[0], conditions(lineup)[0]) == []


def test_other_images_or_no_dense_network_give_none():
    runs = pair()
    other = runs[0].model_copy(update={"data": runs[0].data.model_copy(update={"sha256": "e" * 64})})
    for alone in ([other, runs[1]], [runs[1]]):
        lineup = arrange(alone)
        assert all(by_margin(lineup.sparse[0], condition) == [] for condition in conditions(lineup))
