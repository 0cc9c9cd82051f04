"""Intervals and tests against scipy, printed tables, closed forms and their own coverage."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats as scipy_stats

import sparserobust.stats as srs
from sparserobust.errors import ConfigError
from sparserobust.stats import resampling

# Newcombe 1998, Stat. Med. 17:2635-2650, Table III, method 10: (e, f, g, h) -> 95 % limits, four decimals.
NEWCOMBE_TABLE_III = [
    ((36, 12, 2, 0), (0.0569, 0.3404)),
    ((20, 12, 2, 16), (0.0562, 0.3292)),
    ((18, 12, 2, 18), (0.0562, 0.3290)),
    ((36, 14, 0, 0), (0.1528, 0.4167)),
    ((35, 14, 0, 1), (0.1461, 0.4175)),
    ((18, 14, 0, 18), (0.1441, 0.3963)),
    ((2, 97, 1, 0), (0.8721, 0.9854)),
    ((1, 97, 1, 1), (0.8736, 0.9850)),
    ((0, 29, 1, 0), (0.6666, 0.9882)),
    ((2, 98, 0, 0), (0.9178, 0.9945)),
    ((1, 98, 0, 1), (0.9171, 0.9916)),
    ((0, 30, 0, 0), (0.8395, 1.0)),
    ((54, 0, 0, 0), (-0.0664, 0.0664)),
    ((53, 0, 0, 1), (-0.0729, 0.0729)),
    ((30, 0, 0, 24), (-0.0358, 0.0358)),
    ((29, 0, 0, 25), (-0.0354, 0.0354)),
    ((28, 0, 0, 26), (-0.0352, 0.0352)),
    ((27, 0, 0, 27), (-0.0351, 0.0351)),
]

outcome_pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
scores = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)
levels = st.floats(0.5, 0.999)
quick = settings(deadline=None, max_examples=60, derandomize=True)


def outcomes(
    both: int, only_a: int, only_b: int, neither: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    counts = [both, only_a, only_b, neither]
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


def covers(result: srs.Estimate, truth: float) -> bool:
    assert result.low is not None
    assert result.high is not None
    return result.low <= truth <= result.high


# --- rates


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_wilson_equals_scipy(n: int, level: float) -> None:
    for successes in range(n + 1):
        ours = srs.wilson(successes, n, level=level)
        theirs = scipy_stats.binomtest(successes, n).proportion_ci(level, method="wilson")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_is_the_root_of_the_score_equation() -> None:
    for successes, n in [(81, 263), (9871, 10000), (1, 10)]:
        interval = srs.wilson(successes, n)
        for bound in (interval.low, interval.high):
            z = (successes / n - bound) / math.sqrt(bound * (1 - bound) / n)
            assert abs(z) == pytest.approx(1.9599639845, rel=1e-6)


def test_wilson_of_none_or_all_ends_exactly_at_the_boundary() -> None:
    for n in range(1, 200):
        assert srs.wilson(0, n).low == 0.0
        assert srs.wilson(n, n).high == 1.0
    assert srs.wilson(0, 20).high == pytest.approx(1.959964**2 / (20 + 1.959964**2), abs=1e-6)


@pytest.mark.parametrize(("cells", "printed"), NEWCOMBE_TABLE_III)
def test_newcombe_reproduces_the_printed_table(
    cells: tuple[int, int, int, int], printed: tuple[float, float]
) -> None:
    """Table III, method 10; tolerance half the last printed digit.

    One digit for (1, 97, 1, 1): there method 10 is by definition method 8, which the table prints as .8737.
    """
    result = srs.newcombe_paired(*outcomes(*cells))
    tolerance = 1e-4 if cells == (1, 97, 1, 1) else 5.1e-5
    assert (result.low, result.high) == pytest.approx(printed, abs=tolerance)
    assert (result.only_a, result.only_b, result.n) == (cells[1], cells[2], sum(cells))
    assert result.difference == pytest.approx((cells[1] - cells[2]) / sum(cells))
    assert result.p == srs.mcnemar_midp(cells[1], cells[2])


def test_newcombe_covers_the_nominal_level_on_every_table_of_twenty() -> None:
    """Exact: all 1,771 tables of 20 examples, weighted by their probability."""
    n = 20
    tables = [cells for cells in itertools.product(range(n + 1), repeat=3) if sum(cells) <= n]
    counts = np.array([(*cells, n - sum(cells)) for cells in tables])
    results = [srs.newcombe_paired(*outcomes(*cells)) for cells in counts]
    low, high = np.array([r.low for r in results]), np.array([r.high for r in results])
    for cells in [(0.7, 0.1, 0.05, 0.15), (0.4, 0.3, 0.1, 0.2), (0.5, 0.1, 0.1, 0.3), (0.1, 0.4, 0.2, 0.3)]:
        weight = scipy_stats.multinomial.pmf(counts, n, cells)
        truth = cells[1] - cells[2]
        assert weight.sum() == pytest.approx(1)
        assert 0.94 < weight[(low <= truth) & (truth <= high)].sum() < 0.985


def test_newcombe_is_narrower_than_an_unpaired_interval_where_the_models_agree() -> None:
    result = srs.newcombe_paired(*outcomes(900, 30, 20, 50))
    a, b = srs.wilson(930, 1000), srs.wilson(920, 1000)
    unpaired = math.hypot(0.93 - a.low, b.high - 0.92) + math.hypot(a.high - 0.93, 0.92 - b.low)
    assert result.high - result.low < 0.7 * unpaired


@quick
@given(outcome_pairs, levels)
def test_newcombe_is_bounded_contains_the_difference_and_mirrors(
    pairs: list[tuple[bool, bool]], level: float
) -> None:
    a, b = np.array(pairs).T
    result, swapped = srs.newcombe_paired(a, b, level=level), srs.newcombe_paired(b, a, level=level)
    assert -1 <= result.low <= result.difference <= result.high <= 1
    assert result.low < result.high
    assert swapped.difference == -result.difference
    assert (swapped.low, swapped.high) == pytest.approx((-result.high, -result.low), abs=1e-12)
    assert (swapped.only_a, swapped.only_b, swapped.p) == (result.only_b, result.only_a, result.p)


@quick
@given(st.integers(1, 3000), st.data())
def test_wilson_is_bounded_and_contains_the_rate(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    interval = srs.wilson(successes, n)
    assert 0 <= interval.low <= successes / n <= interval.high <= 1
    mirrored = srs.wilson(n - successes, n)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - interval.high, 1 - interval.low), abs=1e-12)


def test_midp_is_the_more_extreme_plus_half_the_equally_extreme_probability() -> None:
    for only_a, only_b in itertools.product(range(13), repeat=2):
        n = only_a + only_b
        if n == 0:
            continue
        distance = np.abs(2 * np.arange(n + 1) - n)
        weight = scipy_stats.binom.pmf(np.arange(n + 1), n, 0.5)
        seen = abs(only_a - only_b)
        expected = weight[distance > seen].sum() + weight[distance == seen].sum() / 2
        assert srs.mcnemar_midp(only_a, only_b) == pytest.approx(expected, abs=1e-12)


def test_midp_has_its_published_values() -> None:
    """Fagerland et al. 2013, Table 1 (1 and 7 discordant): p = 10/256; no discordant example: 1."""
    assert srs.mcnemar_midp(1, 7) == pytest.approx(10 / 256)
    assert srs.mcnemar_midp(0, 5) == pytest.approx(1 / 32)
    assert srs.mcnemar_midp(6, 16) == pytest.approx(0.034690, abs=5e-7)  # R contingencytables, cavo_2012
    assert srs.mcnemar_midp(0, 0) == 1.0


def test_harmonic_mean_equals_the_standard_library_and_is_zero_at_zero() -> None:
    for a, b in [(0.5, 1.0), (0.98, 0.99), (1e-300, 1e-300), (0.0, 0.0), (0.0, 0.7), (0.7, 0.0)]:
        assert srs.harmonic_mean(a, b) == pytest.approx(statistics.harmonic_mean([a, b]), rel=1e-12)


# --- means over seeds


@quick
@given(scores, levels)
def test_mean_t_equals_scipy_and_contains_the_mean(values: list[float], level: float) -> None:
    result = srs.mean_t(values, level=level)
    assert result.n == len(values)
    assert result.low is not None
    assert result.high is not None
    assert result.low <= result.value <= result.high
    if np.std(values) > 1e-6 * max(1.0, np.abs(values).max()):
        theirs = scipy_stats.ttest_1samp(values, 0).confidence_interval(level)
        assert (result.low, result.high) == pytest.approx((theirs.low, theirs.high), rel=1e-9, abs=1e-9)
    assert srs.mean_normal(values, level=level) == result


@pytest.mark.parametrize(("n", "paper"), [(3, 0.81), pytest.param(5, 0.88, marks=pytest.mark.slow)])
def test_student_covers_its_level_and_the_paper_interval_does_not(n: int, paper: float) -> None:
    """6,000 draws, seed 0: standard error up to .005. The low numbers are those of definitions.md."""
    draws = np.random.default_rng(0).normal(0.9, 0.02, size=(6000, n))
    assert np.mean([covers(srs.mean_t(x), 0.9) for x in draws]) == pytest.approx(0.95, abs=0.01)
    assert np.mean([covers(srs.paper_interval(x), 0.9) for x in draws]) == pytest.approx(paper, abs=0.01)


def test_paper_interval_matches_a_hand_value() -> None:
    result = srs.paper_interval([1.0, 2.0, 3.0, 4.0])
    half = 1.96 * math.sqrt(5 / 3) / 2
    assert (result.value, result.low, result.high) == pytest.approx((2.5, 2.5 - half, 2.5 + half))


def test_one_seed_has_a_mean_and_no_interval() -> None:
    assert srs.mean_t([0.7]) == srs.Estimate(0.7, None, None, 1)
    assert srs.paper_interval([0.7]) == srs.Estimate(0.7, None, None, 1)
    assert srs.paired_t([0.75], [0.5]) == srs.PairedSeeds(0.25, None, None, None, None, 1)


@quick
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=8))
def test_paired_t_equals_scipy_and_mirrors(pairs: list[tuple[float, float]]) -> None:
    a, b = np.array(pairs).T
    result, swapped = srs.paired_t(a, b), srs.paired_t(b, a)
    assert result.low is not None
    assert result.high is not None
    assert result.low <= result.difference <= result.high
    assert (swapped.low, swapped.high) == (-result.high, -result.low)
    assert (swapped.difference, swapped.p, swapped.sd) == (-result.difference, result.p, result.sd)
    if np.std(a - b) > 1e-6:
        theirs = scipy_stats.ttest_rel(a, b)
        interval = theirs.confidence_interval(0.95)
        assert (result.low, result.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-9)
        assert result.p == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-12)


def test_equal_differences_are_certain_unless_they_are_zero() -> None:
    same, other = np.array([0.5, 0.75, 1.0]), np.array([0.25, 0.5, 0.75])
    assert srs.paired_t(same, same) == srs.PairedSeeds(0.0, 0.0, 0.0, 1.0, 0.0, 3)
    assert srs.paired_t(same, other) == srs.PairedSeeds(0.25, 0.25, 0.25, 0.0, 0.0, 3)
    seven_tenths = np.full(3, 0.7)  # the mean of three 0.7 is not 0.7 to the last bit, the spread is still 0
    assert srs.paired_t(seven_tenths, np.zeros(3)).sd == 0.0


# --- order statistics


@pytest.mark.parametrize(("n", "k"), [(6, 1), (8, 1), (9, 2), (10, 2), (20, 6), (100, 40)])
def test_median_interval_has_the_tabulated_ranks(n: int, k: int) -> None:
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    assert srs.median_order(values) == srs.Estimate((n + 1) / 2, k, n + 1 - k, n)


def test_median_interval_is_none_below_six_values() -> None:
    for n in range(1, 6):
        assert srs.median_order(np.arange(n)) == srs.Estimate((n - 1) / 2, None, None, n)
    assert srs.median_order(np.arange(5), level=0.9).low == 0


def test_median_interval_covers_a_skewed_median_at_its_exact_level() -> None:
    """n = 15, ranks 4 and 12: the binomial says .9648; 4,000 draws, standard error .003."""
    draws = np.random.default_rng(1).exponential(size=(4000, 15))
    assert np.mean([covers(srs.median_order(x), math.log(2)) for x in draws]) == pytest.approx(
        0.9648, abs=0.01
    )


def test_median_counts_not_found_as_infinite() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, math.inf, math.inf, math.inf])
    assert srs.median_order(values) == srs.Estimate(5.5, 2.0, math.inf, 10)
    assert srs.median_order(np.full(8, math.inf)) == srs.Estimate(math.inf, math.inf, math.inf, 8)
    assert srs.median_order([1.0, 2.0, math.inf, math.inf]).value == math.inf


@quick
@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=40), levels)
def test_median_interval_contains_the_median(values: list[float], level: float) -> None:
    result = srs.median_order(values, level=level)
    assert (result.low is None) == (result.high is None) == (2 * 0.5 ** len(values) > 1 - level)
    assert result.low is None or covers(result, result.value)


def test_dkw_band_holds_the_whole_curve() -> None:
    """4,000 uniform samples of 50: the largest deviation stays inside .95 to .97 of the time."""
    draws = np.sort(np.random.default_rng(2).uniform(size=(4000, 50)), axis=1)
    above, below = np.arange(1, 51) / 50 - draws, draws - np.arange(50) / 50
    largest = np.maximum(above, below).max(axis=1)
    assert 0.945 < np.mean(largest <= srs.dkw_band(50)) < 0.97
    assert srs.dkw_band(100) == pytest.approx(0.135810, abs=1e-6)


# --- resampling


def mean_of_each(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return samples.mean(axis=1)


def test_bootstrap_agrees_with_scipy_on_a_skewed_statistic() -> None:
    values = np.random.default_rng(3).exponential(size=200)
    ours = srs.bootstrap(values, lambda samples: np.median(samples, axis=1), seed=0, resamples=8000)
    theirs = scipy_stats.bootstrap(
        (values,), np.median, n_resamples=8000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours.value == np.median(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.n == 200


def test_bootstrap_covers_a_mean_at_its_level() -> None:
    """600 samples of 100: standard error .012 at level .9."""
    draws = np.random.default_rng(4).normal(size=(600, 100))
    hits = [covers(srs.bootstrap(x, mean_of_each, seed=0, resamples=300, level=0.9), 0) for x in draws]
    assert np.mean(hits) == pytest.approx(0.9, abs=0.035)


def test_bootstrap_repeats_and_its_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(5).normal(size=51)
    whole = srs.bootstrap(values, mean_of_each, seed=7)
    monkeypatch.setattr(resampling, "CHUNK_VALUES", 1000)
    assert srs.bootstrap(values, mean_of_each, seed=7) == whole
    assert srs.bootstrap(values, mean_of_each, seed=8) != whole


def test_bootstrap_keeps_the_columns_of_an_example_together() -> None:
    confidence = np.random.default_rng(6).uniform(size=80)
    pairs = np.stack([confidence, -confidence], axis=1)
    result = srs.bootstrap(pairs, lambda samples: np.abs(samples.sum(axis=2)).max(axis=1), seed=0)
    assert result == srs.Estimate(0.0, 0.0, 0.0, 80)


def test_crossed_bootstrap_has_the_closed_form_width() -> None:
    """The pigeonhole variance of a mean is rows / R + columns / C + the rest / (R C)."""
    rng = np.random.default_rng(8)
    cells = rng.normal(size=(4, 1)) + 2 * rng.normal(size=(1, 30)) + rng.normal(size=(4, 30))
    rows, columns = cells.mean(axis=1, keepdims=True), cells.mean(axis=0, keepdims=True)
    rest = cells - rows - columns + cells.mean()
    variance = rows.var() / 4 + columns.var() / 30 + rest.var() / 120
    of_rows, of_columns = rows.var(ddof=1) / 4, columns.var(ddof=1) / 30
    freedom = (of_rows + of_columns) ** 2 / (of_rows**2 / 3 + of_columns**2 / 29)
    half = scipy_stats.t.ppf(0.975, freedom) * math.sqrt(variance * 4 / 3)
    result = srs.crossed_bootstrap(cells, seed=0, resamples=20_000)
    assert result.high == pytest.approx(cells.mean() + half, abs=0.02 * half)
    assert result.low == pytest.approx(cells.mean() - half, abs=0.02 * half)
    assert result.n == 4


@pytest.mark.parametrize(("of_seeds", "of_examples"), [(1.0, 0.1), (0.1, 1.0)])
def test_crossed_bootstrap_covers_whether_seeds_or_examples_dominate(
    of_seeds: float, of_examples: float
) -> None:
    """300 draws, standard error .013; plain percentiles would cover .84 where seeds dominate."""
    rng = np.random.default_rng(9)
    hits = []
    for _ in range(300):
        effects = of_seeds * rng.normal(size=(5, 1)) + of_examples * rng.normal(size=(1, 50))
        cells = effects + 0.1 * rng.normal(size=(5, 50))
        hits.append(covers(srs.crossed_bootstrap(cells, seed=0, resamples=100), 0))
    assert 0.92 < np.mean(hits) < 0.985


def test_crossed_bootstrap_repeats_and_a_constant_matrix_has_no_width() -> None:
    cells = np.random.default_rng(10).uniform(size=(3, 40)) < 0.9
    assert srs.crossed_bootstrap(cells, seed=3) == srs.crossed_bootstrap(cells, seed=3)
    assert srs.crossed_bootstrap(cells, seed=3) != srs.crossed_bootstrap(cells, seed=4)
    assert srs.crossed_bootstrap(np.ones((3, 40)), seed=0) == srs.Estimate(1.0, 1.0, 1.0, 3)


# --- what a comparison may claim


def test_holm_matches_the_hand_example() -> None:
    assert srs.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert srs.holm([0.5, 0.6]) == [1.0, 1.0]
    assert srs.holm([]) == []


def test_holm_leaves_none_alone_and_does_not_count_it() -> None:
    assert srs.holm([None, 0.01, None, 0.04]) == [None, 0.02, None, 0.04]
    assert srs.holm([None]) == [None]


@quick
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_lies_between_raw_and_bonferroni(p_values: list[float]) -> None:
    adjusted = [p for p in srs.holm(p_values) if p is not None]
    assert all(p <= q <= min(1.0, len(p_values) * p) for p, q in zip(p_values, adjusted, strict=True))
    for (p, q), (other_p, other_q) in itertools.combinations(zip(p_values, adjusted, strict=True), 2):
        assert (p - other_p) * (q - other_q) >= 0


def test_equivalence_over_seeds_equals_two_one_sided_t_tests() -> None:
    rng = np.random.default_rng(11)
    seen = set()
    for _ in range(150):
        a, b = rng.normal(0.9, 0.01, size=(2, 5))
        above = scipy_stats.ttest_1samp(a - b, -0.015, alternative="greater").pvalue
        below = scipy_stats.ttest_1samp(a - b, 0.015, alternative="less").pvalue
        result = srs.equivalence_paired_seeds(a, b, margin=0.015)
        assert result.equivalent == (max(above, below) < 0.05)
        seen.add(result.equivalent)
    assert seen == {True, False}


def test_equivalence_on_examples_needs_the_ninety_percent_interval_inside_the_margin() -> None:
    a, b = outcomes(900, 12, 10, 78)
    inner = srs.newcombe_paired(a, b, level=0.9)
    widest = max(-inner.low, inner.high)
    assert srs.equivalence_paired_examples(a, b, margin=widest * 1.0001).equivalent
    short = srs.equivalence_paired_examples(a, b, margin=widest * 0.9999)
    assert not short.equivalent
    assert (short.low, short.high, short.difference) == (inner.low, inner.high, inner.difference)
    # On the other side as well, and where a model is clearly worse but not by much.
    assert srs.equivalence_paired_examples(b, a, margin=widest * 1.0001).equivalent
    assert not srs.equivalence_paired_examples(b, a, margin=widest * 0.9999).equivalent
    assert srs.equivalence_paired_examples(*outcomes(9800, 40, 0, 160), margin=0.015).equivalent


def test_few_examples_or_one_seed_never_show_equivalence() -> None:
    same = np.ones(20, dtype=bool)
    assert not srs.equivalence_paired_examples(same, same, margin=0.015).equivalent
    assert srs.equivalence_paired_seeds([0.9], [0.9], margin=0.015) == srs.Equivalence(
        False, 0.9 - 0.9, None, None, 0.015, 1
    )


@pytest.mark.parametrize(("n", "discordant"), [(1000, 20), (1000, 21), (10_000, 300), (50, 50)])
def test_smallest_difference_on_examples_is_where_midp_turns_significant(n: int, discordant: int) -> None:
    smallest = srs.smallest_difference_examples(n, discordant / n)
    assert smallest is not None
    apart = round(smallest * n)
    assert (discordant - apart) % 2 == 0

    def p(difference: int) -> float:
        few = (discordant - difference) // 2
        distribution = scipy_stats.binom(discordant, 0.5)
        return float(2 * distribution.cdf(few) - distribution.pmf(few))

    assert p(apart) < 0.05 <= p(apart - 2)


def test_smallest_difference_on_examples_is_five_to_none_where_the_models_hardly_differ() -> None:
    for discordant in range(6):
        assert srs.smallest_difference_examples(1000, discordant / 1000) == 5 / 1000
    assert srs.smallest_difference_examples(4, 0.5) is None


def test_smallest_difference_over_seeds_has_p_at_one_minus_level() -> None:
    noise = np.array([0.01, -0.02, 0.0, 0.015, -0.005])
    smallest = srs.smallest_difference_seeds(float(noise.std(ddof=1)), 5, level=0.9)
    assert srs.paired_t(noise - noise.mean() + smallest, np.zeros(5)).p == pytest.approx(0.1, abs=1e-9)
    assert srs.smallest_difference_seeds(0.0, 3) == 0.0


# --- wrong calls

YES = np.array([True, False])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: srs.wilson(0, 0), r"n must be a whole number >= 1, got 0; "),
        (lambda: srs.wilson(3, 2), r"successes must be at most n = 2, got 3; "),
        (lambda: srs.wilson(-1, 2), r"successes must be a whole number >= 0, got -1; "),
        (lambda: srs.wilson(1.5, 2), r"successes must be a whole number >= 0, got 1.5; "),
        (lambda: srs.wilson(1, 2, level=95), r"level must be in \(0, 1\), got 95; write 0.95"),
        (lambda: srs.wilson(1, 2, level=math.nan), r"level must be in \(0, 1\), got nan; "),
        (lambda: srs.newcombe_paired(YES, YES[:1]), r"a and b must have one length, got 2 and 1; "),
        (lambda: srs.newcombe_paired(YES[:0], YES[:0]), r"a must be booleans .* got bool of shape \(0,\); "),
        (lambda: srs.newcombe_paired(YES, YES * 1.0), r"b must be booleans .* got float64 of shape \(2,\); "),
        (lambda: srs.newcombe_paired(YES, YES, level=1), r"level must be in \(0, 1\), got 1; "),
        (lambda: srs.mcnemar_midp(-1, 3), r"only_a must be a whole number >= 0, got -1; "),
        (lambda: srs.harmonic_mean(98, 0.9), r"a must be in \[0, 1\], got 98; give a fraction"),
        (lambda: srs.mean_t([]), r"values must not be empty, got shape \(0,\); "),
        (lambda: srs.mean_t([0.1, math.nan]), r"values must be finite, got nan; "),
        (lambda: srs.mean_t([[0.1, 0.2]]), r"values must be 1-dimensional, got shape \(1, 2\); "),
        (lambda: srs.mean_t(["high"]), r"values must be numbers, got list; "),
        (lambda: srs.mean_normal([math.inf]), r"values must be finite, got inf; "),
        (lambda: srs.paper_interval([None, 1.0]), r"values must be finite, got nan; "),
        (lambda: srs.paired_t([1, 2], [1]), r"a and b must have one length, got 2 and 1; "),
        (lambda: srs.paired_t([1, 2], [1, math.nan]), r"b must be finite, got nan; "),
        (lambda: srs.paired_t([1, 2], [1, 2], level=0), r"level must be in \(0, 1\), got 0; "),
        (lambda: srs.median_order([1, math.nan]), r"values must be finite or \+inf, got nan; "),
        (lambda: srs.median_order([1, -math.inf]), r"values must be finite or \+inf, got -inf; "),
        (lambda: srs.dkw_band(0), r"n must be a whole number >= 1, got 0; "),
        (lambda: srs.bootstrap([1.0], mean_of_each, seed=-1), r"seed must be a whole number >= 0, got -1; "),
        (lambda: srs.bootstrap([1.0], mean_of_each, seed=0, resamples=9), r"resamples .* >= 100, got 9; "),
        (
            lambda: srs.bootstrap(1.0, mean_of_each, seed=0),
            r"values must be at least 1-dimensional, got shape \(\)",
        ),
        (
            lambda: srs.bootstrap([1.0, 2.0], np.mean, seed=0),
            r"statistic must map \(1, 2\) to \(1,\) .* shape \(\)",
        ),
        (
            lambda: srs.crossed_bootstrap([[1.0, 2.0]], seed=0),
            r"at least 2 by 2, got \(1, 2\); with one seed",
        ),
        (
            lambda: srs.crossed_bootstrap([1.0, 2.0], seed=0),
            r"matrix must be 2-dimensional, got shape \(2,\)",
        ),
        (lambda: srs.holm([0.1, 5.0]), r"p_values\[1\] must be in \[0, 1\], got 5.0; "),
        (lambda: srs.holm([math.nan]), r"p_values\[0\] must be in \[0, 1\], got nan; "),
        (
            lambda: srs.equivalence_paired_examples(YES, YES, margin=1.5),
            r"margin must be in \(0, 1\), got 1.5; ",
        ),
        (lambda: srs.equivalence_paired_seeds([1], [1], margin=0), r"margin must be finite and > 0, got 0; "),
        (
            lambda: srs.equivalence_paired_seeds([1], [1], margin=1, alpha=0.5),
            r"alpha .* \(0, 0.5\), got 0.5; ",
        ),
        (lambda: srs.smallest_difference_examples(10, 3), r"discordant_rate must be in \[0, 1\], got 3; "),
        (lambda: srs.smallest_difference_seeds(0.1, 1), r"n must be a whole number >= 2, got 1; "),
        (lambda: srs.smallest_difference_seeds(math.nan, 3), r"sd must be finite and >= 0, got nan; "),
    ],
)
def test_a_wrong_call_says_in_one_line_what_was_expected_what_came_and_what_to_do(
    call: Callable[[], object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)


def test_results_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        srs.wilson(1, 2).low = 0.0  # type: ignore[misc]


def test_statistics_load_without_torch() -> None:
    code = "import sys, sparserobust.stats; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
