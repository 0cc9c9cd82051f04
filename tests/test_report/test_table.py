"""The main table's cells and the verdict, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.rows import MainTable, main_table
from sparserobust.report.strip import scale_over
from sparserobust.report.threat import threat_model, title
from sparserobust.report.verdict import verdict

from .factory import N, accuracy, attacked, carlini_wagner, first, flops, run, storage


def table(*runs) -> MainTable:
    return main_table(judged(arrange(runs)))


def rows(*runs):
    return {row.name: row for section in table(*runs).sections for row in section.rows}


def words(*runs) -> str:
    paragraphs = verdict(judged(arrange(runs)))
    return " ".join("".join(span.text for span in paragraph) for paragraph in paragraphs)


DENSE = run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0), flops(1192960.0))


def test_a_row_shows_hand_computed_numbers():
    row = rows(DENSE, run("snip", 0.9, *attacked(180, 80), storage(0.9, 0.1), flops(119296.0)))["SNIP"]
    assert row.sparsity == "0.9000"
    assert (row.clean.text, row.clean.dim) == ("90.0", "[85.1,\u00a093.4]")  # Wilson, 180 of 200
    assert row.primary.text == "40.0"
    assert row.difference.text == "−10.0"
    assert row.word == "lower"
    assert row.harmonic.text == "0.900"
    assert (row.stored.text, row.macs.text, row.saving) == ("2.00", "119\u202f296", "10×")


def test_hm_of_a_frozen_net_stands_in_brackets_and_uses_trainable_weights():
    frozen = run("freezenet", 0.9, *attacked(180, 80), storage(0.0, 0.1), flops(1192960.0), offset="frozen")
    row = rows(DENSE, frozen)["FreezeNet"]
    assert (row.harmonic.text, row.harmonic.dim) == ("", "(0.900)")
    assert (row.saving, row.saving_alert, row.runs_dense) == ("no saving", True, True)


def test_a_collapsed_row_has_a_dash_and_the_reason_instead_of_robustness():
    row = rows(DENSE, run("random", 0.99, *attacked(20, 20)))["random"]
    assert (row.primary.text, row.chip) == ("—", "collapsed")
    assert row.difference.reason == "collapsed: robustness not meaningful"
    assert row.strip.tick is None


def test_an_infinite_median_says_of_how_many_images_nothing_was_found_and_is_no_dash():
    distance = np.where(np.arange(N) < 60, 0.5, np.inf)
    row = rows(DENSE, run("snip", 0.9, *attacked(190, 100), carlini_wagner(first(190), distance)))["SNIP"]
    assert (row.distance.text, row.distance.dim, row.distance.reason) == ("", "not found: 130 of 190", "")


def test_what_was_not_measured_is_never_zero():
    found = rows(DENSE, run("snip", 0.9, accuracy(first(190))))["SNIP"]
    assert {found.primary.text, found.stored.text, found.macs.text, found.harmonic.text} == {"—"}
    assert found.stored.reason == "not measured: storage was not run"


def test_columns_of_evaluators_that_never_ran_are_left_out_and_named():
    found = table(run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90)))
    assert found.absent == ("carlini-wagner", "storage", "flops")
    assert not found.shown & {"distance", "stored", "macs", "harmonic"}


def test_seeds_are_shown_as_mean_and_students_interval():
    """90, 95, 97.5 %: mean 94.17, sd 3.819, t(2) = 4.303, half width 9.487."""
    runs = [run("snip", 0.9, accuracy(first(k)), seed=s) for s, k in enumerate((180, 190, 195))]
    (row,) = rows(*runs).values()
    assert (row.primary.text, row.clean.text, row.clean.dim) == ("94.2", "94.2", "± 9.5")


def test_bold_needs_higher_after_holm_and_no_red_flag():
    assert rows(DENSE, run("snip", 0.9, *attacked(190, 130)))["SNIP"].bold
    assert not rows(DENSE, run("snip", 0.9, *attacked(190, 103)))["SNIP"].bold
    assert not rows(DENSE, run("snip", 0.9, *attacked(190, 130, zero=0.05)))["SNIP"].bold


def test_rescued_weights_stand_beside_the_sparsity():
    assert rows(run("snip", 0.9, *attacked(190, 100), rescued=2))["SNIP"].rescued == "+2"


def test_the_verdict_names_the_winner_its_price_and_the_losers():
    winner = run("snip", 0.9, *attacked(190, 130), storage(0.9, 0.1), flops(119296.0))
    text = words(DENSE, winner, run("random", 0.9, *attacked(190, 60)))
    assert text.startswith("SNIP at sparsity 0.9 is more robust than its dense parent: 65.0 % [")
    assert "a paired difference of +15.0 points" in text
    assert "with 20× fewer bytes and 10× fewer multiply-adds" in text
    assert "random is lower than dense" in text
    assert "not about the methods" in text


def test_the_verdict_claims_nothing_that_was_not_shown():
    text = words(DENSE, run("snip", 0.9, *attacked(190, 102)))
    assert text.startswith("No sparse network here is shown to be more robust")
    assert (
        "SNIP is not distinguishable from dense (a difference under 2.5 points could not have been seen)"
        in text
    )


def test_the_verdict_without_dense_says_so():
    assert "Relative to dense: not measured (no dense reference given)" in words(
        run("snip", 0.9, *attacked(190, 9))
    )


def test_the_threat_model_comes_from_the_records():
    distance = np.full(N, 0.7)
    lineup = arrange([run("snip", 0.9, *attacked(190, 100), carlini_wagner(first(190), distance))])
    text = " ".join(threat_model(lineup))
    assert "White-box, untargeted attacks on 200 test images of digits" in text
    assert "FGSM inside an ℓ∞ ball of ε = 0.1 and Carlini–Wagner for the smallest ℓ₂ distance" in text
    assert threat_model(arrange([run("snip", 0.9, accuracy(first(190)))]))[0].startswith("No attack was run.")


def test_the_title_counts_methods_and_sparsities():
    runs = [run("dense", 0.0), run("snip", 0.9), run("random", 0.9), run("snip", 0.95)]
    assert title(arrange(runs)) == "mlp5 on digits, two methods at two sparsities"


@pytest.mark.parametrize("values", [[50.0], [0.0, 0.2], [99.9, 100.0], [3.0, 98.0]])
def test_the_scale_holds_every_value_inside_its_ticks(values):
    scale = scale_over(values)
    assert scale is not None
    assert scale.ticks[0] <= min(values)
    assert scale.ticks[-1] >= max(values)
    assert 2 <= len(scale.ticks) <= 7
    assert all(0 < scale.place(value) < 100 for value in values)
