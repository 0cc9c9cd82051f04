"""What the audit of version 1 came to, in codes and with exact numbers."""

from __future__ import annotations

import pytest

from sparserobust.records import AuditFacts, remark
from sparserobust.records.migrations.version1 import audit

from .factory import old

AUDITS = [
    (
        "supported: no repair and no attack without gradients changes PGD on the cross-entropy by more than 2.8 "
        "points; it is a weak attack all the same, and at eps 0.1 the best attack of this audit leaves 2.2 % where it "
        "leaves 30.0 %",
        "supported",
        "audit-no-gain",
        {
            "attack": "PGD", "gain": 0.028, "within_chance": False, "n": None, "eps": 0.1, "audited": 0.022,
            "reported": 0.3,
        },
    ),
    (
        "supported: what repairs and attacks without gradients gain on FGSM (10.0 points at most) is within chance for "
        "n = 20; it is a weak attack all the same, and at eps 0.1 the best attack of this audit leaves 40.0 % where it "
        "leaves 55.0 %",
        "supported",
        "audit-no-gain",
        {
            "attack": "FGSM", "gain": 0.1, "within_chance": True, "n": 20, "eps": 0.1, "audited": 0.4,
            "reported": 0.55,
        },
    ),
    (
        "upper bound only: at eps 0.05 FGSM leaves 30.2 %, and 24.8 % are left once attacks that need no gradient are "
        "added",
        "upper-bound",
        "audit-gain",
        {
            "attack": "FGSM", "eps": 0.05, "reported": 0.302, "left": 0.248, "how": "no-gradient-attacks", "gap": None,
            "probe": None,
        },
    ),
    (
        "artefact proven: at eps 0.2 FGSM leaves 95.0 %, and 2.5 % are left once its gradients are repaired; 92.5 "
        "points are no robustness (G10)",
        "artefact-proven",
        "audit-gain",
        {
            "attack": "FGSM", "eps": 0.2, "reported": 0.95, "left": 0.025, "how": "repairs", "gap": 0.925,
            "probe": "G10",
        },
    ),
    (
        "artefact proven: G8 fails (largest share broken by them alone: 0.02)",
        "artefact-proven",
        "audit-probes",
        {"probes": [["G8", 0.02]]},
    ),
    (
        "upper bound only: G1 fails (share of images without any: 1), G4 fails (largest gain in success: 0.35)",
        "upper-bound",
        "audit-probes",
        {"probes": [["G1", 1.0], ["G4", 0.35]]},
    ),
    ("not auditable: no example was classified correctly", "not-auditable", "nothing-correct", {}),
    ("upper bound only: who knows", "upper-bound", "said", {"text": "upper bound only: who knows"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "state", "code", "facts"), AUDITS)
def test_an_audit_says_in_codes_what_it_came_to(text, state, code, facts):
    raw = {"status": "ok", "verdict": text, "scores": [], "settings": {"attack": "pgd"}}
    assert audit.verdict(text, raw) == {"code": code, "facts": facts}
    assert audit.facts(raw, {"pgd": "PGD"}) == {"state": state, "attack": "PGD", "norm": "linf"}


def test_an_audit_has_its_state_and_exact_numbers():
    found = old("masked").outcomes["gradient-masking"]
    assert found.attack is None
    assert found.audit == AuditFacts(state="artefact-proven", attack="FGSM", norm="linf")
    facts = found.verdict.facts
    assert found.verdict.code == "audit-gain"
    assert {key: facts[key] for key in ("attack", "eps", "reported", "how", "probe")} == {
        "attack": "FGSM", "eps": 0.2, "reported": 0.95, "how": "repairs", "probe": "G3",
    }  # fmt: skip
    gaps = [found.score(name, at=0.2).value for name in ("masking_gap", "residual_gap")]
    assert facts["gap"] == sum(gaps)
    assert facts["left"] == pytest.approx(0.95 - sum(gaps))
    assert old("cut").outcomes["gradient-masking"].verdict == remark(
        "audit-probes", probes=[["G1", 1.0], ["G2", 1.0], ["G7", 1.0]]
    )
    assert old("log-probabilities").outcomes["gradient-masking"].verdict == remark("audit-log-probabilities")
    skipped = old("probabilities").outcomes["gradient-masking"]
    assert skipped.audit == AuditFacts(state="not-auditable", attack="FGSM", norm="linf")
    assert skipped.reason.code == "not-auditable"


@pytest.mark.parametrize(
    ("status", "reason"), [("failed", "RuntimeError: x"), ("skipped", "cannot choose 3 weights")]
)
def test_what_was_not_audited_came_to_nothing(status, reason):
    assert audit.facts({"status": status, "reason": reason}, {}) is None


def test_the_probes_are_numbers():
    table = old("masked").outcomes["gradient-masking"].tables["probes"]
    assert table.columns == ("probe", "state", "value", "warn", "fail", "low", "detail")
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == [f"G{number}" for number in range(11)]
    assert rows["G0"] == ("pass", 0, None, 1, None, None)
    assert rows["G3"] == ("fail", 0.925, 0.04, 0.04, 0.773, "temperature 0.001")
    assert rows["G7"] == ("pass", 0, 0.01, 0.1, None, None)
    assert rows["G8"] == ("pass", 0, 0, 0.005, 0, None)
    alone = {row[0]: row[1:] for row in old("cut").outcomes["gradient-masking"].tables["probes"].rows}
    assert alone["G9"] == ("not-run", None, 0.01, None, None, "no-dense-model")
