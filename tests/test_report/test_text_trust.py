"""What speaks against a row in words, and the badge over all of them."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse, checks
from sparserobust.records import remark
from sparserobust.report.text.attacks import attack_names
from sparserobust.report.text.badge import badge
from sparserobust.report.text.trust import concern_text, doubts, evidence_text, failure_text

from .attack_factory import audit, budgeted, carried, not_auditable
from .factory import (
    BROKEN,
    N,
    accuracy,
    attacked,
    carlini_wagner,
    failed,
    fgsm,
    first,
    history,
    not_made,
    run,
    warned,
)


def judged(*outcomes, **facts):
    """(SNIP's trust, what evaluators are called)."""
    found = analyse([run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *outcomes, **facts)])
    return found.trust[1], attack_names(found.lineup)


def said(*outcomes, **facts):
    return doubts(*judged(*outcomes, **facts))


def evidence(key, *outcomes):
    return evidence_text(judged(*outcomes)[0].evidence[key])


def test_every_check_shows_its_number():
    right = first(190)
    rising = accuracy(right), fgsm(right, [first(60), first(100), first(100)])
    assert evidence(checks.RISE, *rising) == "+20.0"
    assert evidence(checks.RISE, *attacked(190, 100)) == "0.0"
    distance = np.where(np.arange(N) < 19, np.inf, 0.7)
    assert evidence(checks.FOUND, *attacked(190, 100), carlini_wagner(right, distance)) == "19 of 190"
    assert evidence(checks.ZERO, *attacked(190, 100, zero=0.05)) == "5.0"
    assert evidence(checks.MARGIN, *attacked(190, 95)) == "50.0 / 50.0"
    assert evidence(checks.TRANSFER, *attacked(190, 100), carried(36, 72)) == "+20.0"
    assert evidence(checks.AUDIT, *attacked(190, 100), audit("upper-bound")) == "upper bound only"


def test_what_was_not_measured_is_a_dash():
    right = first(190)
    assert evidence(checks.FOUND, *attacked(190, 100), carlini_wagner(right, np.ones(N))) == "0 of 190"
    found = analyse(
        [run("dense", 0.0, *attacked(190, 100), carlini_wagner(right, np.ones(N))), run("snip", 0.9)]
    )
    assert evidence_text(found.trust[1].evidence[checks.FOUND]) == "—"


def beside(name, kept, *others):
    """FGSM leaves 50 % of dense and of SNIP; another attack leaves `kept` of SNIP and takes nothing from dense."""
    own, of_dense = (budgeted(first(190), [first(k)] * 3, name) for k in (kept, 100))
    runs = [
        run("dense", 0.0, *attacked(190, 100), of_dense),
        run("snip", 0.9, *attacked(190, 100), own, *others),
    ]
    found = analyse(runs)
    return found.trust[1], attack_names(found.lineup)


@pytest.mark.parametrize("kept", [84, 64])
def test_a_stronger_attack_is_told_with_both_numbers_and_the_thresholds(kept):
    trust, names = beside("pgd", kept)
    (told,) = (*trust.concerns, *trust.asides)
    text = concern_text(told, names)
    assert text.startswith(f"FGSM leaves 50.0 %, PGD leaves {kept / 2:.1f} % (")
    assert "looked at from 5, fails from 15" in text
    assert "read the worst case" in text


def test_what_to_do_about_it_stands_behind_it():
    """A DCTpS network of which PGD leaves a third of what FGSM does."""
    right = first(190)
    outcomes = [
        budgeted(right, kept)
        for kept in ([first(120), first(90), first(10)], [first(60), first(40), first(0)])
    ]
    dense = run("dense", 0.0, *attacked(190, 100), outcomes[0])
    found = analyse([dense, run("dctps", 0.99, *attacked(190, 120), outcomes[1], offset="dct")])
    (note,) = doubts(found.trust[1], attack_names(found.lineup))
    assert note.startswith("FGSM leaves 60.0 %, PGD leaves 20.0 % (")
    assert note.endswith(
        "fails from 15): read the worst case, and run square or the audit of gradient masking"
    )


def test_fgsm_alone_above_what_the_audit_leaves_is_told_to_have_pgd_beside_it():
    (note,) = said(*attacked(190, 160), audit("supported", (0.8, 0.79, 0.55, 0.55)))
    assert note == (
        "FGSM leaves 80.0 %, the audit’s attacks leave 55.0 %: run pgd beside it, and read the worst case"
    )


def test_a_warning_and_a_failure_say_whose_they_are():
    clean, attack = attacked(190, 100)
    warning = remark("no-gradient", images=2, of=200)
    (note,) = said(clean, warned(attack, warning))
    assert note.startswith("FGSM: no gradient reaches 2 of 200 images")
    trust, names = judged(*attacked(190, 100), failed("carlini-wagner", "out of memory"))
    assert [failure_text(failure, names) for failure in trust.failures] == [
        "Carlini–Wagner failed: out of memory"
    ]


def test_a_failure_of_some_seeds_says_of_which():
    runs = [run("dense", 0.0, *attacked(190, 100), seed=s) for s in range(3)]
    runs += [
        run("snip", 0.9, *attacked(190, 100), *([failed("saliency", "no memory")] if s else []), seed=s)
        for s in range(3)
    ]
    assert doubts(analyse(runs).trust[1], {}) == ["saliency failed: no memory (seed 1, 2)"]


def test_images_of_dense_that_break_more_than_the_networks_own_are_told():
    (note,) = said(*attacked(190, 100), carried(36, 72))
    assert note.startswith("at ε = 0.1 images made on the dense network break 20.0 points more")


def test_another_length_of_training_than_that_of_dense_is_told():
    dense = run("dense", 0.0, *attacked(190, 100), trained=history(epochs=3))
    snip = run("snip", 0.9, *attacked(190, 100), trained=history(epochs=5))
    told = "trained 5 epochs, the dense network beside it 3: a difference may be that of the training"
    assert doubts(analyse([dense, snip]).trust[1], {}) == [told]


def test_a_rule_that_does_not_come_to_the_target_says_so():
    made = run("starfire-window", 0.476, *attacked(190, 100))
    asked = made.model_copy(update={"subject": made.subject.model_copy(update={"target_sparsity": 0.4})})
    (aside,) = analyse([run("dense", 0.0, *attacked(190, 100)), asked]).trust[1].asides
    assert concern_text(aside, {}) == (
        "its sparsity is 0.4760, asked for was 0.4; `sparserobust describe starfire-window` says how it prunes"
    )


def test_untrained_and_undertrained_rows_say_what_their_training_was():
    (note,) = said(*attacked(190, 130), training="none")
    assert note == "nobody trained this network: its weights are those that were drawn"
    one = history(epochs=1)
    short = one.model_copy(update={"epochs": (one.epochs[0].model_copy(update={"loss": 2.2}),)})
    dense = run("dense", 0.0, *attacked(190, 100), trained=short)
    trust = analyse([dense, run("snip", 0.9, *attacked(190, 130), trained=short)]).trust[1]
    (note,) = doubts(trust, {})
    assert note.startswith(
        "undertrained: after 1 epoch its training loss is 2.20 and was still falling (guessing: 2.30)"
    )


def test_the_badge_counts_rows_and_never_calls_fgsm_an_audit():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 100))]
    found = badge(analyse(runs))
    assert (found.text, found.level) == ("Trust: upper bound", 0)
    assert found.lines == ("2 of 2 rows without a red flag", "gradient masking not audited")
    runs.append(run("random", 0.9, *attacked(20, 10)))
    found = badge(analyse(runs))
    assert (found.text, found.level) == ("Trust: check", 1)
    assert "1 collapsed" in found.lines
    assert badge(analyse([runs[0], runs[2]])).level == 2


def audited(*outcomes):
    """Dense, which the audit supports, and one SNIP network for each outcome."""
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported"))]
    runs += [run("snip", 0.9, *attacked(190, 100), o, seed=s) for s, o in enumerate(outcomes)]
    return badge(analyse(runs))


def test_the_badge_counts_the_audits():
    top = audited(audit("supported"))
    assert (top.text, top.level) == ("Trust: supported", 0)
    assert "audit: 2 supported" in top.lines
    top = audited(audit("upper-bound", (0.5, 0.49, 0.48, 0.45)))
    assert (top.text, top.level) == ("Trust: check", 1)
    assert "audit: 1 supported, 1 upper bound only" in top.lines
    assert "gradient masking not audited" not in top.lines
    assert "audit: 1 supported, 1 not auditable" in audited(not_auditable()).lines


def test_one_network_without_an_audit_takes_the_word_supported_from_the_badge():
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported")), run("snip", 0.9, *attacked(190, 100))]
    assert badge(analyse(runs)).text == "Trust: upper bound"


def test_the_badge_says_that_the_dense_network_is_no_reference():
    for dense in (
        run("dense", 0.0, *attacked(20, 20)),
        run("dense", 0.0, *attacked(190, 90), training="none"),
    ):
        found = badge(analyse([dense, run("snip", 0.9, *attacked(190, 96))]))
        assert "the dense network is no reference" in found.lines


def test_untrained_and_undertrained_rows_are_loud_in_the_badge():
    runs = [run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 130), training="none")]
    runs.append(run("random", 0.9, *attacked(190, 100)))
    found = badge(analyse(runs))
    assert (found.text, found.level) == ("Trust: check", 1)
    assert found.lines[:2] == ("2 of 3 rows without a red flag", "1 untrained")
    assert badge(analyse(runs[:2])).text == "Trust: none"


def test_rows_without_a_network_are_counted_by_themselves():
    dense = run("dense", 0.0, *attacked(190, 100))
    shown = badge(analyse([dense, not_made(run("snip", 0.9, *attacked(190, 90)))]))
    assert (shown.text, shown.level) == ("Trust: upper bound", 0)
    assert shown.lines[:2] == ("1 of 1 row without a red flag", "1 row without a network: cannot choose")
    shown = badge(analyse([dense, not_made(run("snip", 0.9, *attacked(190, 90)), BROKEN)]))
    assert (shown.text, shown.lines[1]) == ("Trust: upper bound", "1 row without a network: not made")


def test_edited_records_are_said_in_the_badge_and_nothing_is_supported_by_them():
    runs = [run(m, s, *attacked(190, 100), audit("supported")) for m, s in (("dense", 0.0), ("snip", 0.9))]
    assert badge(analyse(runs)).text == "Trust: supported"
    edited = [runs[0], runs[1].model_copy(update={"integrity": "edited"})]
    found = badge(analyse(edited))
    assert (found.text, found.level) == ("Trust: check", 1)
    assert "1 record edited after writing" in found.lines
    both = badge(analyse([one.model_copy(update={"integrity": "edited"}) for one in runs]))
    assert "2 records edited after writing" in both.lines
    unverified = badge(analyse([one.model_copy(update={"integrity": "unverified"}) for one in runs]))
    assert not any("edited" in line for line in unverified.lines)


def test_without_an_attack_there_is_nothing_to_trust():
    found = badge(analyse([run("dense", 0.0, accuracy(first(190)))]))
    assert (found.text, found.lines) == ("Trust: no attack", ("robustness was not measured",))


def test_records_edited_after_writing_are_said_without_an_attack_too():
    one = run("dense", 0.0, accuracy(first(190))).model_copy(update={"integrity": "edited"})
    found = badge(analyse([one]))
    assert "1 record edited after writing" in found.lines
    assert found.level == 1
