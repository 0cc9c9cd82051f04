"""How reliable the rows are, in one word with the count behind it."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis import audits
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.made import no_reference
from sparserobust.analysis.trust import NO_NETWORK, State
from sparserobust.report.text.numbers import plural
from sparserobust.report.text.trust import AUDIT_STATES, STATES

LOUD: tuple[State, ...] = ("artefact", "collapsed", "diverged", "untrained", "undertrained", "check")
"""States that are a reason to look again, worst first."""


@dataclass(frozen=True)
class Badge:
    """The trust badge: its word, how loud it is (0 text, 1 outlined, 2 filled), and the count behind it."""

    text: str
    level: int
    lines: tuple[str, ...]


def badge(found: Findings) -> Badge:
    """How reliable the rows are, in one word and a few lines."""
    lineup = found.lineup
    states = [trust.state for trust in found.trust.values() if trust.state not in NO_NETWORK]
    absent = [trust.state for trust in found.trust.values() if trust.state in NO_NETWORK]
    edited = sum(run.integrity == "edited" for run in lineup.runs)
    notes = [f"{plural(edited, 'record')} edited after writing"] if edited else []
    if lineup.attack is None:
        return Badge("Trust: no attack", int(bool(edited)), ("robustness was not measured", *notes))
    bad = [
        f"{states.count(state)} {'to check' if state == 'check' else STATES[state]}"
        for state in (*LOUD, "not-scored")
        if states.count(state)
    ]
    fine = f"{states.count('no-red-flag')} of {plural(len(states), 'row')} without a red flag"
    lines = [fine, *([", ".join(bad)] if bad else [])]
    if absent:
        kinds = ", ".join(dict.fromkeys(STATES[state] for state in absent))
        lines.append(f"{plural(len(absent), 'row')} without a network: {kinds}")
    audited = audits.counted(lineup.runs)
    counts = [f"{number} {AUDIT_STATES[state]}" for state, number in audited]
    lines.append(f"audit: {', '.join(counts)}" if counts else "gradient masking not audited")
    if lineup.dense and all(no_reference(r) for g in lineup.dense for r in g.runs):
        lines.append("the dense network is no reference")
    lines += notes
    sparse = [found.trust[i] for i in found.differences if found.trust[i].state not in NO_NETWORK]
    if sparse and not any(trust.ranked for trust in sparse):
        return Badge("Trust: none", 2, tuple(lines))
    if edited or any(state in states for state in LOUD):
        return Badge("Trust: check", 1, tuple(lines))
    supported = audited and audited == [("supported", len(lineup.runs))]
    return Badge("Trust: supported" if supported else "Trust: upper bound", 0, tuple(lines))
