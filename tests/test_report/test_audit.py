"""The audit of gradient masking on the page: badges in words, gaps and probes."""

from __future__ import annotations

import pytest

from sparserobust.analysis import analyse
from sparserobust.records import remark
from sparserobust.report.page import render
from sparserobust.report.sections.audit import audit_part
from sparserobust.report.table.rows import main_table
from sparserobust.report.text.badge import badge

from .attack_factory import audit, budgeted, not_auditable
from .factory import attacked, first, run, skipped
from .test_page import read


def found(*outcomes, robust=100):
    """Dense, which the audit supports, and one SNIP network for each outcome."""
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported"))]
    runs += [run("snip", 0.9, *attacked(190, robust), o, seed=s) for s, o in enumerate(outcomes)]
    return analyse(runs)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (audit("supported"), "supported"),
        (audit("upper-bound", (0.5, 0.49, 0.48, 0.45)), "upper bound only"),
        (audit("artefact-proven", (0.5, 0.3, 0.3, 0.2)), "artefact proven"),
        (not_auditable(), "not auditable"),
    ],
)
def test_each_state_is_a_badge_in_words(outcome, word):
    row = audit_part(found(outcome)).rows[1]
    assert [w.text for w in row.words] == [word]


def test_an_artefact_is_struck_through():
    row = main_table(found(audit("artefact-proven", (0.5, 0.3, 0.3, 0.2)))).sections[1].rows[0]
    assert (row.struck, row.word) == (True, "not ranked")


def test_the_three_gaps_stand_in_points_and_add_up_to_reported_minus_audited():
    row = audit_part(found(audit("upper-bound", (0.50, 0.46, 0.43, 0.36)))).rows[1]
    assert (row.reported.text, row.audited.text) == ("50.0", "36.0")
    assert [cell.text for cell in row.gaps] == ["+4.0", "+3.0", "+7.0"]
    assert [cell.alert for cell in row.gaps] == [
        True,
        False,
        True,
    ]  # that to a stronger attack speaks against none
    assert row.strip.places == (36.0, 43.0, 46.0, 50.0)
    drawn = [(kind, round(low, 6), round(width, 6)) for kind, low, width in row.strip.parts]
    assert drawn == [("sure", 36, 7), ("open", 43, 3), ("sure", 46, 4)]


def test_several_seeds_have_a_badge_for_each_state_and_the_probes_of_the_worst():
    states = {"G1": "pass", "G3": "fail", "G9": "not-run"}
    part = audit_part(found(audit("supported"), audit("upper-bound", states=states), audit("supported")))
    assert [w.text for w in part.rows[1].words] == ["supported ×2", "upper bound only ×1"]
    assert (part.probes[1].who, part.probes[1].counts) == ("SNIP 0.9, seed 1", "1 pass, 1 fail, 1 not run")


def test_probes_are_folded_away_with_their_counts_and_the_state_is_a_word():
    states = {"G1": "pass", "G3": "fail", "G4": "warn", "G9": "not-run"}
    runs = [run("snip", 0.9, *attacked(190, 100), audit("upper-bound", states=states))]
    html = render(runs)
    inside = html[html.index("<details>") : html.index("</details>")]
    assert '<summary>SNIP 0.9: <span class="alert">1 pass, 1 warn, 1 fail, 1 not run</span>' in inside
    assert "● fail" in inside
    assert "○ warn" in inside
    assert "another temperature, margin or float64 changes nothing" in inside
    read(html)


def test_what_cannot_be_audited_shows_its_reason_once_and_no_numbers():
    runs = [run("snip", 0.9, *attacked(190, 100), not_auditable())]
    html = render(runs)
    assert html.count("wo passes over the same images differ") == 1
    assert audit_part(analyse(runs)).budget == ""
    assert "gradient masking skipped" not in html


def test_an_audit_skipped_for_another_reason_is_no_badge():
    runs = [run("snip", 0.9, *attacked(190, 100), skipped("gradient-masking", "no images"))]
    assert audit_part(analyse(runs)) is None
    assert "gradient masking skipped" in render(runs)


def alone(state="supported", accuracies=(0.5, 0.5, 0.42, 0.4), clean=(190, 180)):
    """The audit and nothing else, on dense (which keeps a tenth more) and on SNIP."""
    higher = [a + 0.1 for a in accuracies]
    return [
        run("dense", 0.0, audit("supported", higher, right=first(clean[0]))),
        run("snip", 0.9, audit(state, accuracies, right=first(clean[1]))),
    ]


def test_the_attacks_of_an_audit_without_any_other_are_the_robustness_of_the_page():
    """Clean accuracy, the difference and the headline come from what the audit kept of every image."""
    findings = analyse(alone())
    row = main_table(findings).sections[1].rows[0]
    assert (row.clean.text, row.primary.text, row.difference.text) == ("90.0", "40.0", "−10.0")
    assert badge(findings).text == "Trust: supported"
    html = render(alone())
    text = "".join(read(html).text).replace("\u00a0", " ")
    assert "robust accuracy 40.0 % [" in text
    assert "all attacks of the audit of gradient masking inside an ℓ∞ ball of ε = 0.1" in text
    for wrong in ("No attack was run", "was not measured", "accuracy ,", "no attack scored"):
        assert wrong not in text


def test_the_table_of_the_audit_stands_at_its_own_budget_unless_the_table_of_the_page_has_one_of_its():
    assert audit_part(analyse(alone())).budget == "ε = 0.1"
    small = budgeted(first(190), [first(150), first(90)], eps=(0.02, 0.1), headline=0.02)
    one = run("snip", 0.9, audit("supported", right=first(190)), small)
    assert audit_part(analyse([one])).budget == "ε = 0.02"


def test_the_best_attack_of_an_audit_is_called_its_own_and_the_runs_worst_case_stands_beside_it_where_lower():
    """PGD of the run leaves 35 % of SNIP, the audit 47 %; of dense it leaves more than the audit does."""
    facts = {"gain": 0.01, "within_chance": False, "n": 200, "audited": 0.47, "reported": 0.5}
    said = remark("audit-no-gain", attack="FGSM", eps=0.1, **facts)
    both = (*attacked(190, 100), audit("supported", verdict=said))
    runs = [
        run(method, sparsity, *both, budgeted(first(190), [first(kept)] * 3))
        for method, sparsity, kept in (("dense", 0.0, 100), ("snip", 0.9, 70))
    ]
    part = audit_part(analyse(runs))
    assert part.lower == (
        "SNIP 0.9, ε = 0.1: the audit’s best attack leaves 47.0 %, worst of FGSM and PGD in this run 35.0 %",
    )
    told = "at ε = 0.1 the audit’s best attack leaves 47.0 % where it leaves 50.0 %"
    assert told in part.probes[0].sentence
    assert part.lower[0] in render(runs).replace("\u00a0", " ")


def test_the_dense_network_lacks_no_dense_model_in_its_audit():
    lacking = audit("supported", states={"G9": "not-run"})
    runs = [run(method, s, *attacked(190, 100), lacking) for method, s in (("dense", 0.0), ("snip", 0.9))]
    dense, sparse = (part.rows[0][-1][0] for part in audit_part(analyse(runs)).probes)
    assert dense == "Carlini et al. 2019, item 9; this is the dense network"
    assert sparse == "Carlini et al. 2019, item 9; no dense model was given"


def test_every_probe_of_the_audit_has_its_question_in_words():
    from sparserobust.audit.probes import PROBES
    from sparserobust.report.sections import probes

    assert list(probes.PROBES) == list(PROBES)
