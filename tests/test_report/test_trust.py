"""Whether a row can be believed."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.report.badge import badge
from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.rows import main_table
from sparserobust.report.trust import ARTEFACT, CHECK, COLLAPSED, FINE

from .attack_factory import audit, budgeted
from .factory import N, accuracy, attacked, carlini_wagner, failed, fgsm, first, history, run, skipped


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
    (note,) = found.trust[1].notes
    assert note.startswith("FGSM leaves 60.0 %, PGD leaves 20.0 % (")
    assert note.endswith("fails from 15): read the worst case, and run square or the audit gradient-masking")
    row = main_table(found).sections[1].rows[0]
    assert (row.primary.text, row.struck, row.word) == ("20.0", False, "lower")


def beside(name, kept, *others):
    """FGSM leaves 50 % of dense and of SNIP; another attack leaves `kept` of SNIP and takes nothing from dense."""
    right = first(190)
    own, of_dense = (budgeted(right, [first(k)] * 3, name) for k in (kept, 100))
    runs = [
        run("dense", 0.0, *attacked(190, 100), of_dense),
        run("snip", 0.9, *attacked(190, 100), own, *others),
    ]
    return judged(arrange(runs)).trust[1]


@pytest.mark.parametrize(("kept", "expected"), [(84, FINE), (64, CHECK)])
def test_the_slack_of_one_attack_is_no_reason_to_doubt_a_worst_case_and_a_failure_is(kept, expected):
    """8 points are slack; 18 say that gradients mislead FGSM, and so perhaps PGD."""
    trust = beside("pgd", kept)
    assert trust.verdict == expected
    (said,) = trust.notes if expected == CHECK else trust.asides
    assert said.startswith(f"FGSM leaves 50.0 %, PGD leaves {kept / 2:.1f} % (")
    assert "looked at from 5, fails from 15" in said
    assert "read the worst case" in said


def test_what_is_no_reason_to_doubt_never_stands_for_the_reason():
    """The row is to be checked for the failure; the slack beside it is an aside."""
    trust = beside("pgd", 84, failed("saliency", "out of memory"))
    assert (trust.verdict, trust.notes, len(trust.asides)) == (CHECK, (), 1)
    assert trust.failures == ("saliency failed: out of memory",)


@pytest.mark.parametrize(("sparsity", "said"), [(0.476, True), (0.39, False), (0.4, False)])
def test_a_rule_that_does_not_come_to_the_target_says_so_without_being_doubtful(sparsity, said):
    """Of 0.6 that were to be kept, 5 % are 0.03."""
    made = run("starfire-window", sparsity, *attacked(190, 100))
    asked = made.model_copy(update={"subject": made.subject.model_copy(update={"target_sparsity": 0.4})})
    trust = judged(arrange([run("dense", 0.0, *attacked(190, 100)), asked])).trust[1]
    text = "its sparsity is 0.4760, asked for was 0.4; `sparserobust describe starfire-window` says how it prunes"
    assert (trust.verdict, trust.asides) == (FINE, (text,) if said else ())


def test_an_attack_that_needs_no_gradient_or_an_audit_that_supports_settles_it():
    assert beside("square", 64).verdict == FINE
    assert beside("pgd", 64, audit("supported", (0.5, 0.45, 0.33, 0.32))).verdict == FINE
    assert beside("pgd", 64, audit("upper bound only", (0.5, 0.45, 0.33, 0.32))).verdict == CHECK


def test_a_masked_loss_is_a_matter_of_fgsm_alone_where_another_attack_shares_the_number():
    """Alone, FGSM's number is doubtful; beside PGD its broken images of both steps are in the worst case."""
    right = first(190)
    masked = fgsm(right, [first(150), first(100), first(20)], [first(150), first(92), first(20)])
    assert verdict(accuracy(right), masked).verdict == CHECK
    dense = run("dense", 0.0, *attacked(190, 100), budgeted(right, [first(100)] * 3))
    sparse = run("snip", 0.9, accuracy(right), masked, budgeted(right, [first(90)] * 3))
    together = judged(arrange([dense, sparse])).trust[1]
    assert together.verdict == FINE
    assert (together.evidence["margin"].level, together.notes, len(together.asides)) == (0, (), 1)


def test_fgsm_alone_above_what_the_audit_leaves_is_to_be_checked_though_the_audit_supports_the_network():
    trust = verdict(*attacked(190, 160), audit("supported", (0.8, 0.79, 0.55, 0.55)))
    assert trust.verdict == CHECK
    assert trust.notes[0].startswith("FGSM leaves 80.0 %, the audit’s attacks leave 55.0 %: run pgd")
    assert verdict(*attacked(190, 100), audit("supported", (0.5, 0.5, 0.48, 0.47))).verdict == FINE


def test_an_attack_without_a_part_in_the_number_of_the_table_warns_elsewhere():
    far = carlini_wagner(first(190), np.full(N, 0.7), ("its distances are longer than needed",))
    assert verdict(*attacked(190, 100), far).verdict == FINE
    loud = attacked(190, 100)[1].model_copy(update={"warnings": ("it could not move",)})
    assert verdict(attacked(190, 100)[0], loud).notes == ("FGSM: it could not move",)


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


@pytest.mark.parametrize(("epochs", "expected"), [(3, FINE), (5, CHECK)])
def test_another_length_of_training_than_that_of_dense_is_told(epochs, expected):
    dense = run("dense", 0.0, *attacked(190, 100), trained=history(epochs=3))
    snip = run("snip", 0.9, *attacked(190, 100), trained=history(epochs=epochs))
    trust = judged(arrange([dense, snip])).trust[1]
    assert trust.verdict == expected
    told = "trained 5 epochs, the dense network beside it 3: a difference may be that of the training"
    assert trust.notes == (() if expected == FINE else (told,))
