"""Several attacks as one: for each image, never the smallest of the means."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sparserobust.analysis import WorstCase, analyse, arrange, broken_at, robustness_in
from sparserobust.analysis.estimates import estimate_by
from sparserobust.analysis.nearest import median
from sparserobust.analysis.worst_case import Robustness
from sparserobust.stats import newcombe_paired, wilson

from ..test_report.attack_factory import budgeted, nearest, some
from ..test_report.factory import EPS, N, accuracy, attacked, carlini_wagner, failed, fgsm, first, run

RIGHT = first(N)
LOW, HIGH = some(range(0, 120)), some(range(80, N))  # both 60 %, together 20 %


def pair(fgsm_kept=LOW, pgd_kept=HIGH):
    """FGSM leaves `fgsm_kept`, PGD `pgd_kept`, at every budget."""
    return accuracy(RIGHT), fgsm(RIGHT, [fgsm_kept] * 3), budgeted(RIGHT, [pgd_kept] * 3)


def test_two_attacks_that_break_different_images_leave_what_neither_breaks():
    """Each leaves 60 %, so the smallest mean is 60 %; 40 images of 200 withstand both."""
    found = analyse([run("dense", 0.0, *pair()), run("snip", 0.9, *pair())])
    assert found.lineup.robustness.worst.attacks == ("fgsm", "pgd")
    value = found.primary.values[1]
    assert (value.value, value.low) == (0.2, wilson(40, N).low)


def test_the_difference_to_dense_is_paired_on_the_worst_case():
    dense, sparse = run("dense", 0.0, *pair()), run("snip", 0.9, *pair(pgd_kept=some(range(100, N))))
    (d,) = analyse([dense, sparse]).differences.values()
    expected = newcombe_paired(some(range(100, 120)), some(range(80, 120)))
    assert (d.value, d.low, d.discordant) == (-0.1, expected.low, ((0, 20),))


def test_an_image_broken_within_a_smaller_budget_is_broken_within_a_larger_one():
    """FGSM at 0.3 breaks fewer than at 0.1; the first 50 images do not come back."""
    outcome = fgsm(RIGHT, [first(N), some(range(50, N)), first(N)])
    assert np.array_equal(broken_at(outcome), np.where(np.arange(N) < 50, 0.1, np.inf))
    worst = WorstCase("linf", ("fgsm",))
    assert (worst.distance(run("snip", 0.9, outcome)) > 0.3).sum() == 150


def test_the_second_opinion_of_an_attack_and_images_wrong_from_the_start_count():
    right = first(190)
    kept = [first(150), first(100), first(50)]
    outcome = fgsm(right, kept, margin=[first(150) & ~some(3), first(100), first(50)])
    found = broken_at(outcome)
    assert (found[3], found[0], found[149], found[160]) == (0.05, np.inf, 0.1, 0.05)
    assert (found[190:] == 0).all()


def test_distances_of_minimum_norm_attacks_count_at_every_budget():
    distance = np.where(np.arange(N) < 30, 0.07, np.inf)
    near = nearest(RIGHT, distance, "minimum-norm-linf", norm="linf", caps=(0.1,))
    lineup = arrange([run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, [first(N)] * 3), near)])
    assert lineup.robustness.worst.attacks == ("fgsm", "minimum-norm-linf")
    (one,) = lineup.runs
    distances = lineup.robustness.worst.distance(one)
    assert ((distances > 0.05).sum(), (distances > 0.07).sum()) == (N, N - 30)


def test_an_attack_that_one_network_lacks_is_left_out_for_all_and_named():
    missing = (accuracy(RIGHT), fgsm(RIGHT, [LOW] * 3), failed("pgd", "out of memory"))
    found = analyse([run("dense", 0.0, *pair()), run("snip", 0.9, *missing)])
    assert (found.lineup.robustness.several, found.primary.values[0].value) == (False, 0.6)
    assert found.lineup.robustness.worst.left_out == ("pgd",)


def test_l2_attacks_never_enter_the_worst_case_of_linf():
    lineup = arrange([run("snip", 0.9, *pair(), carlini_wagner(RIGHT, np.full(N, 0.01)))])
    assert "carlini-wagner" not in lineup.robustness.worst.attacks
    assert lineup.worst("l2").attacks == ("carlini-wagner",)


def test_an_attack_of_unknown_norm_enters_no_worst_case():
    lineup = arrange([run("snip", 0.9, *pair(), budgeted(RIGHT, [first(5)] * 3, "theirs", norm=None))])
    assert lineup.robustness.worst.attacks == ("fgsm", "pgd")
    assert [lineup.worst(norm) for norm in ("l2", "l1", "l0")] == [None] * 3


def test_the_median_distance_is_that_of_the_nearest_image_any_attack_found():
    """Each attack is at 1 for one half and at 3 for the other: its median is 2, that of the nearest 1."""
    half = np.arange(N) < N / 2
    outcomes = (
        carlini_wagner(RIGHT, np.where(half, 1.0, 3.0)),
        nearest(RIGHT, np.where(half, 3.0, 1.0)),
    )
    lineup = arrange([run("snip", 0.9, *attacked(N, 100), *outcomes)])
    assert set(lineup.near.attacks) == {"carlini-wagner", "minimum-norm"}
    assert median(lineup.groups[0], lineup.near).value == 1.0


def test_a_fixed_budget_attack_in_l2_has_no_part_in_the_median_distance():
    within = budgeted(RIGHT, [first(10)], "pgd-l2", eps=(0.25,), norm="l2", headline=0.25)
    near = carlini_wagner(RIGHT, np.ones(N))
    lineup = arrange([run("snip", 0.9, *attacked(N, 100), within, near)])
    assert lineup.near.attacks == ("carlini-wagner",)
    assert set(lineup.worst("l2").attacks) == {"pgd-l2", "carlini-wagner"}


def test_the_other_norms_of_a_comparison_are_compared_each_at_its_own_budget():
    near = [carlini_wagner(RIGHT, np.where(np.arange(N) < k, 0.3, 2.0)) for k in (40, 100)]
    runs = [run(m, s, *pair(), o) for (m, s), o in zip((("dense", 0.0), ("snip", 0.9)), near, strict=True)]
    found = analyse(runs)
    (l2,) = found.other_norms
    assert (l2.robust.norm, l2.robust.eps) == ("l2", 0.5)
    assert l2.robust == robustness_in(found.runs, "l2")
    assert [l2.values[i].value for i in (0, 1)] == [0.8, 0.5]
    assert (l2.differences[1].value, l2.differences[1].result) == (pytest.approx(-0.3), "lower")


def test_the_curve_of_a_worst_case_never_rises():
    stream = np.random.default_rng(0)
    kept = [[stream.random(N) < p for p in (0.5, 0.7, 0.4)] for _ in range(2)]
    lineup = arrange([run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, kept[0]), budgeted(RIGHT, kept[1]))])
    worst = lineup.robustness.worst
    values = [estimate_by(lineup.groups[0], Robustness(worst, eps).reading).value for eps in EPS]
    assert all(b <= a for a, b in itertools.pairwise(values))


@pytest.mark.parametrize("seeds", [1, 3])
def test_several_seeds_are_averaged_after_the_worst_case_of_each(seeds):
    runs = [run("snip", 0.9, *pair(pgd_kept=some(range(80 + 10 * s, N))), seed=s) for s in range(seeds)]
    value = analyse(runs).primary.values[0]
    assert value.value == pytest.approx(np.mean([(120 - 80 - 10 * s) / N for s in range(seeds)]))
    assert value.seeds == seeds
