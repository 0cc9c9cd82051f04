"""Thin ice: counts by hand, in the statistics, in the figure, on the page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from sparserobust import report
from sparserobust.errors import ConfigError
from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.page import render
from sparserobust.report.parts.ice import thin_ice_part
from sparserobust.stats import thin_ice, wilson

from .attack_factory import budgeted, some, with_margin
from .factory import N, accuracy, fgsm, first, run
from .test_page import read


def test_counts_by_hand():
    """Eight images, dense wrong on two of them; thirds of the other six by margin: (1, 2), (3, 4), (5, 6)."""
    margin = np.array([5.0, 1.0, -2.0, 3.0, 2.0, 6.0, -1.0, 4.0])
    dense = margin > 0
    sparse = np.array([True, False, True, True, False, False, False, True])
    parts = thin_ice(margin, dense, sparse, parts=3)
    assert [(p.low, p.high, p.n, p.lost) for p in parts] == [(1, 2, 2, 2), (3, 4, 2, 0), (5, 6, 2, 1)]
    assert parts[2].share == 0.5
    assert parts[0].interval == wilson(2, 2)


def test_parts_differ_by_one_example_at_most_and_equal_margins_keep_their_order():
    parts = thin_ice(np.ones(23), np.ones(23, bool), np.arange(23) >= 3)
    assert [p.n for p in parts] == [3, 3, 3] + [2] * 7
    assert [p.lost for p in parts] == [3] + [0] * 9


def test_where_dense_gets_nothing_right_there_are_no_parts():
    assert thin_ice(np.zeros(5), np.zeros(5, bool), np.ones(5, bool)) == ()
    few = thin_ice(np.arange(5.0), np.arange(5) < 3, np.zeros(5, bool))
    assert [(p.n, p.lost) for p in few] == [(1, 1)] * 3


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 12))
def test_the_parts_hold_every_newly_broken_example_once_in_the_order_of_the_margin(seed, n, parts):
    stream = np.random.default_rng(seed)
    margin = stream.normal(size=n)
    dense, sparse = margin > 0, stream.random(n) < 0.5
    found = thin_ice(margin, dense, sparse, parts=parts)
    assert sum(p.n for p in found) == dense.sum()
    assert sum(p.lost for p in found) == (dense & ~sparse).sum()
    ends = [end for p in found for end in (p.low, p.high)]
    assert ends == sorted(ends)
    order = stream.permutation(n)
    assert thin_ice(margin[order], dense[order], sparse[order], parts=parts) == found


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
        thin_ice(margin, dense, sparse)


def pair(seed=0, lost=30, method="snip"):
    """Dense: 200 right, margin = place, robust on the last 100. Sparse loses the `lost` thinnest of either."""
    robust = some(range(100, N))
    dense = run(
        "dense",
        0.0,
        with_margin(accuracy(first(N)), np.arange(N) + 1.0),
        fgsm(first(N), [robust] * 3),
        seed=seed,
    )
    right = some(range(lost, N))
    sparse = run(method, 0.9, accuracy(right), fgsm(right, [some(range(100 + lost, N))] * 3), seed=seed)
    return [dense, sparse]


def test_records_alone_give_the_tenths_clean_and_under_attack():
    """30 of 200 lost: tenths of 20 images lose 20 and 10. Of 100 robust ones: tenths of 10 lose 10, 10, 10."""
    part = thin_ice_part(judged(arrange(pair())))
    clean, attacked = part.counts
    assert (clean.condition, attacked.condition) == ("clean images", "FGSM, ε = 0.1")
    assert [c.text for c in clean.cells[:3]] == ["20/20", "10/20", "0/20"]
    assert [c.text for c in attacked.cells[:4]] == ["10/10", "10/10", "10/10", "0/10"]
    low = wilson(10, 20)
    assert clean.cells[1].dim == f"[{100 * low.low:.0f},\u00a0{100 * low.high:.0f}]"
    (row,) = part.table.rows
    assert (row.cells[0].text, row.cells[0].dim) == ("30", "of 200")
    assert row.cells[1].text == "100.0"
    assert row.cells[2].text == "5.6"  # 10 of 180


def test_every_attack_of_the_run_has_its_row():
    runs = pair()
    extra = budgeted(
        first(N), [some(range(150, N))] * 3, "pgd-l2", norm="l2", eps=(0.25, 0.5, 1.0), headline=0.5
    )
    runs = [one.model_copy(update={"outcomes": {**one.outcomes, "pgd-l2": extra}}) for one in runs]
    part = thin_ice_part(judged(arrange(runs)))
    assert [c.condition for c in part.counts] == ["clean images", "FGSM, ε = 0.1", "PGD, ℓ₂ = 0.5"]


def test_several_seeds_are_averaged_and_never_pooled():
    """Shares of the second tenth: 10, 5 and 0 of 20, mean 25 %, Student's t."""
    runs = [one for s, lost in enumerate((30, 25, 20)) for one in pair(s, lost)]
    part = thin_ice_part(judged(arrange(runs)))
    assert part.seeds
    assert part.counts[0].cells[1].text == "25.0 %"
    assert part.counts[0].cells[1].dim.startswith("± 62.1")  # 4.303 * 0.25 / sqrt(3)
    assert part.table.rows[0].cells[0].text == "20 to 30"


def test_the_figure_shows_the_counted_shares():
    ax = Figure().add_subplot()
    report.plot_thin_ice(ax, pair())
    assert [bar.get_height() for bar in ax.patches] == [100, 50, *[0] * 8]
    ax = Figure().add_subplot()
    report.plot_thin_ice(ax, pair(), robust=True)
    assert [bar.get_height() for bar in ax.patches] == [100, 100, 100, *[0] * 7]


def test_records_without_margins_show_everything_else():
    runs = pair()
    old = runs[0].model_copy(update={"outcomes": {**runs[0].outcomes, "accuracy": accuracy(first(N))}})
    html = render([old, runs[1]])
    assert "Clean images" in html
    assert "thin ice" not in html
    assert "thin ice" in render(runs)
    read(render(runs))


def test_other_images_or_no_dense_network_give_no_ice():
    runs = pair()
    other = runs[0].model_copy(update={"data": runs[0].data.model_copy(update={"sha256": "e" * 64})})
    assert thin_ice_part(judged(arrange([other, runs[1]]))) is None
    assert thin_ice_part(judged(arrange([runs[1]]))) is None
