"""The audit of gradient masking: its states, what follows for a row, and the budget that it is shown at."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import analyse, audits, checks
from sparserobust.records import remark

from ..test_report.attack_factory import audit, budgeted, not_auditable
from ..test_report.factory import attacked, carlini_wagner, failed, first, not_made, run, skipped

FINE, CHECK, ARTEFACT = "no-red-flag", "check", "artefact"


def found(*outcomes, robust=100):
    """Dense, which the audit supports, and one SNIP network for each outcome."""
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported"))]
    runs += [run("snip", 0.9, *attacked(190, robust), o, seed=s) for s, o in enumerate(outcomes)]
    return analyse(runs)


@pytest.mark.parametrize(
    ("outcome", "expected", "state"),
    [
        (audit("supported"), FINE, "supported"),
        (audit("upper-bound", (0.5, 0.49, 0.48, 0.45)), CHECK, "upper-bound"),
        (audit("artefact-proven", (0.5, 0.3, 0.3, 0.2)), ARTEFACT, "artefact-proven"),
        (not_auditable(), CHECK, "not-auditable"),
    ],
)
def test_each_state_moves_the_trust_of_the_row(outcome, expected, state):
    findings = found(outcome)
    trust = findings.trust[1]
    assert trust.state == expected
    assert trust.evidence[checks.AUDIT].facts == {"state": state}
    assert audits.audited(findings.lineup.groups[1].first).state == state
    assert [c.remark.code for c in trust.concerns] == ([] if expected == FINE else ["audited"])


def test_an_audit_that_had_no_image_to_audit_says_nothing_for_the_network():
    nothing = audit("not-auditable", verdict=remark("nothing-correct"))
    trust = found(nothing).trust[1]
    assert trust.state == CHECK
    assert trust.concerns[0].remark.facts["reason"] == {"code": "nothing-correct", "facts": {}}


def test_an_artefact_of_the_audited_attack_is_none_of_a_number_that_is_not_above_the_audited_one():
    """The table says 22 %, the audit 20 % [15, 26]: its proof is about a larger number than the table's."""
    proven = audit("artefact-proven", (0.5, 0.3, 0.3, 0.2))
    assert found(proven, robust=44).trust[1].state == CHECK
    assert found(proven, robust=54).trust[1].state == ARTEFACT


def test_the_concern_carries_the_audits_own_verdict():
    findings = found(audit("artefact-proven", (0.5, 0.3, 0.3, 0.2)))
    (concern,) = findings.trust[1].concerns
    inside = concern.remark.facts["reason"]
    assert (concern.remark.facts["state"], inside["code"]) == ("artefact-proven", "audit-gain")
    assert (inside["facts"]["reported"], inside["facts"]["probe"]) == (0.5, "G3")
    assert findings.differences[1].result == "not-ranked"


def test_a_row_of_several_seeds_is_as_good_as_its_worst():
    findings = found(audit("supported"), audit("upper-bound"), audit("supported"))
    group = findings.lineup.groups[1]
    assert audits.counted(group.runs) == [("supported", 2), ("upper-bound", 1)]
    worst = audits.worst(group.runs)
    assert (worst.state, worst.run.subject.seed, worst.why.code) == ("upper-bound", 1, "audit-probes")
    assert findings.trust[1].state == CHECK


def test_an_audit_skipped_for_another_reason_or_failed_says_nothing():
    for outcome in (skipped("gradient-masking", "no images"), failed("gradient-masking", "no memory")):
        assert audits.audited(run("snip", 0.9, *attacked(190, 100), outcome)) is None


def test_a_network_that_was_not_made_was_not_audited():
    gone = not_made(run("snip", 0.9, *attacked(190, 100), audit("supported")))
    runs = [run("dense", 0.0, *attacked(190, 100), audit("supported")), gone]
    assert audits.counted(analyse(runs).runs) == [("supported", 1)]


def alone(state="supported", accuracies=(0.5, 0.5, 0.42, 0.4), clean=(190, 180)):
    """The audit and nothing else, on dense (which keeps a tenth more) and on SNIP."""
    higher = [a + 0.1 for a in accuracies]
    return [
        run("dense", 0.0, audit("supported", higher, right=first(clean[0]))),
        run("snip", 0.9, audit(state, accuracies, right=first(clean[1]))),
    ]


def test_the_attacks_of_an_audit_without_any_other_are_the_robustness_of_the_comparison():
    """Clean accuracy, the difference and the headline come from what the audit kept of every image."""
    findings = analyse(alone())
    assert findings.lineup.attack == ("gradient-masking", 0.1)
    assert (findings.lineup.robustness.norm, findings.lineup.robustness.eps) == ("linf", 0.1)
    assert [findings.primary.values[i].value for i in (0, 1)] == [0.5, 0.4]
    assert [findings.clean.values[i].value for i in (0, 1)] == [0.95, 0.9]
    assert findings.differences[1].value == pytest.approx(-0.1)


def test_an_audit_alone_that_does_not_support_the_network_leaves_its_number_to_be_checked():
    trust = analyse(alone("artefact-proven", (0.5, 0.2, 0.2, 0.15))).trust
    assert (trust[0].state, trust[1].state) == (FINE, CHECK)


def test_a_network_that_only_the_audit_saw_can_be_found_collapsed():
    assert analyse(alone(clean=(190, 20))).trust[1].state == "collapsed"


def test_the_audit_is_shown_at_its_own_budget_unless_the_table_has_one_of_its():
    """Carlini-Wagner's 0.5 is a distance in l2: nothing to look up among the audit's budgets in linf."""

    def budget(runs):
        return audits.budget(runs, analyse(runs).lineup.robustness)

    near = carlini_wagner(first(190), np.full(200, 0.7))
    assert budget([run("snip", 0.9, audit("supported", right=first(190)), near)]) == 0.1
    assert budget(alone()) == 0.1
    small = budgeted(first(190), [first(150), first(90)], eps=(0.02, 0.1), headline=0.02)
    assert budget([run("snip", 0.9, audit("supported", right=first(190)), small)]) == 0.02
    assert budget([run("snip", 0.9, *attacked(190, 100), not_auditable())]) is None
    assert budget([run("snip", 0.9, *attacked(190, 100))]) is None


def test_norms_and_budgets_that_were_audited_are_known():
    one = run("snip", 0.9, audit("supported", right=first(190)))
    assert (audits.norms([one]), audits.budgets([one]), audits.auditor([one])) == (
        {"linf"},
        [0.02, 0.1],
        "gradient-masking",
    )
