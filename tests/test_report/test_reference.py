"""A dense network that collapsed, was not trained or whose training diverged is no reference: how the page says it."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse
from sparserobust.report import summary_table
from sparserobust.report.page import render
from sparserobust.report.table.rows import main_table
from sparserobust.report.text.verdict import verdict

from .attack_factory import with_margin
from .factory import accuracy, attacked, history, run
from .test_page import read


def diverged(seed=0, clean=190):
    trained = history().model_copy(update={"status": "diverged"})
    return run("dense", 0.0, *attacked(clean, clean // 2), trained=trained, seed=seed)


UNFIT = {
    "collapsed": (
        run("dense", 0.0, *attacked(20, 20)),
        "the dense network always names one class (10.0 % clean accuracy)",
    ),
    "diverged": (diverged(), "the training of the dense network diverged"),
    "untrained": (run("dense", 0.0, *attacked(190, 96), training="none"), "nobody trained the dense network"),
}


@pytest.fixture(params=list(UNFIT))
def unfit(request):
    """(dense network, why it is no reference)."""
    return UNFIT[request.param]


def words(*runs):
    return " ".join("".join(s.text for s in p) for p in verdict(analyse(runs)))


def test_nothing_is_ranked_against_it(unfit):
    """96 of 200 against 20 of 200 would be "+38 points, higher"."""
    dense, why = unfit
    found = analyse([dense, run("snip", 0.9, *attacked(190, 96))])
    first_row, row = (section.rows[0] for section in main_table(found).sections)
    assert (row.primary.text, row.word) == ("48.0", "not ranked")
    assert row.difference.reason == f"not ranked: {why}"
    assert (row.bold, row.strip.band, row.strip.line) == (False, None, None)
    assert first_row.difference.dim == f"no reference: {why}"


def test_the_verdict_says_so_and_claims_nothing(unfit):
    dense, why = unfit
    text = words(dense, run("snip", 0.9, *attacked(190, 96)))
    assert text.startswith(f"Nothing here can be compared with dense: {why}.")
    assert "higher" not in text
    assert "more robust" not in text


def test_the_section_example_by_example_says_so_and_shows_no_deciles(unfit):
    dense, why = unfit
    right = dense.outcomes["accuracy"].per_example["correct"]
    known = with_margin(accuracy(right), right.astype(float))
    dense = dense.model_copy(update={"outcomes": {**dense.outcomes, "accuracy": known}})
    html = render([dense, run("snip", 0.9, *attacked(190, 96))])
    text = "".join(read(html).text)
    assert f"Nothing can be compared: {why}.".replace(" %", "\u00a0%") in text
    assert "decile" not in text


def test_the_terminal_says_diverged_and_not_ranked():
    lines = summary_table([diverged(), run("snip", 0.9, *attacked(190, 96))]).splitlines()
    assert lines[2].split()[:5] == ["dense", "0", "95.0", "diverged", "-"]
    assert "no reference" in lines[2]
    assert "not ranked" in lines[3]
    assert any(line.startswith("diverged = ") for line in lines)
    collapsed = summary_table([UNFIT["collapsed"][0], run("snip", 0.9, *attacked(190, 96))])
    assert "collapsed" in collapsed
    assert "+38" not in collapsed
    untrained = summary_table([UNFIT["untrained"][0], run("snip", 0.9, *attacked(190, 96))]).splitlines()
    assert ("untrained" in untrained[2], "no reference" in untrained[2]) == (True, True)


def test_a_sparse_network_that_diverged_is_shown_and_not_ranked():
    trained = history().model_copy(update={"status": "diverged"})
    runs = [run("dense", 0.0, *attacked(190, 96)), run("snip", 0.9, *attacked(190, 120), trained=trained)]
    row = main_table(analyse(runs)).sections[1].rows[0]
    assert (row.chip, row.primary.text, row.word, row.bold) == ("diverged", "60.0", "not ranked", False)
    assert "SNIP diverged in training." in words(*runs)
    assert words(*runs).startswith("No sparse network here can be ranked")
    assert summary_table(runs).splitlines()[3].split()[3] == "diverged"


def test_a_reference_of_which_some_seeds_are_unfit_says_how_many_are_not():
    h = history()
    dense = [run("dense", 0.0, *attacked(190, 80 + 2 * s), seed=s, trained=h) for s in range(2)]
    sparse = [run("snip", 0.9, *attacked(190, 96 + 4 * s), seed=s, trained=h) for s in range(3)]
    cell = main_table(analyse([*dense, diverged(seed=2), *sparse])).sections[0].rows[0].difference
    assert cell.dim == "reference, 3 networks, 2 of them fit to be one"
