"""What a terminal says below the table: what was not made, failed or was skipped, and what is not reliable."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from sparserobust.analysis import audits, concerns
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.made import could_not_choose, is_made
from sparserobust.analysis.readings import by_design
from sparserobust.analysis.trust import Trust
from sparserobust.records import Outcome, Run
from sparserobust.report.text.attacks import attack_names
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import THIN, plural
from sparserobust.report.text.remarks import Names, in_short, sentence
from sparserobust.report.text.trust import (
    AUDIT_STATES,
    STATES,
    audit_sentence,
    concern_text,
    is_of_the_audit,
)

WIDTH = 100
LONGEST_REASON = 240
NEEDS_DENSE = "needs-dense-model"
"""The reason that has another remedy on a command line than in Python."""
_ON_A_COMMAND_LINE = (
    "no dense model was given to make images on; name the dense network's model.sparse as another TARGET "
    "(dense_model= in Python)"
)
_SIGNS = {
    "−": "-",
    THIN: " ",
    "ℓ∞": "linf",
    "ℓ₂": "l2",
    "ℓ₁": "l1",
    "ℓ₀": "l0",
    "’": "'",
    "–": "-",
    "ε": "eps",
}


def ascii_text(text: str) -> str:
    """Plain minus signs and spaces, which every terminal shows; control characters never reach it."""
    for sign, plain in _SIGNS.items():
        text = text.replace(sign, plain)
    return "".join(c if c.isprintable() else "?" for c in text)


def wrapped(line: str) -> list[str]:
    """The line whole, over as many lines of the terminal's width as it needs."""
    return textwrap.wrap(
        ascii_text(" ".join(line.split())), WIDTH, subsequent_indent="    ", break_on_hyphens=False
    )


def together(outcomes: Iterable[Outcome]) -> list[str]:
    """ "fgsm, pgd failed: out of memory" for the outcomes that are not ok, one line for each reason."""
    names: dict[tuple[str, str], list[str]] = {}
    for outcome in outcomes:
        if outcome.status != "ok":
            names.setdefault((outcome.status, _reason(outcome)), []).append(outcome.evaluator)
    return [f"{', '.join(own)} {status}: {reason}" for (status, reason), own in names.items()]


def not_made_line(run: Run) -> str:
    """Why there is no network, in short; "" where there is one."""
    if run.subject.not_made is None:
        return ""
    whole = sentence(run.subject.not_made)
    if could_not_choose(run) or len(whole) > LONGEST_REASON:
        return in_short(whole)
    return whole  # what to do about a fault stands at its end


def _reason(outcome: Outcome) -> str:
    """With what to do about it on a command line."""
    if outcome.reason is None:
        return ""
    return _ON_A_COMMAND_LINE if outcome.reason.code == NEEDS_DENSE else sentence(outcome.reason)


def below(found: Findings) -> list[str]:
    """Every line below the table and its legend."""
    lines = [*_notes(found.lineup), *_problems(found.lineup), *_audits(found.lineup), *_integrity(found.runs)]
    lines = list(dict.fromkeys([*lines, *_guessing(found), *_doubts(found, lines)]))
    return [part for line in lines for part in wrapped(line)]


def _notes(lineup: Lineup) -> list[str]:
    """One line for each thing to know of how networks were made, with the rows where it is not true of all."""
    rows: dict[str, list[str]] = {}
    for group in lineup.groups:
        for note in concerns.notes(group):
            rows.setdefault(sentence(note.remark), []).append(row_title(group))
    every = len(lineup.groups)
    return [note if len(own) == every else f"{', '.join(own)}: {note}" for note, own in rows.items()]


def _problems(lineup: Lineup) -> list[str]:
    """One line for each row that could not be made and for each reason of outcomes that are not ok."""
    lines = []
    for group in lineup.groups:
        seeds_of: dict[str, list[int | None]] = {}
        for run in group.runs:
            if not is_made(run):
                seeds_of.setdefault(not_made_line(run), []).append(run.subject.seed)
                continue
            said = [o for o in run.outcomes.values() if not by_design(o) and not _of_audit(o)]
            lines += [f"{run.subject.label}: {text}" for text in together(said)]
        for reason, seeds in seeds_of.items():
            some = f", seed {', '.join(map(str, seeds))}" if len(seeds) < len(group.runs) else ""
            lines.append(f"{row_title(group)}{some}: {reason}")
    return lines


def _of_audit(outcome: Outcome) -> bool:
    """Whether it is an audit that says itself why there is none."""
    return outcome.audit is not None and outcome.status == "skipped"


def _audits(lineup: Lineup) -> list[str]:
    """One line for each row that the audit does not support, and how many it does."""
    lines = []
    for group in lineup.groups:
        worst = audits.worst(group.runs)
        if worst is not None and worst.state != "supported":
            parts = [row_title(group), "audit", AUDIT_STATES[worst.state], audit_sentence(worst)]
            lines.append(": ".join(part for part in parts if part))
    counted = audits.counted(lineup.runs)
    number = sum(many for _, many in counted)
    counts = [f"{many} {AUDIT_STATES[state]}" for state, many in counted]
    return [*lines, f"audit of {plural(number, 'network')}: {', '.join(counts)}"] if counted else []


def _integrity(runs: list[Run]) -> list[str]:
    edited = sum(run.integrity == "edited" for run in runs)
    return [f"{plural(edited, 'record')} edited after writing, accepted as they are"] if edited else []


def _doubts(found: Findings, said: list[str]) -> list[str]:
    """One line for each row whose number is not reliable, unless it was said, and a last one with how many."""
    groups, names = found.lineup.groups, attack_names(found.lineup)
    doubtful = ("check", "artefact", "undertrained", "untrained")
    bad = [(groups[i], trust) for i, trust in found.trust.items() if trust.state in doubtful]
    if not bad:
        return []
    notes = [(group, trust, _first(trust, names, said)) for group, trust in bad]
    lines = [
        f"{row_title(group)}: {(state := STATES[trust.state])}: {note.removeprefix(f'{state}: ')}"
        for group, trust, note in notes
        if note
    ]
    rows = plural(len(found.trust), "row")
    which = ", ".join(row_title(group) for group, _ in bad)
    return [*lines, f"check {len(bad)} of {rows} before relying on them ({which}): the report says why"]


def _guessing(found: Findings) -> list[str]:
    """What may be behind it that a network guesses here which others are said to have trained."""
    groups, names = found.lineup.groups, attack_names(found.lineup)
    return [
        f"{row_title(groups[i])}: {concern_text(concern, names)}"
        for i, trust in found.trust.items()
        if trust.state == "collapsed" and concerns.other_constants(groups[i])
        for concern in trust.concerns[1:]
    ]


def _first(trust: Trust, names: Names, said: list[str]) -> str:
    """The worst note that no line has said; what failed and the audit have lines of their own."""
    notes = [concern_text(concern, names) for concern in trust.concerns if not is_of_the_audit(concern)]
    return next((n for n in notes if not any(in_short(n) in line for line in said)), "")
