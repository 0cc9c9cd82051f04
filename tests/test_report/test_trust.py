"""Whether a row can be believed."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.report.badge import badge
from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.rows import main_table
from sparserobust.report.trust import ARTEFACT, CHECK, COLLAPSED, FINE

from .factory import N, accuracy, attacked, carlini_wagner, failed, fgsm, first, run, skipped


def verdict(*outcomes, **facts):
    dense = run("dense", 0.0, *attacked(190, 100))
    found = judged(arrange([dense, run("snip", 0.9, *outcomes, **facts)]))
    return found.trust[1]


def test_a_healthy_row_has_no_red_flag():
    assert verdict(*attacked(190, 100)).verdict == FINE


@pytest.mark.parametrize(("right", "expected"), [(20, COLLAPSED), (27, COLLAPSED), (40, FINE)])
def test_collapsed_means_within_the_wilson_interval_of_the_majority_share(right, expected):
    """27 of 200: [.094, .189] holds .1; 40 of 200: [.150, .261] does not."""
    assert verdict(*attacked(right, right // 2)).verdict == expected


@pytest.mark.parametrize(("zero", "expected"), [(0.01, FINE), (0.05, CHECK), (0.2, ARTEFACT)])
def test_zero_gradients_are_a_red_flag(zero, expected):
    assert verdict(*attacked(190, 100, zero=zero)).verdict == expected


@pytest.mark.parametrize(("broken_more", "expected"), [(2, FINE), (8, CHECK), (60, ARTEFACT)])
def test_a_margin_that_breaks_more_than_the_loss_is_a_red_flag(broken_more, expected):
    right = first(190)
    robust = [first(150), first(100), first(20)]
    margin = [first(150), first(100 - broken_more), first(20)]
    assert verdict(accuracy(right), fgsm(right, robust, margin)).verdict == expected


def test_accuracy_that_rises_with_the_budget_is_a_red_flag():
    right = first(190)
    trust = verdict(accuracy(right), fgsm(right, [first(60), first(100), first(100)]))
    assert trust.verdict == CHECK
    assert trust.evidence["rise"].text == "+20.0"


def test_not_found_is_counted_and_flagged():
    right = first(190)
    distance = np.full(N, 0.7)
    distance[:19] = np.inf
    trust = verdict(*attacked(190, 100), carlini_wagner(right, distance))
    assert trust.evidence["found"].text == "19 of 190"
    assert trust.verdict == CHECK


def stronger(name, **settings):
    """A dense and a DCTpS network; another attack takes little from the one and two thirds from the other."""
    right = first(190)
    own, other = (
        fgsm(right, kept).model_copy(update={"evaluator": name, "settings": settings})
        for kept in ([first(60), first(40), first(0)], [first(120), first(90), first(10)])
    )
    dense = run("dense", 0.0, *attacked(190, 100), other)
    return judged(arrange([dense, run("dctps", 0.99, *attacked(190, 120), own, offset="dct")]))


def test_another_attack_that_takes_it_away_makes_an_artefact_of_the_number_in_the_table():
    """An attack of unknown norm has no part in the worst case, so the table still shows FGSM's 60 %."""
    found = stronger("theirs")
    assert found.trust[1].verdict == ARTEFACT
    row = main_table(found).sections[1].rows[0]
    assert row.struck
    assert row.filled
    assert row.word == "not ranked"
    assert row.strip.beyond == "right"


def test_where_the_table_shows_the_worst_case_that_attack_is_already_in_the_number():
    found = stronger("pgd", norm="linf")
    assert found.trust[1].verdict == CHECK
    assert found.trust[1].notes == ("FGSM leaves 60.0 %, PGD leaves 20.0 %",)
    row = main_table(found).sections[1].rows[0]
    assert (row.primary.text, row.struck, row.word) == ("20.0", False, "lower")


def test_a_failed_outcome_is_a_red_flag_and_a_skipped_one_is_not():
    trust = verdict(*attacked(190, 100), failed("carlini-wagner", "out of memory"))
    assert trust.verdict == CHECK
    assert trust.failures == ("carlini-wagner failed: out of memory",)
    assert verdict(*attacked(190, 100), skipped("gradient-norm", "no training data")).verdict == FINE


def test_the_badge_counts_rows_and_never_calls_fgsm_an_audit():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 100))]
    found = badge(judged(arrange(runs)))
    assert (found.text, found.level) == ("Trust: upper bound", 0)
    assert found.lines == ("2 of 2 rows without a red flag", "no attack here is an audit")
    runs.append(run("random", 0.9, *attacked(20, 10)))
    found = badge(judged(arrange(runs)))
    assert (found.text, found.level) == ("Trust: check", 1)
    assert "1 collapsed" in found.lines
    assert badge(judged(arrange([runs[0], runs[2]]))).level == 2
