"""What the checks say of a row, in words: its state, the evidence, and what to do about it."""

from __future__ import annotations

from sparserobust.analysis import checks
from sparserobust.analysis.audits import Audited
from sparserobust.analysis.checks import Evidence
from sparserobust.analysis.concerns import Concern
from sparserobust.analysis.trust import State, Trust
from sparserobust.records import AuditState, Remark
from sparserobust.report.text.numbers import DASH, count, percent, points
from sparserobust.report.text.remarks import Names, sentence

STATES: dict[State, str] = {
    "no-red-flag": "no red flag",
    "check": "check",
    "undertrained": "undertrained",
    "untrained": "untrained",
    "collapsed": "collapsed",
    "diverged": "diverged",
    "artefact": "artefact",
    "not-scored": "not scored",
    "cannot-choose": "cannot choose",
    "not-made": "not made",
}
AUDIT_STATES: dict[AuditState, str] = {
    "supported": "supported",
    "upper-bound": "upper bound only",
    "artefact-proven": "artefact proven",
    "not-auditable": "not auditable",
}
_ADVICE = {
    "read-worst": "read the worst case",
    "left-out-of-the-number": "the number of the table leaves it out",
    "run-pgd-and-square-or-audit": "run pgd and square, or the audit of gradient masking",
    "run-square-or-audit": "run square or the audit of gradient masking",
    "run-pgd-and-read-worst": "run pgd beside it, and read the worst case",
}


def concern_text(concern: Concern, names: Names) -> str:
    """A concern as one sentence: who said it, what, what to do, and of which seeds."""
    text = sentence(concern.remark, names)
    if concern.source:
        text = f"{concern.source}: {text}"
    if concern.evidence is not None and concern.evidence.advice:
        text = f"{text}: {', and '.join(_ADVICE[advice] for advice in concern.evidence.advice)}"
    if concern.seeds:
        text = f"{text} (seed {', '.join(map(str, concern.seeds))})"
    return text


def failure_text(concern: Concern, names: Names) -> str:
    """ "PGD failed: ModelError: ..."; of a network that could not be made its reason."""
    seeds = f" (seed {', '.join(map(str, concern.seeds))})" if concern.seeds else ""
    text = sentence(concern.remark, names)
    return f"{concern.source} failed: {text}{seeds}" if concern.source else f"{text}{seeds}"


def doubts(trust: Trust, names: Names) -> list[str]:
    """Everything that speaks against a row, worst first."""
    found = [concern_text(concern, names) for concern in trust.concerns]
    return [*found, *(failure_text(concern, names) for concern in trust.failures)]


def is_of_the_audit(concern: Concern) -> bool:
    """Whether it repeats what the audit's own badge says."""
    return concern.remark.code == checks.AUDIT


def evidence_text(evidence: Evidence) -> str:
    """The number of a check, a dash where it was not measured."""
    facts = evidence.facts
    if not facts:
        return DASH
    if evidence.check == checks.ZERO:
        return percent(facts["share"])
    if evidence.check in (checks.MARGIN, checks.LARGEST):
        return f"{percent(facts['loss'])} / {percent(facts['margin'])}"
    if evidence.check == checks.RISE:
        return "0.0" if facts["rise"] == 0 else points(facts["rise"])
    if evidence.check == checks.STRONGER:
        return points(facts["drop"])
    if evidence.check == checks.FOUND:
        return f"{count(facts['lost'])} of {count(facts['of'])}"
    if evidence.check == checks.TRANSFER:
        return points(facts["gap"])
    return AUDIT_STATES[facts["state"]]


def audit_sentence(found: Audited) -> str:
    """Why the audit came to its state, "" where it does not say."""
    why: Remark | None = found.why
    return sentence(why) if why is not None else ""
