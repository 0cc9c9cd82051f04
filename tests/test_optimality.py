"""The optimality of attacks against the lower envelope: closed forms and a run."""

import numpy as np
import pytest
import torch

import sparserobust as sr
from evaluators import CarliniWagner, MinimumNorm
from sparserobust.records import remark
from sparserobust.stats import optimality


def curve_area(distance, end, points=200_001):
    """Area below the share of examples that are farther away than each distance, by the trapezoid rule."""
    grid = np.linspace(0, end, points)
    ordered = np.sort(distance)
    left = 1 - np.searchsorted(ordered, grid, side="right") / len(ordered)
    return np.trapezoid(left, grid)


def test_it_is_the_area_between_the_curves_as_the_paper_defines_it():
    """Numerically: 1 - (A - A*) / (clean * end - A*), with wrong examples at 0 and failures at infinity."""
    stream = np.random.default_rng(0)
    correct = stream.random(200) < 0.9
    first = np.where(correct, stream.gamma(2.0, 0.5, 200), 0)
    second = np.where(correct, first * stream.uniform(0.8, 1.5, 200), 0)
    second[correct & (stream.random(200) < 0.1)] = np.inf
    found = optimality({"first": first, "second": second}, correct)
    best = np.minimum(first, second)
    end = best[np.isfinite(best)].max()
    area = curve_area(best, end)
    for name, distance in (("first", first), ("second", second)):
        expected = 1 - (curve_area(distance, end) - area) / (correct.mean() * end - area)
        assert found[name] == pytest.approx(expected, abs=1e-4)
    assert found["first"] > found["second"]


def test_the_best_attack_scores_one_and_one_that_finds_nothing_zero():
    correct = np.ones(4, dtype=bool)
    found = optimality({"best": np.array([1.0, 2, 3, 4]), "blind": np.full(4, np.inf)}, correct)
    assert found == {"best": 1.0, "blind": 0.0}


def test_where_nobody_finds_anything_there_is_no_optimality():
    assert optimality({"a": np.full(3, np.inf)}, np.ones(3, dtype=bool)) == {"a": None}


def test_a_run_scores_each_norm_apart_and_says_when_there_is_nothing_to_compare_with():
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("lenet-300-100", data), "dense")
    sr.train(subject, data, epochs=3, recipe="digits")
    examples = data.test.slice(torch.arange(40))
    weak = CarliniWagner(steps=2, warm_start=6)
    run = sr.evaluate(subject, examples, [weak, MinimumNorm(), MinimumNorm(norm="linf", steps=20)])
    scores = {name: outcome.score("optimality") for name, outcome in run.outcomes.items()}
    assert scores["minimum-norm"].value > scores["carlini-wagner"].value
    assert scores["minimum-norm"].value == pytest.approx(1, abs=0.02)
    assert scores["minimum-norm-linf"].value is None
    assert scores["minimum-norm-linf"].reason == remark("no-other-attack", norm="linf")
