"""Rows without a network, as page and terminal show them: a result of the method, or a failure."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse, arrange
from sparserobust.records import remark
from sparserobust.report import summary_table
from sparserobust.report.figures import cost
from sparserobust.report.figures.splits import methods
from sparserobust.report.page import render
from sparserobust.report.table.rows import main_table
from sparserobust.report.text.badge import badge
from sparserobust.report.text.remarks import in_short, sentence
from sparserobust.report.text.trust import doubts
from sparserobust.report.text.verdict import verdict

from .factory import BROKEN, CANNOT, accuracy, attacked, first, history, not_made, run
from .test_page import full, read

SHORT = "cannot choose 100 weights: event 2 of 60: only 12 of 1000 scores are finite and non-zero"


def words(*runs) -> str:
    return " ".join("".join(s.text for s in paragraph) for paragraph in verdict(analyse(runs)))


def three(made=(0, 1, 2), robust=90, **facts):
    """Three seeds of dense and SNIP; those that are not in `made` have no network."""
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s, trained=history()) for s in range(3)]
    for s in range(3):
        one = run("snip", 0.9, *attacked(190, robust + s), seed=s, trained=history(), **facts)
        runs.append(one if s in made else not_made(one))
    return runs


def cannot(message):
    return remark("cannot-choose", weights=3, message=message, layers=[])


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        (CANNOT, SHORT),
        (cannot("all scores are equal"), "cannot choose 3 weights: all scores are equal"),
        (cannot("no flow. No gradient passes a"), "cannot choose 3 weights: no flow"),
        (BROKEN, "not made: ModelError: layers a and b share one tensor"),
    ],
)  # fmt: skip
def test_the_reason_in_short_is_its_first_clause(reason, short):
    assert in_short(sentence(reason)) == short
    assert len(in_short(sentence(reason) * 9)) <= 120


def test_a_list_of_layers_is_cut_after_a_whole_name():
    layers = ", ".join(f"body.{k}.conv2.weight" for k in range(3, 50))
    short = in_short(f"cannot choose 171956 weights: event 1 of 100: nothing passes {layers}")
    assert short.endswith(", body.4.conv2.weight …")


def test_the_row_stands_in_the_table_with_the_reason_in_place_of_numbers():
    table = main_table(analyse(three(made=())))
    (row,) = table.sections[1].rows
    assert (row.name, row.not_made, row.chip, row.sparsity) == ("SNIP", SHORT, "", "")
    assert table.has_undecided
    html = render(three(made=()))
    assert f">{SHORT}</td>" in html
    assert "another initialisation or a lower sparsity" in "".join(read(html).text)


def test_a_row_that_could_not_be_made_is_no_red_flag():
    shown = badge(analyse(three(made=())))
    assert (shown.text, shown.level) == ("Trust: upper bound", 0)
    assert shown.lines[:2] == ("1 of 1 row without a red flag", "1 row without a network: cannot choose")


def test_any_other_error_is_a_failure_told_once_and_no_doubt_about_the_others():
    dense = run("dense", 0.0, *attacked(190, 100))
    broken = not_made(run("snip", 0.9, *attacked(190, 90)), BROKEN)
    found = analyse([dense, broken])
    assert doubts(found.trust[1], {}) == ["not made: ModelError: layers a and b share one tensor"]
    assert main_table(found).sections[1].rows[0].chip == "not made"
    shown = badge(found)
    assert (shown.text, shown.lines[1]) == ("Trust: upper bound", "1 row without a network: not made")
    assert render([dense, broken]).count("share one tensor") == 2  # in the table, and among the remarks
    assert "cannot choose" not in words(dense, broken)


def test_of_seeds_that_could_not_choose_and_seeds_that_failed_both_are_told():
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(2)]
    runs += [
        not_made(run("snip", 0.9, *attacked(190, 90), seed=s), reason)
        for s, reason in enumerate((CANNOT, BROKEN))
    ]
    assert doubts(analyse(runs).trust[1], {}) == [
        f"{sentence(CANNOT)} (seed 0)",
        f"{sentence(BROKEN)} (seed 1)",
    ]


def test_one_seed_that_cannot_choose_leaves_the_mean_to_the_others():
    found = analyse(three(made=(0, 2)))
    row = main_table(found).sections[1].rows[0]
    assert (row.primary.text, row.not_made, row.chip) == ("45.5", "", "check")  # 90 and 92 of 200
    assert row.clean.dim.endswith("n = 2")
    told = f"{sentence(CANNOT)} (seed 1); the means are over the other seeds"
    assert doubts(found.trust[1], {}) == [told]


def test_the_verdict_tells_it_as_a_result():
    runs = [*three(made=()), *(run("random", 0.9, *attacked(190, 60), seed=s) for s in range(3))]
    assert "random is lower than dense; SNIP cannot choose its weights." in words(*runs)
    text = words(*three(made=()))
    assert text.startswith("No method here could choose its weights; the table says why.")


def test_figures_and_cost_leave_it_out():
    gone = not_made(full("snip", 0.95))
    runs = [full("dense", 0.0), full("snip", 0.9), gone, not_made(full("grasp", 0.9))]
    lineup = arrange(runs)
    assert [(name, len(groups)) for name, _, groups in methods(lineup)] == [("SNIP", 1)]
    (row,) = cost.rows(lineup, "kept")
    assert row.values == ((0.9, pytest.approx(0.1)),)


def test_a_recipe_or_a_deviation_is_never_claimed_for_what_was_not_trained():
    text = "".join(read(render([full("dense", 0.0), not_made(full("snip", 0.9))])).text)
    assert "trained elsewhere" not in text
    assert "not trained here" not in text


def test_the_terminal_says_it_in_one_line():
    lines = summary_table(three(made=(0, 2))).splitlines()
    assert sum("cannot choose" in line for line in lines) == 1
    (place,) = (k for k, line in enumerate(lines) if "cannot choose" in line)
    assert lines[place].startswith("SNIP 0.9, seed 1: cannot choose 100 weights: event 2 of 60")
    assert lines[-1].startswith("check 1 of 2 rows before relying on them (SNIP 0.9)")
    lines = summary_table(three(made=())).splitlines()
    assert lines[-1].startswith("SNIP 0.9: cannot choose 100 weights")
    assert any(line.split()[:4] == ["SNIP", "0.9000", "no", "mask"] for line in lines)
    assert any(line.startswith("no mask = ") for line in lines)


def test_a_page_of_nothing_but_dense_and_undecided_methods_stands():
    runs = [full("dense", 0.0), *(not_made(full(m, s)) for m in ("snip", "grasp") for s in (0.9, 0.95))]
    read(render(runs))
    read(render([not_made(run("snip", 0.9, accuracy(first(190))))]))
