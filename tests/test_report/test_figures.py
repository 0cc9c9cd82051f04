"""The plotting functions on a reader's own axis."""

from __future__ import annotations

import io
import itertools

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from sparserobust import report
from sparserobust.report.figures.style import spread

from .factory import attacked, first, run
from .test_page import comparison

FUNCTIONS = [name for name in report.__all__ if name.startswith("plot_")]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_plot_draws_something_on_a_given_axis(name, seeds):
    ax = Figure().add_subplot()
    getattr(report, name)(ax, comparison(seeds))
    assert ax.lines or ax.collections


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_plot_fails_where_nothing_was_measured(name):
    getattr(report, name)(Figure().add_subplot(), [run("snip", 0.9)])


def test_the_eps_curve_starts_at_clean_accuracy_and_shows_the_recorded_rates():
    ax = Figure().add_subplot()
    report.plot_accuracy_against_eps(ax, [run("snip", 0.9, *attacked(190, 100))])
    (line,) = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert np.allclose(line.get_xdata(), [0, 0.05, 0.1, 0.3])
    assert np.allclose(line.get_ydata(), [95.0, 72.5, 50.0, 12.5])


def test_the_distance_curve_never_counts_not_found_as_broken():
    from .factory import accuracy, carlini_wagner

    distance = np.where(np.arange(200) < 50, 0.5, np.inf)
    ax = Figure().add_subplot()
    report.plot_success_against_distance(
        ax, [run("snip", 0.9, accuracy(first(200)), carlini_wagner(first(200), distance))]
    )
    curve = max(ax.lines, key=lambda line: len(line.get_xdata()))
    assert curve.get_ydata()[-1] == pytest.approx(25.0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_label_that_looks_like_mathematics_is_drawn_as_text(name):
    figure = Figure()
    runs = [one.model_copy(update={"subject": relabelled(one)}) for one in comparison()]
    getattr(report, name)(figure.add_subplot(), runs)
    raw = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(raw, format="svg")
    assert r"$\frac{" in raw.getvalue()


def relabelled(one):
    return one.subject.model_copy(update={"label": rf"$\frac{{ {one.subject.label}", "label_given": True})


@pytest.mark.parametrize("places", [[0.0], [1.0, 1.0, 1.0], [0.0, 5.0, 40.0], [30.0, 2.0, 3.0, 31.0]])
def test_labels_keep_their_order_and_their_distance(places):
    moved = spread(places, 13.0)
    order = np.argsort(places, kind="stable")
    ordered = [moved[i] for i in order]
    assert all(b - a >= 13.0 - 1e-9 for a, b in itertools.pairwise(ordered))
    assert np.mean(moved) == pytest.approx(np.mean(places), abs=13.0)
