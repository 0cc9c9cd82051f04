"""The table for the terminal."""

from __future__ import annotations

import numpy as np

from sparserobust.report import summary_table

from .factory import N, attacked, carlini_wagner, failed, first, flops, run, skipped, storage

DENSE = run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0), flops(1192960.0))


def test_rows_hold_the_main_numbers_in_plain_text():
    distance = np.full(N, 0.71)
    sparse = run(
        "snip",
        0.9,
        *attacked(180, 80),
        carlini_wagner(first(180), distance),
        storage(0.9, 0.1),
        flops(119296.0),
    )
    head, _, dense, snip = summary_table([DENSE, sparse]).splitlines()
    assert head.split()[:3] == ["method", "sparsity", "clean"]
    assert "FGSM 0.1" in head
    assert dense.split()[:3] == ["dense", "0", "95.0"]
    assert " ".join(snip.split()) == "SNIP 0.9000 90.0 40.0 33.5-46.9 0.71 -10.0 lower 2.00 119 296"


def test_no_line_is_wider_than_a_hundred_columns_or_holds_a_control_character():
    rude = run(None, 0.9, *attacked(190, 99), failed("saliency", "x" * 300), label="\x1b[31m" + "name" * 40)
    big = run("snip", 0.99, *attacked(190, 99), storage(0.9, 0.1, 1e9), flops(3.98e11, 3.98e12))
    text = summary_table([DENSE, big, rude])
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "\x1b" not in text


def test_one_line_for_each_outcome_that_failed_or_was_skipped():
    one = run("snip", 0.9, *attacked(190, 90), failed("saliency", "no memory"), skipped("flops", "no rule"))
    lines = summary_table([DENSE, one]).splitlines()
    assert lines[-2:] == ["snip 0.9: saliency failed: no memory", "snip 0.9: flops skipped: no rule"]


def test_what_was_not_measured_is_a_dash():
    row = summary_table([run("snip", 0.9, *attacked(190, 90))]).splitlines()[2].split()
    assert row == ["SNIP", "0.9000", "95.0", "45.0", row[4], "-", "-", "-", "-"]
