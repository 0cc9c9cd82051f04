"""Runs arranged into rows."""

from __future__ import annotations

import pytest

from sparserobust.errors import ConfigError
from sparserobust.report.groups import arrange
from sparserobust.report.marks import MARKS, assign

from .factory import accuracy, attacked, first, history, run


def test_dense_comes_first_then_sparsities_from_low_to_high():
    runs = [run("snip", 0.99), run("snip", 0.9), run("dense", 0.0), run("random", 0.9)]
    assert [g.title for g in arrange(runs).groups] == ["dense", "SNIP 0.9", "random 0.9", "SNIP 0.99"]


def test_the_same_record_twice_counts_once():
    one = run("snip", 0.9, accuracy(first(190)))
    assert [len(g.runs) for g in arrange([one, one]).groups] == [1]


def test_one_seed_measured_twice_makes_two_rows_that_can_be_told_apart():
    lineup = arrange([run("snip", 0.9, accuracy(first(190))), run("snip", 0.9, accuracy(first(180)))])
    assert [(g.name, g.tag) for g in lineup.groups] == [("SNIP", "no. 1"), ("SNIP", "no. 2")]


def test_rows_of_one_name_are_told_apart_by_what_differs():
    lineup = arrange(
        [run("snip", 0.9, trained=history("digits")), run("snip", 0.9, trained=history("snip-it"))]
    )
    assert [g.tag for g in lineup.groups] == ["digits", "snip-it"]
    lineup = arrange([run("snip", 0.9, model="mlp5"), run("snip", 0.9, model="conv2")])
    assert [g.tag for g in lineup.groups] == ["mlp5", "conv2"]


def test_a_dense_network_of_another_model_is_no_reference():
    lineup = arrange([run("dense", 0.0, model="conv2"), run("snip", 0.9, model="mlp5")])
    assert lineup.sparse[0].unpaired == "no dense network of this model, data and seed"


def test_the_dense_run_that_a_record_names_is_its_reference():
    own = run(None, 0.0, *attacked(190, 100), label="mine")
    sparse = run("snip", 0.9, *attacked(190, 80)).model_copy(update={"dense": own.id})
    lineup = arrange([sparse, own])
    assert [g.name for g in lineup.dense] == ["mine"]
    assert lineup.sparse[0].references == (own,)


def test_no_runs_are_an_error_in_one_line():
    with pytest.raises(ConfigError, match=r"^expected at least one run .*$"):
        arrange([])


def test_unknown_methods_take_free_marks_of_their_family():
    subjects = [run(name, 0.9).subject for name in ("snip", "theirs", "other")]
    subjects.append(run("icy", 0.9, offset="frozen").subject)
    marks = assign(subjects)
    assert len(set(marks.values())) == 4
    assert marks["icy"].hollow
    assert not marks["theirs"].hollow


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.slot)
def test_method_names_can_be_read_in_both_themes(mark):
    assert contrast(mark.text, "#fdfcfa") >= 4.7
    assert contrast(mark.dark_text, "#15171b") >= 4.7


def test_every_colour_of_a_figure_means_one_variable():
    colours = [colour for mark in MARKS[1:] for colour in (mark.colour, mark.text)]
    assert len(colours) == len(set(colours))
