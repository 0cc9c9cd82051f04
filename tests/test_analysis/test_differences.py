"""Differences to dense: pairing, results, Holm."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse, arrange
from sparserobust.analysis.differences import compare_all, comparisons, difference
from sparserobust.stats import holm, newcombe_paired, paired_t

from ..test_report.factory import N, accuracy, attacked, fgsm, first, run

ALIKE, HIGHER, LOWER = "not-distinguishable", "higher", "lower"


def result(sparse_robust: int, dense_robust: int = 100) -> str:
    dense = run("dense", 0.0, *attacked(190, dense_robust))
    sparse = run("snip", 0.9, *attacked(190, sparse_robust))
    (found,) = analyse([dense, sparse]).differences.values()
    return found.result


def test_the_result_flips_where_the_mid_p_value_crosses_five_percent():
    """Nested survivors: only one side is discordant, so mid-p is 2^-k: 4 of them are not enough, 5 are."""
    assert [result(100 + k) for k in (0, 3, 4, 5, 20)] == [ALIKE, ALIKE, ALIKE, HIGHER, HIGHER]
    assert [result(100 - k) for k in (4, 5)] == [ALIKE, LOWER]


def test_one_network_is_paired_on_the_same_images():
    dense, sparse = run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 80))
    lineup = arrange([dense, sparse])
    found = difference(lineup.sparse[0], lineup.robustness)
    expected = newcombe_paired(first(80), first(100))
    assert (found.value, found.low, found.high, found.p) == (-0.1, expected.low, expected.high, expected.p)
    assert (found.discordant, found.n, found.unit) == (((0, 20),), N, "images")


def test_holm_takes_the_claim_from_a_difference_that_is_only_just_significant():
    """Five discordant images give p = 1/32; among three comparisons, 3/32 is not below .05."""
    dense = run("dense", 0.0, *attacked(190, 100))
    others = [
        run(name, 0.9, *attacked(190, r)) for name, r in (("snip", 105), ("random", 100), ("grasp", 60))
    ]
    lineup = arrange([dense, *others])
    found = compare_all(lineup, set(), lineup.robustness)
    by_method = {lineup.groups[i].first.subject.method: d for i, d in found.items()}
    assert by_method["snip"].p == pytest.approx(1 / 32)
    assert by_method["snip"].p_holm == pytest.approx(holm([1 / 32, 1.0, by_method["grasp"].p])[0])
    assert by_method["snip"].result == "ns-after-holm"
    assert by_method["grasp"].result == LOWER
    assert by_method["random"].result == ALIKE
    assert comparisons(found) == 3


def test_collapsed_rows_are_not_counted_by_holm():
    """p = 1/64 alone is below .05; counted together with three collapsed rows' p = 1 it would be 1/16."""
    constant = first(20)
    methods = ("random", "grasp", "magnitude")
    collapsed = [run(name, 0.9, accuracy(constant), fgsm(constant, [constant] * 3)) for name in methods]
    dense, sparse = run("dense", 0.0, *attacked(190, 20)), run("snip", 0.9, *attacked(190, 26))
    differences = analyse([dense, sparse, *collapsed]).differences
    assert [d.result for d in differences.values()] == [HIGHER, "not-ranked", "not-ranked", "not-ranked"]
    assert comparisons(dict(differences)) == 1


def test_several_seeds_are_paired_by_seed_with_students_t():
    dense = [run("dense", 0.0, *attacked(190, r), seed=s) for s, r in enumerate((100, 104, 98))]
    sparse = [run("snip", 0.9, *attacked(190, r), seed=s) for s, r in enumerate((80, 86, 79))]
    lineup = arrange([*sparse[::-1], *dense])
    assert [len(g.runs) for g in lineup.groups] == [3, 3]
    found = difference(lineup.sparse[0], lineup.robustness)
    expected = paired_t(np.array([80, 86, 79]) / N, np.array([100, 104, 98]) / N)
    assert found.value == pytest.approx(expected.difference)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.n, found.unit) == (3, "seeds")
    assert found.discordant == ((0, 20), (0, 18), (0, 19))


def test_two_seeds_allow_no_claim():
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in (0, 1)]
    runs += [run("snip", 0.9, *attacked(190, 20 + s), seed=s) for s in (0, 1)]
    (found,) = analyse(runs).differences.values()
    assert (found.result, found.n, found.unit) == ("no-claim", 2, "seeds")
    assert found.p is None


def test_other_images_are_never_paired():
    dense = run("dense", 0.0, *attacked(190, 100), data_sha="a" * 64)
    sparse = run("snip", 0.9, *attacked(190, 80), data_sha="b" * 64)
    (found,) = analyse([dense, sparse]).differences.values()
    assert found.value is None
    assert (found.result, found.reason.code) == ("not-compared", "dense-on-other-images")


def test_without_dense_nothing_is_relative():
    (found,) = analyse([run("snip", 0.9, *attacked(190, 80))]).differences.values()
    assert (found.value, found.reason.code) == (None, "no-dense-given")


def test_without_an_attack_clean_accuracy_is_compared():
    dense, sparse = run("dense", 0.0, accuracy(first(190))), run("snip", 0.9, accuracy(first(150)))
    (found,) = analyse([dense, sparse]).differences.values()
    assert found.value == pytest.approx(-0.2)
    assert found.result == LOWER
