"""Several attacks as one: for each image, never the smallest of the means."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from sparserobust import report
from sparserobust.report.attacks import WorstCase, broken_at
from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.parts.curves import against_distance, against_eps
from sparserobust.report.rows import main_table
from sparserobust.report.threat import threat_model
from sparserobust.stats import newcombe_paired, wilson

from .attack_factory import budgeted, nearest, some
from .factory import EPS, N, accuracy, attacked, carlini_wagner, failed, fgsm, first, run

RIGHT = first(N)
LOW, HIGH = some(range(0, 120)), some(range(80, N))  # both 60 %, together 20 %


def pair(fgsm_kept=LOW, pgd_kept=HIGH):
    """FGSM leaves `fgsm_kept`, PGD `pgd_kept`, at every budget."""
    return accuracy(RIGHT), fgsm(RIGHT, [fgsm_kept] * 3), budgeted(RIGHT, [pgd_kept] * 3)


def test_two_attacks_that_break_different_images_leave_what_neither_breaks():
    """Each leaves 60 %, so the smallest mean is 60 %; 40 images of 200 withstand both."""
    found = judged(arrange([run("dense", 0.0, *pair()), run("snip", 0.9, *pair())]))
    assert found.lineup.robustness.name == "worst of FGSM and PGD"
    value = found.primary[1]
    assert (value.value, value.low) == (0.2, wilson(40, N).low)
    row = main_table(found).sections[1].rows[0]
    assert (row.primary.text, [c.text for c in row.others]) == ("20.0", ["60.0", "60.0"])
    assert main_table(found).primary == ("robust accuracy, %", "worst of FGSM and PGD, ε = 0.1")


def test_the_difference_to_dense_is_paired_on_the_worst_case():
    dense, sparse = run("dense", 0.0, *pair()), run("snip", 0.9, *pair(pgd_kept=some(range(100, N))))
    (d,) = judged(arrange([dense, sparse])).differences.values()
    expected = newcombe_paired(some(range(100, 120)), some(range(80, 120)))
    assert (d.value, d.low, d.only_row, d.only_dense) == (-0.1, expected.low, 0, 20)


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
    found = judged(arrange([run("dense", 0.0, *pair()), run("snip", 0.9, *missing)]))
    assert (found.lineup.robustness.several, found.primary[0].value) == (False, 0.6)
    assert found.lineup.robustness.worst.left_out == ("pgd",)
    assert "Left out in ℓ∞, because some network lacks it: PGD." in against_eps(found).facts


def test_l2_attacks_never_enter_the_worst_case_of_linf():
    lineup = arrange([run("snip", 0.9, *pair(), carlini_wagner(RIGHT, np.full(N, 0.01)))])
    assert "carlini-wagner" not in lineup.robustness.worst.attacks
    assert lineup.worst("l2").attacks == ("carlini-wagner",)


def test_the_median_distance_is_that_of_the_nearest_image_any_attack_found():
    """Each attack is at 1 for one half and at 3 for the other: its median is 2, that of the nearest 1."""
    half = np.arange(N) < N / 2
    outcomes = (
        carlini_wagner(RIGHT, np.where(half, 1.0, 3.0)),
        nearest(RIGHT, np.where(half, 3.0, 1.0)),
    )
    row = main_table(judged(arrange([run("snip", 0.9, *attacked(N, 100), *outcomes)]))).sections[0].rows[0]
    assert row.distance.text == "1.00"
    table = main_table(judged(arrange([run("snip", 0.9, *attacked(N, 100), *outcomes)])))
    assert table.distance == ("nearest of\u00a02,", "median ℓ₂")


def curve_of(ax, points):
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == points and line.get_linewidth() > 1]
    return line


def test_the_eps_figure_draws_the_lower_envelope_and_not_the_smaller_mean():
    survivors = ([first(N), first(120), first(60)], [first(N), some(range(80, N)), some(range(100, N))])
    one = run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, survivors[0]), budgeted(RIGHT, survivors[1]))
    ax = Figure().add_subplot()
    report.plot_accuracy_against_eps(ax, [one])
    line = curve_of(ax, 4)
    assert np.allclose(line.get_xdata(), [0, *EPS])
    assert np.allclose(line.get_ydata(), [100, 100, 20, 0])  # the means are 60 and 60, 30 and 50


def test_fgsm_alone_shows_the_worst_so_far_and_beside_it_what_was_measured():
    right = first(N)
    one = run("snip", 0.9, accuracy(right), fgsm(right, [first(100), first(60), first(140)]))
    ax = Figure().add_subplot()
    report.plot_accuracy_against_eps(ax, [one])
    lines = sorted((x for x in ax.lines if len(x.get_xdata()) == 4), key=lambda x: x.get_linewidth())
    assert [list(x.get_ydata()) for x in lines] == [[100, 50, 30, 70], [100, 50, 30, 30]]
    falling = run("snip", 0.9, accuracy(right), fgsm(right, [first(100), first(60), first(20)]))
    ax = Figure().add_subplot()
    report.plot_accuracy_against_eps(ax, [falling])
    assert len([x for x in ax.lines if len(x.get_xdata()) == 4]) == 1


def test_success_against_distance_is_that_of_all_l2_attacks_together():
    half = np.arange(N) < N / 2
    outcomes = (
        carlini_wagner(RIGHT, np.where(half, 0.5, np.inf)),
        nearest(RIGHT, np.where(half, np.inf, 0.5)),
        budgeted(RIGHT, [first(N) & ~some(7)], "pgd-l2", eps=(0.25,), norm="l2", headline=0.25),
    )
    one = run("snip", 0.9, accuracy(RIGHT), *outcomes)
    ax = Figure().add_subplot()
    report.plot_success_against_distance(ax, [one])
    line = max(ax.lines, key=lambda x: len(x.get_xdata()))
    x, y = np.array(line.get_xdata()), np.array(line.get_ydata())
    assert y[-1] == 100
    assert np.allclose(y[(x > 0.26) & (x < 0.49)], 0.5)  # the one image of PGD
    alone = Figure().add_subplot()
    report.plot_success_against_distance(alone, [one], evaluator="carlini-wagner")
    assert max(alone.lines, key=lambda x: len(x.get_xdata())).get_ydata()[-1] == 50
    found = judged(arrange([one]))
    assert against_distance(found).name == "the worst of PGD ℓ₂, Carlini–Wagner and minimum norm"


def test_the_curve_of_a_worst_case_never_rises():
    stream = np.random.default_rng(0)
    kept = [[stream.random(N) < p for p in (0.5, 0.7, 0.4)] for _ in range(2)]
    found = judged(
        arrange([run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, kept[0]), budgeted(RIGHT, kept[1]))])
    )
    from sparserobust.report.figures.eps import worst_curve

    values = [e.value for _, e in worst_curve(found.lineup.robustness.worst)(found.lineup.groups[0])]
    assert all(b <= a for a, b in itertools.pairwise(values))


def test_attacks_with_one_aim_are_named_together_in_the_threat_model():
    near = nearest(RIGHT, np.full(N, 0.7))
    lineup = arrange([run("snip", 0.9, *pair(), carlini_wagner(RIGHT, np.full(N, 0.7)), near)])
    text = threat_model(lineup)[0]
    assert "FGSM and PGD inside an ℓ∞ ball of ε = 0.1; Carlini–Wagner and minimum norm for" in text


@pytest.mark.parametrize("seeds", [1, 3])
def test_several_seeds_are_averaged_after_the_worst_case_of_each(seeds):
    runs = [run("snip", 0.9, *pair(pgd_kept=some(range(80 + 10 * s, N))), seed=s) for s in range(seeds)]
    value = judged(arrange(runs)).primary[0]
    assert value.value == pytest.approx(np.mean([(120 - 80 - 10 * s) / N for s in range(seeds)]))
    assert value.seeds == seeds
