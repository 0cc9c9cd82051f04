"""The main table's cells, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse
from sparserobust.report.table.rows import MainTable, main_table
from sparserobust.report.table.strip import scale_over

from .attack_factory import budgeted, nearest, some
from .factory import (
    N,
    accuracy,
    attacked,
    carlini_wagner,
    fgsm,
    first,
    flops,
    history,
    run,
    storage,
)


def table(*runs) -> MainTable:
    return main_table(analyse(runs))


def rows(*runs):
    return {row.name: row for section in table(*runs).sections for row in section.rows}


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
    assert (row.saving, row.saving_alert, row.dense_at_inference) == ("no saving", True, True)


def test_a_collapsed_row_has_a_dash_and_the_reason_instead_of_robustness():
    row = rows(DENSE, run("random", 0.99, *attacked(20, 20)))["random"]
    assert (row.primary.text, row.chip) == ("—", "collapsed")
    assert row.primary.reason == "collapsed: robustness not meaningful"
    assert (row.difference.text, row.difference.reason) == ("—", "robustness not meaningful")
    assert row.strip.tick is None


def test_an_infinite_median_says_of_how_many_images_nothing_was_found_and_is_no_dash():
    distance = np.where(np.arange(N) < 60, 0.5, np.inf)
    row = rows(DENSE, run("snip", 0.9, *attacked(190, 100), carlini_wagner(first(190), distance)))["SNIP"]
    assert (row.distance.text, row.distance.dim, row.distance.reason) == ("", "not found: 130 of 190", "")


def test_what_was_not_measured_is_never_zero():
    found = rows(DENSE, run("snip", 0.9, accuracy(first(190))))["SNIP"]
    assert {found.primary.text, found.stored.text, found.macs.text, found.harmonic.text} == {"—"}
    assert found.stored.reason == "not measured: no evaluator of this run measures best_bytes"


def test_columns_of_evaluators_that_never_ran_are_left_out_and_named():
    found = table(run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90)))
    assert found.absent == ("minimum-norm attack", "bytes", "multiply-adds")
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


def test_an_artefact_is_struck_through_and_off_the_scale():
    """An attack of unknown norm takes two thirds of what FGSM leaves, and little from dense."""
    right = first(190)
    of_dense, own = (
        budgeted(right, kept, "theirs", norm=None)
        for kept in ([first(120), first(90), first(10)], [first(60), first(40), first(0)])
    )
    dense = run("dense", 0.0, *attacked(190, 100), of_dense)
    row = rows(dense, run("dctps", 0.99, *attacked(190, 120), own, offset="dct"))["DCTpS"]
    assert (row.struck, row.filled, row.chip, row.word) == (True, True, "artefact", "not ranked")
    assert row.strip.beyond == "right"


def test_a_worst_case_stands_as_the_number_with_its_attacks_beside_it():
    low, high = some(range(0, 120)), some(range(80, N))
    outcomes = accuracy(first(N)), fgsm(first(N), [low] * 3), budgeted(first(N), [high] * 3)
    found = table(run("dense", 0.0, *outcomes), run("snip", 0.9, *outcomes))
    row = found.sections[1].rows[0]
    assert (row.primary.text, [c.text for c in row.others]) == ("20.0", ["60.0", "60.0"])
    assert found.primary == ("robust accuracy, %", "worst of FGSM and PGD, ε = 0.1")
    assert found.others == ("FGSM", "PGD")


def test_the_distance_is_that_of_one_attack_by_name_or_of_the_nearest_of_several():
    half = np.arange(N) < N / 2
    near = carlini_wagner(first(N), np.where(half, 1.0, 3.0)), nearest(first(N), np.where(half, 3.0, 1.0))
    found = table(run("snip", 0.9, *attacked(N, 100), *near))
    assert found.distance == ("nearest of\u00a02,", "median ℓ₂")
    assert found.sections[0].rows[0].distance.text == "1.00"
    found = table(run("snip", 0.9, *attacked(N, 100), near[0]))
    assert found.distance == ("Carlini–Wagner,", "median ℓ₂")


@pytest.mark.parametrize(
    "outcome",
    [
        carlini_wagner(first(190), np.full(N, 0.7)),
        budgeted(first(190), [first(150), first(100)], "pgd-l2", eps=(0.25, 0.5), norm="l2", headline=0.5),
    ],
)
def test_a_radius_in_l2_is_called_so_where_it_leads(outcome):
    found = table(*(run(m, s, accuracy(first(190)), outcome) for m, s in (("dense", 0.0), ("snip", 0.9))))
    assert found.primary[1].endswith(", ℓ₂ = 0.5")


def test_a_network_that_nobody_trained_is_a_chip_and_no_rank():
    found = rows(DENSE, run("snip", 0.9, *attacked(190, 130), training="none"))["SNIP"]
    assert (found.chip, found.primary.text, found.bold, found.word) == ("untrained", "—", False, "")
    assert found.primary.reason == "untrained: robustness not meaningful"
    assert found.strip.tick is None


def test_an_undertrained_network_shows_its_number_unranked():
    one = history(epochs=1)
    short = one.model_copy(update={"epochs": (one.epochs[0].model_copy(update={"loss": 2.2}),)})
    dense = run("dense", 0.0, *attacked(190, 100), trained=short)
    found = rows(dense, run("snip", 0.9, *attacked(190, 130, zero=0.2), trained=short))["SNIP"]
    assert (found.chip, found.primary.text, found.struck) == ("undertrained", "65.0", False)
    assert (found.word, found.bold) == ("not ranked", False)


def test_a_difference_says_what_it_comes_to():
    assert rows(DENSE, run("snip", 0.9, *attacked(190, 100)))["SNIP"].word == "not distinguishable"
    others = [run(m, 0.9, *attacked(190, r)) for m, r in (("snip", 105), ("random", 100), ("grasp", 60))]
    assert rows(DENSE, *others)["SNIP"].word == "n.s. after Holm"
    runs = [run("dense", 0.0, *attacked(190, 100 + s), seed=s) for s in (0, 1)]
    runs += [run("snip", 0.9, *attacked(190, 20 + s), seed=s) for s in (0, 1)]
    assert rows(*runs)["SNIP"].word == "no claim: 2 seeds"


def test_dense_at_inference_is_said_where_the_name_does_not_say_the_offset():
    found = rows(run("freezenet", 0.9, offset="frozen"), run("snip", 0.9, changed={"offset": "frozen"}))
    told = {name: (row.dense_at_inference, row.says_dense) for name, row in found.items()}
    assert told == {"FreezeNet": (True, True), "SNIP + frozen": (True, False)}
    assert table(run("freezenet", 0.9, offset="frozen")).has_dense_at_inference


@pytest.mark.parametrize("values", [[50.0], [0.0, 0.2], [99.9, 100.0], [3.0, 98.0]])
def test_the_scale_holds_every_value_inside_its_ticks(values):
    scale = scale_over(values)
    assert scale is not None
    assert scale.ticks[0] <= min(values)
    assert scale.ticks[-1] >= max(values)
    assert 2 <= len(scale.ticks) <= 7
    assert all(0 < scale.place(value) < 100 for value in values)
