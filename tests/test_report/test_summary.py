"""The table for the terminal."""

from __future__ import annotations

import numpy as np

from sparserobust.records import remark
from sparserobust.report import summary_table

from .attack_factory import audit, budgeted, nearest, not_auditable
from .factory import (
    N,
    accuracy,
    attacked,
    carlini_wagner,
    failed,
    first,
    flops,
    history,
    run,
    skipped,
    storage,
)

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


def test_what_the_audit_says_of_a_network_that_it_cannot_audit_is_said_once():
    text = summary_table([DENSE, run("snip", 0.9, *attacked(190, 90), not_auditable())])
    assert text.count("two passes over the same images differ") == 1
    assert "SNIP 0.9: audit: not auditable: two passes over the same images differ" in text
    assert "gradient-masking skipped" not in text


def test_a_failure_is_said_once_under_the_evaluators_name():
    one = run("snip", 0.9, *attacked(190, 90), failed("carlini-wagner", "no memory"))
    lines = summary_table([DENSE, one]).splitlines()
    assert [line for line in lines if "no memory" in line] == ["snip 0.9: carlini-wagner failed: no memory"]
    assert lines[-1] == "check 1 of 2 rows before relying on them (SNIP 0.9): the report says why"


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
    assert ("Carlini-Wagner l2" in head, "MACs" in head, "KiB" in head) == (True, True, False)
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
        run("snip", 0.9, *attacked(190, 100), audit("upper-bound")),
        run("random", 0.9, *attacked(190, 100, zero=0.05), audit("supported")),
    ]
    lines = summary_table(runs).splitlines()
    assert "SNIP 0.9: audit: upper bound only: G8 fails (0.2)" in lines
    assert "audit of 3 networks: 2 supported, 1 upper bound only" in lines
    assert lines[-1] == "check 1 of 3 rows before relying on them (SNIP 0.9): the report says why"
    assert "check" not in summary_table(runs[:1])


def test_what_is_lacking_is_said_in_the_words_of_the_command_line():
    reason = remark("needs-dense-model")
    text = summary_table([run("snip", 0.9, *attacked(190, 90), skipped("transfer", reason))])
    assert "name the dense network's model.sparse as another TARGET" in " ".join(text.split())
    assert "pass dense_model" not in text


def test_an_infinite_median_is_no_dash():
    distance = np.where(np.arange(N) < 60, 0.5, np.inf)
    text = summary_table([run("snip", 0.9, *attacked(190, 100), carlini_wagner(first(190), distance))])
    assert "inf" in text.splitlines()[2].split()
    assert "inf = no adversarial image was found for half of the images or more" in text


def test_the_column_of_distances_is_headed_by_the_attack_or_by_what_it_is():
    near = carlini_wagner(first(190), np.full(N, 0.7)), nearest(first(190), np.full(N, 0.6))
    head = summary_table([run("snip", 0.9, *attacked(190, 100), *near)]).splitlines()[0]
    assert "median l2" in head
    far = nearest(first(190), np.full(N, 0.2), "minimum-norm-linf", norm="linf", caps=(0.1,))
    assert " l2" not in summary_table([run("snip", 0.9, *attacked(190, 100), far)]).splitlines()[0]
    assert (
        "minimum norm l2" in summary_table([run("snip", 0.9, *attacked(190, 100), near[1])]).splitlines()[0]
    )


def test_the_sparsity_of_a_row_is_the_mean_over_its_seeds():
    seeds = []
    for seed, sparsity in ((0, 0.90), (1, 0.94)):
        one = run("starfire-ck", 0.9, *attacked(190, 100), seed=seed)
        seeds.append(
            one.model_copy(update={"subject": one.subject.model_copy(update={"sparsity": sparsity})})
        )
    runs = [*(run("dense", 0.0, *attacked(190, 100), seed=seed) for seed in (0, 1)), *seeds]
    assert "0.9200" in summary_table(runs)


def test_an_untrained_network_has_no_robustness_and_is_explained():
    lines = summary_table([DENSE, run("snip", 0.9, *attacked(190, 130), training="none")]).splitlines()
    assert " ".join(lines[3].split()).startswith("SNIP 0.9000 95.0 untrained - ")
    assert "untrained = its weights are those that were drawn" in lines
    assert lines[-1] == "check 1 of 2 rows before relying on them (SNIP 0.9): the report says why"
    assert "+15" not in "".join(lines)


def test_an_undertrained_network_is_not_ranked():
    one = history(epochs=1)
    short = one.model_copy(update={"epochs": (one.epochs[0].model_copy(update={"loss": 2.2}),)})
    dense = run("dense", 0.0, *attacked(190, 100), trained=short)
    text = summary_table([dense, run("snip", 0.9, *attacked(190, 130, zero=0.2), trained=short)])
    assert "+15.0 not ranked" in text.splitlines()[3]
    assert "SNIP 0.9: undertrained: " in text
    assert "artefact:" not in text


def test_records_edited_after_writing_are_said():
    edited = [
        one.model_copy(update={"integrity": "edited"})
        for one in (DENSE, run("snip", 0.9, *attacked(190, 90)))
    ]
    assert "2 records edited after writing, accepted as they are" in summary_table(edited).splitlines()
    assert (
        "1 record edited after writing, accepted as they are"
        in summary_table([DENSE, edited[1]]).splitlines()
    )
    assert "edited" not in summary_table([DENSE])


def test_attacks_of_one_title_are_told_apart():
    right = first(190)
    outcomes = (
        budgeted(right, [first(100)] * 3),
        budgeted(right, [first(90)] * 3, "pgd-long", title="PGD"),
    )
    text = summary_table([run("snip", 0.9, accuracy(right), *outcomes)])
    assert "worst = the worst of PGD (pgd) and PGD (pgd-long) for each image" in text
