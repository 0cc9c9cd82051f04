"""How far the rows can be believed, in one word with the count behind it."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report import audit
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import plural
from sparserobust.report.soundness import no_reference
from sparserobust.report.trust import ARTEFACT, CHECK, COLLAPSED, DIVERGED, FINE, NO_NETWORK, NOT_SCORED


@dataclass(frozen=True)
class Badge:
    """The trust badge: its word, how loud it is (0 text, 1 outlined, 2 filled), and the count behind it."""

    text: str
    level: int
    lines: tuple[str, ...]


def badge(judged: Judged) -> Badge:
    """How far the rows can be believed, in one word and two lines."""
    verdicts = [trust.verdict for trust in judged.trust.values() if trust.verdict not in NO_NETWORK]
    missing = [trust.verdict for trust in judged.trust.values() if trust.verdict in NO_NETWORK]
    fine, n = verdicts.count(FINE), len(verdicts)
    if judged.lineup.attack is None:
        return Badge("Trust: no attack", 0, ("robustness was not measured",))
    bad = [
        f"{verdicts.count(word)} {label}"
        for word, label in (
            (ARTEFACT, "artefact"),
            (COLLAPSED, "collapsed"),
            (DIVERGED, "diverged"),
            (CHECK, "to check"),
            (NOT_SCORED, "not scored"),
        )
        if verdicts.count(word)
    ]
    lines = [f"{fine} of {plural(n, 'row')} without a red flag", *([", ".join(bad)] if bad else [])]
    if missing:
        lines.append(f"{plural(len(missing), 'row')} without a network: {', '.join(dict.fromkeys(missing))}")
    audits = [word for _, word, _ in audit.states(judged.lineup.runs)]
    told = [f"{audits.count(word)} {word}" for word in audit.STATES if word in audits]
    lines.append(f"audit: {', '.join(told)}" if told else "no attack here is an audit")
    if judged.lineup.dense and all(no_reference(r) for g in judged.lineup.dense for r in g.runs):
        lines.append("the dense network is no reference")
    sparse = [judged.trust[i] for i in judged.differences if judged.trust[i].verdict not in NO_NETWORK]
    if sparse and not any(trust.ranked for trust in sparse):
        return Badge("Trust: none", 2, tuple(lines))
    if any(word in verdicts for word in (ARTEFACT, COLLAPSED, DIVERGED, CHECK)):
        return Badge("Trust: check", 1, tuple(lines))
    supported = audits and set(audits) == {audit.SUPPORTED} and len(audits) == len(judged.lineup.runs)
    return Badge("Trust: supported" if supported else "Trust: upper bound", 0, tuple(lines))


def not_audited(judged: Judged) -> bool:
    """Whether robustness was measured and no network was audited."""
    return judged.lineup.attack is not None and not audit.states(judged.lineup.runs)
