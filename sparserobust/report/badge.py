"""How far the rows can be believed, in one word with the count behind it."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.judged import Judged
from sparserobust.report.numbers import plural
from sparserobust.report.readings import ok
from sparserobust.report.trust import ARTEFACT, CHECK, COLLAPSED, FINE, NO_MASK, NOT_SCORED


@dataclass(frozen=True)
class Badge:
    """The trust badge: its word, how loud it is (0 text, 1 outlined, 2 filled), and the count behind it."""

    text: str
    level: int
    lines: tuple[str, ...]


def badge(judged: Judged) -> Badge:
    """How far the rows can be believed, in one word and two lines."""
    verdicts = [trust.verdict for trust in judged.trust.values() if trust.verdict != NO_MASK]
    undecided = len(judged.trust) - len(verdicts)
    fine, n = verdicts.count(FINE), len(verdicts)
    if judged.lineup.attack is None:
        return Badge("Trust: no attack", 0, ("robustness was not measured",))
    bad = [
        f"{verdicts.count(word)} {label}"
        for word, label in (
            (ARTEFACT, "artefact"),
            (COLLAPSED, "collapsed"),
            (CHECK, "to check"),
            (NOT_SCORED, "not scored"),
        )
        if verdicts.count(word)
    ]
    lines = [f"{fine} of {plural(n, 'row')} without a red flag", *([", ".join(bad)] if bad else [])]
    if undecided:
        lines.append(f"{plural(undecided, 'row')} without a network: {NO_MASK}")
    if not_audited(judged):
        lines.append("no attack here is an audit")
    sparse = [judged.trust[i] for i in judged.differences if judged.trust[i].verdict != NO_MASK]
    if sparse and not any(trust.ranked for trust in sparse):
        return Badge("Trust: none", 2, tuple(lines))
    if any(word in verdicts for word in (ARTEFACT, COLLAPSED, CHECK)):
        return Badge("Trust: check", 1, tuple(lines))
    return Badge("Trust: upper bound" if not_audited(judged) else "Trust: no red flag", 0, tuple(lines))


def not_audited(judged: Judged) -> bool:
    """Whether every attack in the records calls itself an upper bound that nobody audited."""
    attack = judged.lineup.attack
    if attack is None:
        return False
    names = [attack[0], *judged.lineup.other_attacks]
    outcomes = [o for run in judged.lineup.runs for name in names if (o := ok(run, name)) is not None]
    return all("not audited" in (outcome.verdict or "") for outcome in outcomes)
