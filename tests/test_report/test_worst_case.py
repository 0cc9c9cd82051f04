"""Several attacks as one, in figures and in what stands beside them."""

from __future__ import annotations

import itertools

import numpy as np
from matplotlib.figure import Figure

from sparserobust import report
from sparserobust.analysis import analyse
from sparserobust.analysis.curves import worst_curve
from sparserobust.report.sections.distance import DistanceSection
from sparserobust.report.sections.eps import EpsSection

from .attack_factory import budgeted, nearest, some
from .factory import EPS, N, accuracy, carlini_wagner, failed, fgsm, first, run

RIGHT = first(N)
LOW, HIGH = some(range(0, 120)), some(range(80, N))  # both 60 %, together 20 %


def pair(fgsm_kept=LOW, pgd_kept=HIGH):
    """FGSM leaves `fgsm_kept`, PGD `pgd_kept`, at every budget."""
    return accuracy(RIGHT), fgsm(RIGHT, [fgsm_kept] * 3), budgeted(RIGHT, [pgd_kept] * 3)


def test_an_attack_that_one_network_lacks_is_named_beside_the_curves():
    missing = (accuracy(RIGHT), fgsm(RIGHT, [LOW] * 3), failed("pgd", "out of memory"))
    found = analyse([run("dense", 0.0, *pair()), run("snip", 0.9, *missing)])
    assert "Left out in ℓ∞, because some network lacks it: PGD." in EpsSection().build(found).facts


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
    assert DistanceSection().build(analyse([one])).name == "the worst of PGD, Carlini–Wagner and minimum norm"


def test_the_curve_of_a_worst_case_never_rises():
    stream = np.random.default_rng(0)
    kept = [[stream.random(N) < p for p in (0.5, 0.7, 0.4)] for _ in range(2)]
    found = analyse([run("snip", 0.9, accuracy(RIGHT), fgsm(RIGHT, kept[0]), budgeted(RIGHT, kept[1]))])
    values = [e.value for _, e in worst_curve(found.lineup.robustness.worst)(found.lineup.groups[0])]
    assert all(b <= a for a, b in itertools.pairwise(values))
