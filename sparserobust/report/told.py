"""What a terminal says below the table: what was not made, failed or was skipped, and what may not be believed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from sparserobust.records import Outcome
from sparserobust.report import audit
from sparserobust.report.groups import Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import THIN, plural
from sparserobust.report.readings import AUDIT, by_design
from sparserobust.report.trust import ARTEFACT, CHECK
from sparserobust.report.unmade import in_short, is_made

WIDTH = 100


def ascii_text(text: str) -> str:
    """Plain minus signs and spaces, which every terminal shows; control characters never reach it."""
    plain = text.replace("−", "-").replace(THIN, " ").replace("ℓ∞", "linf").replace("ℓ₂", "l2")
    plain = plain.replace("’", "'").replace("–", "-").replace("ε", "eps")
    return "".join(c if c.isprintable() else "?" for c in plain)


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
            names.setdefault((outcome.status, outcome.reason or ""), []).append(outcome.evaluator)
    return [f"{', '.join(own)} {status}: {_to_do(reason)}" for (status, reason), own in names.items()]


def _to_do(reason: str) -> str:
    """The reason with what to do about it on a command line."""
    return re.sub(
        r"pass dense_model\S*( to evaluate)?",
        "name the dense network's model.sparse as another TARGET (dense_model= in Python)",
        reason,
    )


def told(found: Judged) -> list[str]:
    """Every line below the table and its legend."""
    lines = [*_problems(found.lineup), *_audits(found.lineup)]
    lines = list(dict.fromkeys([*lines, *_doubts(found, lines)]))
    return [part for line in lines for part in wrapped(line)]


def _problems(lineup: Lineup) -> list[str]:
    """One line for each row that could not be made and for each reason of outcomes that are not ok."""
    lines = []
    for group in lineup.groups:
        seeds_of: dict[str, list[int | None]] = {}
        for run in group.runs:
            if not is_made(run):
                seeds_of.setdefault(in_short(run.subject.not_made or ""), []).append(run.subject.seed)
                continue
            said = [o for o in run.outcomes.values() if not by_design(run, o) and not _of_audit(o)]
            lines += [f"{run.subject.label}: {text}" for text in together(said)]
        for reason, seeds in seeds_of.items():
            some = f", seed {', '.join(map(str, seeds))}" if len(seeds) < len(group.runs) else ""
            lines.append(f"{group.title}{some}: {reason}")
    return lines


def _of_audit(outcome: Outcome) -> bool:
    """Whether it is an audit that says itself why there is none."""
    return outcome.evaluator == AUDIT and (outcome.reason or "").startswith(audit.NOT_AUDITABLE)


def _audits(lineup: Lineup) -> list[str]:
    """One line for each row that the audit does not support, and how many it does."""
    lines = []
    for group in lineup.groups:
        worst = audit.worst(group.runs)
        if worst is not None and worst[1] != audit.SUPPORTED:
            lines.append(f"{group.title}: audit: {worst[1]}: {worst[2]}")
    words = [word for _, word, _ in audit.states(lineup.runs)]
    counts = [f"{words.count(word)} {word}" for word in audit.STATES if word in words]
    return [*lines, f"audit of {plural(len(words), 'network')}: {', '.join(counts)}"] if words else []


def _doubts(found: Judged, said: list[str]) -> list[str]:
    """One line for each row whose number may not be believed, unless it was said, and a last one with how many."""
    groups = found.lineup.groups
    bad = [(groups[i], trust) for i, trust in found.trust.items() if trust.verdict in (CHECK, ARTEFACT)]
    if not bad:
        return []
    told_of = [(group, trust, _first(trust.notes, said)) for group, trust in bad]
    lines = [f"{group.title}: {trust.verdict}: {note}" for group, trust, note in told_of if note]
    rows = plural(len(found.trust), "row")
    which = ", ".join(group.title for group, _ in bad)
    return [*lines, f"check before you believe {len(bad)} of {rows} ({which}): the report says why"]


def _first(notes: tuple[str, ...], said: list[str]) -> str:
    """The worst note that no line has said; the audit has one of its own."""
    new = (n for n in notes if not n.startswith("audit: ") and not any(in_short(n) in line for line in said))
    return next(new, "")
