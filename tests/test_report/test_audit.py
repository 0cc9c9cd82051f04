"""The audit of gradient masking on the page: badges in words, gaps, probes, and what follows for the table."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.report.badge import badge
from sparserobust.report.groups import arrange
from sparserobust.report.judged import judged
from sparserobust.report.page import render
from sparserobust.report.parts.audits import audits
from sparserobust.report.rows import main_table
from sparserobust.report.trust import ARTEFACT, CHECK, FINE
from sparserobust.report.verdict import verdict

from .attack_factory import audit, budgeted
from .factory import attacked, carlini_wagner, first, run, skipped
from .test_page import read

NOT_AUDITABLE = skipped("gradient-masking", "not auditable: two passes over the same images differ")


def found(*outcomes, robust=100):
    """Dense, which the audit supports, and one SNIP network for each outcome."""
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported"))]
    runs += [run("snip", 0.9, *attacked(190, robust), o, seed=s) for s, o in enumerate(outcomes)]
    return judged(arrange(runs))


@pytest.mark.parametrize(
    ("outcome", "expected", "word"),
    [
        (audit("supported"), FINE, "supported"),
        (audit("upper bound only", (0.5, 0.49, 0.48, 0.45)), CHECK, "upper bound only"),
        (audit("artefact proven", (0.5, 0.3, 0.3, 0.2)), ARTEFACT, "artefact proven"),
        (NOT_AUDITABLE, CHECK, "not auditable"),
    ],
)
def test_each_state_is_a_badge_in_words_and_moves_the_trust_of_the_row(outcome, expected, word):
    judgement = found(outcome)
    assert judgement.trust[1].verdict == expected
    row = audits(judgement).rows[1]
    assert [w.text for w in row.words] == [word]


def test_an_artefact_of_the_audited_attack_is_none_of_a_number_that_is_not_above_the_audited_one():
    """The table says 22 %, the audit 20 % [15, 26]: its proof is about a larger number than the table's."""
    assert found(audit("artefact proven", (0.5, 0.3, 0.3, 0.2)), robust=44).trust[1].verdict == CHECK
    assert found(audit("artefact proven", (0.5, 0.3, 0.3, 0.2)), robust=54).trust[1].verdict == ARTEFACT


def test_an_artefact_is_struck_through_and_told_with_the_audits_sentence():
    judgement = found(audit("artefact proven", (0.5, 0.3, 0.3, 0.2), sentence="a scale takes 20 points away"))
    row = main_table(judgement).sections[1].rows[0]
    assert (row.struck, row.word) == (True, "not ranked")
    text = " ".join("".join(s.text for s in p) for p in verdict(judgement))
    assert "SNIP 0.9 reports 50.0 %, but audit: a scale takes 20 points away: an artefact" in text


def test_the_three_gaps_stand_in_points_and_add_up_to_reported_minus_audited():
    row = audits(found(audit("upper bound only", (0.50, 0.46, 0.43, 0.36)))).rows[1]
    assert (row.reported.text, row.audited.text) == ("50.0", "36.0")
    assert [cell.text for cell in row.gaps] == ["+4.0", "+3.0", "+7.0"]
    assert [cell.alert for cell in row.gaps] == [True, False, True]  # slack speaks against no network
    assert row.strip.places == (36.0, 43.0, 46.0, 50.0)
    drawn = [(kind, round(low, 6), round(width, 6)) for kind, low, width in row.strip.parts]
    assert drawn == [("sure", 36, 7), ("slack", 43, 3), ("sure", 46, 4)]


def test_several_seeds_have_a_badge_for_each_state_and_the_probes_of_the_worst():
    states = {"G1": "pass", "G3": "fail", "G9": "not run"}
    part = audits(found(audit("supported"), audit("upper bound only", states=states), audit("supported")))
    assert [w.text for w in part.rows[1].words] == ["supported ×2", "upper bound only ×1"]
    assert (part.probes[1].who, part.probes[1].counts) == ("SNIP 0.9, seed 1", "1 pass, 1 fail, 1 not run")


def test_probes_are_folded_away_with_their_counts_and_the_state_is_a_word():
    states = {"G1": "pass", "G3": "fail", "G4": "warn", "G9": "not run"}
    runs = [run("snip", 0.9, *attacked(190, 100), audit("upper bound only", states=states))]
    html = render(runs)
    inside = html[html.index("<details>") : html.index("</details>")]
    assert '<summary>SNIP 0.9: <span class="alert">1 pass, 1 warn, 1 fail, 1 not run</span>' in inside
    assert "● fail" in inside
    assert "○ warn" in inside
    assert "what G3 is" in inside
    read(html)


def test_what_cannot_be_audited_shows_its_reason_once_and_no_numbers():
    runs = [run("snip", 0.9, *attacked(190, 100), NOT_AUDITABLE)]
    html = render(runs)
    assert html.count("wo passes over the same images differ") == 1
    assert audits(judged(arrange(runs))).eps is None
    assert "gradient-masking skipped" not in html


def test_an_audit_skipped_for_another_reason_is_no_badge():
    runs = [run("snip", 0.9, *attacked(190, 100), skipped("gradient-masking", "no images"))]
    assert audits(judged(arrange(runs))) is None
    assert "gradient-masking skipped" in render(runs)


def test_the_badge_at_the_top_counts_the_audits():
    top = badge(found(audit("supported")))
    assert (top.text, top.level) == ("Trust: supported", 0)
    assert "audit: 2 supported" in top.lines
    top = badge(found(audit("upper bound only", (0.5, 0.49, 0.48, 0.45))))
    assert (top.text, top.level) == ("Trust: check", 1)
    assert "audit: 1 supported, 1 upper bound only" in top.lines
    assert "no attack here is an audit" not in top.lines


def test_without_an_audit_the_page_goes_on_saying_upper_bound():
    plain = judged(arrange([run("dense", 0.0, *attacked(190, 100)), run("snip", 0.9, *attacked(190, 90))]))
    assert badge(plain).text == "Trust: upper bound"
    text = " ".join("".join(s.text for s in p) for p in verdict(plain))
    assert "FGSM gives upper bounds" in text


def alone(word="supported", accuracies=(0.5, 0.5, 0.42, 0.4), clean=(190, 180)):
    """The audit and nothing else, on dense (which keeps a tenth more) and on SNIP."""
    higher = [a + 0.1 for a in accuracies]
    return [
        run("dense", 0.0, audit("supported", higher, right=first(clean[0]))),
        run("snip", 0.9, audit(word, accuracies, right=first(clean[1]))),
    ]


def test_the_attacks_of_an_audit_without_any_other_are_the_robustness_of_the_page():
    """Clean accuracy, the difference and the headline come from what the audit kept of every image."""
    found = judged(arrange(alone()))
    assert found.lineup.attack == ("gradient-masking", 0.1)
    assert [found.primary[i].value for i in (0, 1)] == [0.5, 0.4]
    row = main_table(found).sections[1].rows[0]
    assert (row.clean.text, row.primary.text, row.difference.text) == ("90.0", "40.0", "−10.0")
    assert badge(found).text == "Trust: supported"
    html = render(alone())
    text = "".join(read(html).text).replace("\u00a0", " ")
    assert "robust accuracy 40.0 % [" in text
    assert "all of the audit inside an ℓ∞ ball of ε = 0.1" in text
    for wrong in ("No attack was run", "was not measured", "accuracy ,", "no attack scored"):
        assert wrong not in text


def test_an_audit_alone_that_does_not_support_the_network_leaves_its_number_to_be_checked():
    found = judged(arrange(alone("artefact proven", (0.5, 0.2, 0.2, 0.15))))
    assert (found.trust[0].verdict, found.trust[1].verdict) == (FINE, CHECK)


def test_a_network_that_only_the_audit_saw_can_be_found_collapsed():
    assert judged(arrange(alone(clean=(190, 20)))).trust[1].verdict == "collapsed"


def test_the_table_of_the_audit_stands_at_its_own_budget_unless_the_table_of_the_page_has_one_of_its():
    """Carlini-Wagner's 0.5 is a distance in l2: nothing to look up among the audit's budgets in linf."""
    near = carlini_wagner(first(190), np.full(200, 0.7))
    one = run("snip", 0.9, audit("supported", right=first(190)), near)
    assert audits(judged(arrange([one]))).eps == 0.1
    assert audits(judged(arrange(alone()))).eps == 0.1
    assert audits(found(audit("supported", right=first(190)))).eps == 0.1


def test_the_best_attack_of_an_audit_is_called_its_own_and_the_runs_worst_case_stands_beside_it_where_lower():
    """PGD of the run leaves 35 % of SNIP, the audit 47 %; of dense it leaves more than the audit does."""
    said = "at eps 0.1 the best attack leaves 47.0 % where it leaves 50.0 %"
    both = (*attacked(190, 100), audit("supported", sentence=said))
    runs = [
        run(method, sparsity, *both, budgeted(first(190), [first(kept)] * 3))
        for method, sparsity, kept in (("dense", 0.0, 100), ("snip", 0.9, 70))
    ]
    part = audits(judged(arrange(runs)))
    assert part.lower == (
        "SNIP 0.9, ε = 0.1: the audit’s best attack leaves 47.0 %, worst of FGSM and PGD in this run 35.0 %",
    )
    assert "t eps 0.1 the audit’s best attack leaves 47.0 %" in part.probes[0].sentence
    assert part.lower[0] in render(runs).replace("\u00a0", " ")
