"""Attack reliability of a row."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse, checks
from sparserobust.records import remark, said

from ..test_report.attack_factory import audit, budgeted, carried, nearest
from ..test_report.factory import (
    N,
    accuracy,
    attacked,
    carlini_wagner,
    failed,
    fgsm,
    first,
    history,
    run,
    skipped,
    warned,
)

FINE, CHECK, ARTEFACT, COLLAPSED = "no-red-flag", "check", "artefact", "collapsed"


def judged(*outcomes, **facts):
    dense = run("dense", 0.0, *attacked(190, 100))
    return analyse([dense, run("snip", 0.9, *outcomes, **facts)]).trust[1]


def codes(concerns):
    return [concern.remark.code for concern in concerns]


def test_a_healthy_row_has_no_red_flag():
    trust = judged(*attacked(190, 100))
    assert trust.state == FINE
    assert (trust.ranked, trust.reliable, trust.concerns, trust.failures) == (True, True, (), ())


@pytest.mark.parametrize(("right", "expected"), [(20, COLLAPSED), (27, COLLAPSED), (40, FINE)])
def test_collapsed_means_within_the_wilson_interval_of_the_majority_share(right, expected):
    """27 of 200: [.094, .189] holds .1; 40 of 200: [.150, .261] does not."""
    trust = judged(*attacked(right, right // 2))
    assert trust.state == expected
    assert (trust.ranked, codes(trust.concerns)) == (
        (False, ["collapsed"]) if expected == COLLAPSED else (True, [])
    )


def test_some_collapsed_seeds_leave_the_row_to_be_checked():
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(3)]
    runs += [run("snip", 0.9, *attacked(20 if s == 1 else 190, 10), seed=s) for s in range(3)]
    trust = analyse(runs).trust[1]
    assert trust.state == CHECK
    assert trust.concerns[0].remark == remark("some-collapsed", collapsed=1, of=3)


@pytest.mark.parametrize(
    ("zero", "expected"),
    [
        (0.01, FINE),
        (0.019, FINE),
        (0.02, CHECK),
        (0.05, CHECK),
        (0.149, CHECK),
        (0.15, ARTEFACT),
        (0.2, ARTEFACT),
    ],
)
def test_zero_gradients_are_a_red_flag(zero, expected):
    trust = judged(*attacked(190, 100, zero=zero))
    assert trust.state == expected
    assert codes(trust.concerns) == ([] if expected == FINE else ["zero-gradients"])
    assert trust.evidence[checks.ZERO].facts["share"] == zero


@pytest.mark.parametrize(("broken_more", "expected"), [(2, FINE), (8, CHECK), (60, ARTEFACT)])
def test_a_margin_that_breaks_more_than_the_loss_is_a_red_flag(broken_more, expected):
    right = first(190)
    robust = [first(150), first(100), first(20)]
    margin = [first(150), first(100 - broken_more), first(20)]
    trust = judged(accuracy(right), fgsm(right, robust, margin))
    assert trust.state == expected
    facts = trust.evidence[checks.MARGIN].facts
    assert (facts["loss"], facts["margin"]) == (90 / 190, (90 + broken_more) / 190)


def test_accuracy_that_rises_with_the_budget_is_a_red_flag():
    right = first(190)
    trust = judged(accuracy(right), fgsm(right, [first(60), first(100), first(100)]))
    assert trust.state == CHECK
    facts = trust.evidence[checks.RISE].facts
    assert (facts["rise"], facts["eps"], facts["norm"]) == (0.2, 0.1, "linf")


def test_not_found_is_counted_and_flagged():
    right = first(190)
    distance = np.full(N, 0.7)
    distance[:19] = np.inf
    trust = judged(*attacked(190, 100), carlini_wagner(right, distance))
    facts = trust.evidence[checks.FOUND].facts
    assert (facts["lost"], facts["of"]) == (19, 190)
    assert (trust.state, codes(trust.concerns)) == (CHECK, ["not-found-by-any"])


@pytest.mark.parametrize(("lost", "expected"), [(1, FINE), (2, CHECK)])
def test_one_image_in_a_hundred_may_be_found_by_no_attack(lost, expected):
    distance = np.where(np.arange(N) < lost, np.inf, 0.7)
    assert judged(*attacked(190, 100), carlini_wagner(first(190), distance)).state == expected


def test_what_no_attack_of_a_norm_found_is_counted_norm_by_norm():
    """In l2 one of two attacks found each image; in linf none found the first 19."""
    right, places = first(190), np.arange(N)
    outcomes = (
        carlini_wagner(right, np.where(places < 19, np.inf, 0.7)),
        nearest(right, np.where(places >= 19, np.inf, 0.7)),
        nearest(right, np.where(places < 19, np.inf, 0.2), "minimum-norm-linf", norm="linf", caps=(0.1,)),
    )
    facts = judged(*attacked(190, 100), *outcomes).evidence[checks.FOUND].facts
    assert (facts["lost"], facts["of"]) == (19, 380)


def stronger(name, norm):
    """A dense and a DCTpS network; another attack takes little from the one and two thirds from the other."""
    right = first(190)
    of_dense, own = (
        budgeted(right, kept, name, norm=norm)
        for kept in ([first(120), first(90), first(10)], [first(60), first(40), first(0)])
    )
    dense = run("dense", 0.0, *attacked(190, 100), of_dense)
    return analyse([dense, run("dctps", 0.99, *attacked(190, 120), own, offset="dct")])


def test_another_attack_that_takes_it_away_makes_an_artefact_of_the_number_in_the_table():
    """An attack of unknown norm has no part in the worst case, so the table still shows FGSM's 60 %."""
    found = stronger("theirs", None)
    assert found.primary.values[1].value == 0.6
    assert (found.trust[1].state, found.trust[1].ranked) == (ARTEFACT, False)
    assert found.differences[1].result == "not-ranked"


def test_where_the_table_shows_the_worst_case_that_attack_is_already_in_the_number():
    found = stronger("pgd", "linf")
    trust = found.trust[1]
    assert (trust.state, found.primary.values[1].value, found.differences[1].result) == (CHECK, 0.2, "lower")
    (concern,) = trust.concerns
    facts = concern.remark.facts
    assert (concern.remark.code, facts["left"], facts["other_left"]) == ("stronger", 0.6, 0.2)
    assert facts["beyond"] == pytest.approx(0.35)
    assert concern.evidence.advice == ("read-worst", "run-square-or-audit")


def beside(name, kept, *others):
    """FGSM leaves 50 % of dense and of SNIP; another attack leaves `kept` of SNIP and takes nothing from dense."""
    right = first(190)
    own, of_dense = (budgeted(right, [first(k)] * 3, name) for k in (kept, 100))
    runs = [
        run("dense", 0.0, *attacked(190, 100), of_dense),
        run("snip", 0.9, *attacked(190, 100), own, *others),
    ]
    return analyse(runs).trust[1]


@pytest.mark.parametrize(("kept", "expected"), [(84, FINE), (64, CHECK)])
def test_the_slack_of_one_attack_is_no_reason_to_doubt_a_worst_case_and_a_failure_is(kept, expected):
    """8 points are slack; 18 say that gradients mislead FGSM, and so perhaps PGD."""
    trust = beside("pgd", kept)
    assert trust.state == expected
    (told,) = trust.concerns if expected == CHECK else trust.asides
    facts = told.remark.facts
    assert (facts["attack"], facts["left"], facts["other"], facts["other_left"]) == (
        "fgsm",
        0.5,
        "pgd",
        kept / N,
    )
    assert (facts["look"], facts["fail"]) == (0.05, 0.15)
    assert told.evidence.advice[0] == "read-worst"


@pytest.mark.parametrize(("kept", "told"), [(91, False), (89, True)])
def test_less_than_five_points_of_slack_are_not_worth_a_word(kept, told):
    assert bool(beside("pgd", kept).asides) is told


def test_what_is_no_reason_to_doubt_never_stands_for_the_reason():
    """The row is to be checked for the failure; the slack beside it is an aside."""
    trust = beside("pgd", 84, failed("saliency", "out of memory"))
    assert (trust.state, trust.concerns, len(trust.asides)) == (CHECK, (), 1)
    (failure,) = trust.failures
    assert (failure.remark, failure.source) == (said("out of memory"), "saliency")


@pytest.mark.parametrize(("sparsity", "told"), [(0.476, True), (0.39, False), (0.4, False)])
def test_a_rule_that_does_not_come_to_the_target_says_so_without_being_doubtful(sparsity, told):
    """Of 0.6 that were to be kept, 5 % are 0.03."""
    made = run("starfire-window", sparsity, *attacked(190, 100))
    asked = made.model_copy(update={"subject": made.subject.model_copy(update={"target_sparsity": 0.4})})
    trust = analyse([run("dense", 0.0, *attacked(190, 100)), asked]).trust[1]
    facts = {"sparsity": made.subject.sparsity, "target": 0.4, "method": "starfire-window"}
    assert trust.state == FINE
    assert [aside.remark for aside in trust.asides] == ([remark("other-sparsity", **facts)] if told else [])


def test_an_attack_that_needs_no_gradient_or_an_audit_that_supports_settles_it():
    assert beside("square", 64).state == FINE
    assert beside("pgd", 64, audit("supported", (0.5, 0.45, 0.33, 0.32))).state == FINE
    assert beside("pgd", 64, audit("upper-bound", (0.5, 0.45, 0.33, 0.32))).state == CHECK


def test_a_masked_loss_is_a_matter_of_fgsm_alone_where_another_attack_shares_the_number():
    """Alone, FGSM's number is doubtful; beside PGD its broken images of both steps are in the worst case."""
    right = first(190)
    masked = fgsm(right, [first(150), first(100), first(20)], [first(150), first(92), first(20)])
    assert judged(accuracy(right), masked).state == CHECK
    dense = run("dense", 0.0, *attacked(190, 100), budgeted(right, [first(100)] * 3))
    sparse = run("snip", 0.9, accuracy(right), masked, budgeted(right, [first(90)] * 3))
    together = analyse([dense, sparse]).trust[1]
    assert together.state == FINE
    assert (together.evidence[checks.MARGIN].level, together.concerns) == (0, ())
    assert codes(together.asides) == ["margin"]


def test_fgsm_alone_above_what_the_audit_leaves_is_to_be_checked_though_the_audit_supports_the_network():
    trust = judged(*attacked(190, 160), audit("supported", (0.8, 0.79, 0.55, 0.55)))
    assert trust.state == CHECK
    (concern,) = trust.concerns
    assert concern.remark == remark("weaker-than-audit", attack="fgsm", left=0.8, audited=0.55)
    assert concern.evidence.advice == ("run-pgd-and-read-worst",)
    assert judged(*attacked(190, 100), audit("supported", (0.5, 0.5, 0.48, 0.47))).state == FINE


def test_an_attack_without_a_part_in_the_number_of_the_table_warns_elsewhere():
    warning = remark("short-travel", travel=0.5, needed=8)
    far = warned(carlini_wagner(first(190), np.full(N, 0.7)), warning)
    assert judged(*attacked(190, 100), far).state == FINE
    clean, attack = attacked(190, 100)
    (concern,) = judged(clean, warned(attack, warning)).concerns
    assert (concern.remark, concern.source) == (warning, "FGSM")


def test_a_warning_of_the_subject_is_a_concern_of_nobody():
    one = run("snip", 0.9, *attacked(190, 100))
    warning = remark("layer-collapsed", layer="a.weight")
    one = one.model_copy(update={"subject": one.subject.model_copy(update={"warnings": (warning,)})})
    trust = analyse([run("dense", 0.0, *attacked(190, 100)), one]).trust[1]
    assert (trust.state, trust.concerns[0].remark, trust.concerns[0].source) == (CHECK, warning, "")


def test_a_failed_outcome_is_a_red_flag_and_a_skipped_one_is_not():
    trust = judged(*attacked(190, 100), failed("carlini-wagner", "out of memory"))
    assert trust.state == CHECK
    (failure,) = trust.failures
    assert (failure.remark, failure.source) == (said("out of memory"), "Carlini–Wagner")
    reason = remark("needs-training-data")
    assert judged(*attacked(190, 100), skipped("gradient-norm", reason)).state == FINE


@pytest.mark.parametrize(("epochs", "expected"), [(3, FINE), (5, CHECK)])
def test_another_length_of_training_than_that_of_dense_is_told(epochs, expected):
    dense = run("dense", 0.0, *attacked(190, 100), trained=history(epochs=3))
    snip = run("snip", 0.9, *attacked(190, 100), trained=history(epochs=epochs))
    trust = analyse([dense, snip]).trust[1]
    assert trust.state == expected
    told = [remark("other-epochs", epochs=5, dense=3)]
    assert [concern.remark for concern in trust.concerns] == ([] if expected == FINE else told)


@pytest.mark.parametrize(("own", "foreign", "state"), [(72, 36, FINE), (36, 40, FINE), (36, 72, CHECK)])
def test_dense_images_that_surely_break_more_than_ones_own_are_a_red_flag(own, foreign, state):
    runs = [
        run("dense", 0.0, *attacked(190, 100)),
        run("snip", 0.9, *attacked(190, 100), carried(own, foreign)),
    ]
    trust = analyse(runs).trust[1]
    assert trust.state == state
    if state == CHECK:
        facts = trust.concerns[0].remark.facts
        assert (trust.concerns[0].remark.code, facts["eps"]) == ("transfer-gap", 0.1)
        assert facts["gap"] == pytest.approx(0.2)


def test_what_is_true_of_some_seeds_says_of_which():
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(3)]
    runs += [
        run("snip", 0.9, *attacked(190, 100), *([failed("saliency", "no memory")] if s else []), seed=s)
        for s in range(3)
    ]
    (failure,) = analyse(runs).trust[1].failures
    assert failure.seeds == (1, 2)
