"""The table for the terminal."""

from __future__ import annotations

import numpy as np

from sparserobust.report import summary_table

from .attack_factory import audit, budgeted
from .factory import N, accuracy, attacked, carlini_wagner, failed, first, flops, run, skipped, storage

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
    assert lines[-3:-1] == ["snip 0.9: saliency failed: no memory", "snip 0.9: flops skipped: no rule"]


def test_a_failure_stands_whole_and_once_for_all_evaluators_that_share_it():
    reason = "the model returned 9 logits where the data has 10 classes, " + "x" * 150
    one = run("snip", 0.9, *attacked(190, 90), *(failed(name, reason) for name in ("pgd", "square")))
    text = summary_table([DENSE, one])
    assert text.count("the model returned") == 1
    assert "..." not in text
    joined = "".join(line.strip() for line in text.splitlines())
    assert f"snip 0.9: pgd, square failed: {reason}".replace(" ", "") in joined.replace(" ", "")


def test_what_was_asked_for_and_not_measured_is_a_dash_and_what_was_not_has_no_column():
    head, _, row = summary_table([run("snip", 0.9, *attacked(190, 90))]).splitlines()[:3]
    assert head.split() == ["method", "sparsity", "clean", "FGSM", "0.1", "95", "%", "minus", "dense"]
    assert row.split()[:4] == ["SNIP", "0.9000", "95.0", "45.0"]
    asked = (failed("carlini-wagner", "no memory"), skipped("flops", "no rule"))
    head, _, row = summary_table([run("snip", 0.9, *attacked(190, 90), *asked)]).splitlines()[:3]
    assert ("C&W l2" in head, "MACs" in head, "KiB" in head) == (True, True, False)
    assert row.split()[-3:] == ["-", "-", "-"]
    head, _, row = summary_table([run("dense", 0.0, accuracy(first(190)))]).splitlines()[:3]
    assert (head.split(), row.split()) == (["method", "sparsity", "clean"], ["dense", "0", "95.0"])


def test_clean_accuracy_comes_from_any_attack_and_a_worst_case_names_its_norm():
    kept = [first(90)] * 3
    outcomes = (attacked(190, 100)[1], budgeted(first(190), kept))
    head, _, row = summary_table([run("snip", 0.9, *outcomes)]).splitlines()[:3]
    assert "worst linf 0.1" in head
    assert row.split()[2:4] == ["95.0", "45.0"]


def test_an_audit_that_does_not_support_a_network_and_a_check_are_said():
    runs = [
        run("dense", 0.0, *attacked(190, 100), audit("supported")),
        run("snip", 0.9, *attacked(190, 100), audit("upper bound only", sentence="G8 fails (share: 0.2)")),
        run("random", 0.9, *attacked(190, 100, zero=0.05), audit("supported")),
    ]
    lines = summary_table(runs).splitlines()
    assert "SNIP 0.9: audit: upper bound only: G8 fails (share: 0.2)" in lines
    assert "audit of 3 networks: 2 supported, 1 upper bound only" in lines
    assert lines[-1] == "check before you believe 1 of 3 rows (SNIP 0.9): the report says why"
    assert "check" not in summary_table(runs[:1])


def test_what_is_lacking_is_said_in_the_words_of_the_command_line():
    reason = "no dense model was given to carry images over from; pass dense_model= to evaluate"
    text = summary_table([run("snip", 0.9, *attacked(190, 90), skipped("transfer", reason))])
    assert "name the dense network's model.sparse as another TARGET" in " ".join(text.split())
    assert "pass dense_model" not in text
