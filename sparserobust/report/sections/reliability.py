"""Attack reliability: the checks of every row with their evidence, and what was not run and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis import audits, checks
from sparserobust.analysis.attacks import measures_distance, norm_of, scored_attacks
from sparserobust.analysis.checks import Evidence
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import could_not_choose
from sparserobust.analysis.readings import by_design, ok
from sparserobust.analysis.trust import NO_NETWORK, State, Trust
from sparserobust.records import Outcome, Run
from sparserobust.report.sections import audit, optimality
from sparserobust.report.sections.audit import Audits, audit_part
from sparserobust.report.sections.optimality import Optimality
from sparserobust.report.sections.section import Section
from sparserobust.report.table.plain import Head, heads
from sparserobust.report.text.attacks import attack_name, attack_names, budget_text
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import DASH, listed
from sparserobust.report.text.remarks import Names, capital, sentence
from sparserobust.report.text.trust import STATES, concern_text, evidence_text, is_of_the_audit

OF_THE_WATCHED = frozenset({"zero_gradient_share", "margin_attack_success_rate"})
"""Scores that are shown of one attack alone, the one whose gradients are looked at (`checks.diagnosed`)."""
FINE: tuple[State, ...] = ("no-red-flag", "not-scored", *NO_NETWORK)
MOST_REMARKS = 4  # of a row


@dataclass(frozen=True)
class Check:
    """One column: its name and what the number is."""

    key: str
    name: str
    about: str


@dataclass(frozen=True)
class Number:
    """What a check found, and how bad it is: 0 fine, 1 look again, 2 fails."""

    text: str
    level: int = 0


@dataclass(frozen=True)
class ReliabilityRow(Head):
    """One row of evidence."""

    verdict: str
    fine: bool
    flagless: bool
    filled: bool
    evidence: tuple[Number, ...]


@dataclass(frozen=True)
class Reliability:
    """The section.

    Attributes:
        attacked: whether anything attacked the networks.
        said: what the attacks say of themselves, from the records.
        remarks: (row, sentences) for rows with a red flag or a warning.
        unscored: (evaluator and status, reason, which rows).
        audits: of gradient masking; `optimality`: of the minimum-norm attacks.
    """

    attacked: bool
    checks: tuple[Check, ...]
    rows: tuple[ReliabilityRow, ...]
    said: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...]
    unscored: tuple[tuple[str, str, str], ...]
    audits: Audits | None
    optimality: Optimality | None


class ReliabilitySection(Section):
    """Attack reliability, which stands in every report: also "nothing was attacked" must be said."""

    id: ClassVar[str] = "reliability"
    title: ClassVar[str] = "Attack reliability"
    place: ClassVar[float] = 10
    shows: ClassVar[Collection[str]] = OF_THE_WATCHED | audit.SCORES | {optimality.SCORE}

    def build(self, findings: Findings) -> Reliability:
        """The section, which stands in every report: also "nothing was attacked" must be said."""
        columns = _checks(findings)
        rows = [
            _row(head, findings.trust[i], columns) for i, head in enumerate(heads(findings.lineup.groups))
        ]
        names = attack_names(findings.lineup)
        return Reliability(
            findings.lineup.attack is not None or bool(scored_attacks(findings.runs)),
            columns,
            tuple(rows),
            _said(findings.lineup, names),
            _remarks(findings, names),
            _unscored(findings.lineup, names),
            audit_part(findings),
            optimality.optimality(findings),
        )

    def stands_here(self, score: str, outcome: Outcome, run: Run, lineup: Lineup) -> bool:
        """Whether it is shown; some scores are of one attack alone."""
        if score in OF_THE_WATCHED:
            return outcome.evaluator == checks.diagnosed(lineup)
        if score == optimality.SCORE:
            return outcome.attack is not None
        return super().stands_here(score, outcome, run, lineup)


def _row(head: Head, trust: Trust, columns: tuple[Check, ...]) -> ReliabilityRow:
    return ReliabilityRow(
        **vars(head),
        verdict=STATES[trust.state],
        fine=trust.state in FINE,
        flagless=trust.state == "no-red-flag",
        filled=trust.state == "artefact",
        evidence=tuple(_number(trust.evidence.get(column.key)) for column in columns),
    )


def _number(evidence: Evidence | None) -> Number:
    return Number(DASH) if evidence is None else Number(evidence_text(evidence), evidence.level)


def _remarks(found: Findings, names: Names) -> tuple[tuple[str, str], ...]:
    """What is to be said of rows, those of which the same is said together."""
    by_text: dict[str, list[str]] = {}
    for i, trust in found.trust.items():
        notes = _notes(trust, names)[:MOST_REMARKS]
        if notes:
            text = ". ".join(capital(note) for note in notes)
            by_text.setdefault(text, []).append(row_title(found.lineup.groups[i]))
    return tuple((listed(who), text) for text, who in by_text.items())


def _notes(trust: Trust, names: Names) -> list[str]:
    """Everything but what failed, which is said by itself, and what the audit’s badge says."""
    every = (*trust.concerns, *trust.asides)
    return [concern_text(concern, names) for concern in every if not is_of_the_audit(concern)]


def _checks(found: Findings) -> tuple[Check, ...]:
    """The columns: those checks alone that were made on some row."""
    lineup = found.lineup
    made = {key: e for trust in found.trust.values() for key, e in trust.evidence.items() if e.measured}
    lead = lineup.attack[0] if lineup.attack is not None else ""
    first = attack_name(lead, lineup)
    columns = [Check(checks.ZERO, "zero gradients", "share of images, %")]
    columns += [
        Check(key, f"at {_budget(lineup, made[key])}", "broken by loss / margin, %")
        for key in (checks.MARGIN, checks.LARGEST)
        if key in made
    ]
    columns.append(Check(checks.RISE, "rises with budget", f"{first} accuracy, points"))
    columns += [
        Check(other, attack_name(other, lineup), f"minus {first}’s, points") for other in lineup.other_attacks
    ]
    columns.append(Check(checks.FOUND, _nearest(lineup), "nothing found, images"))
    columns.append(Check(checks.TRANSFER, "from dense", "breaks beyond its own, points"))
    return tuple(column for column in columns if column.key in made)


def _budget(lineup: Lineup, evidence: Evidence) -> str:
    outcomes = scored_attacks(lineup.runs).get(evidence.attack, [])
    norm = next((norm for o in outcomes if (norm := norm_of(o))), None)
    return budget_text(norm, evidence.facts["eps"])


def _nearest(lineup: Lineup) -> str:
    """The minimum-norm attack by its name, several by what they are."""
    scored = scored_attacks(lineup.runs)
    names = [name for name, outcomes in scored.items() if measures_distance(outcomes[0])]
    return attack_name(names[0], lineup) if len(names) == 1 else "minimum-norm attacks"


def _said(lineup: Lineup, names: Names) -> tuple[str, ...]:
    """ "FGSM: upper bound, not audited" where all runs say the same; nothing where an audit says more."""
    if audits.all_audited(lineup.runs):
        return ()
    lead = [lineup.attack[0]] if lineup.attack else []
    said: dict[str, set[str]] = {}
    for run in lineup.runs:
        for name in [*lead, *lineup.other_attacks]:
            outcome = ok(run, name)
            if outcome is not None and outcome.verdict:
                said.setdefault(name, set()).add(sentence(outcome.verdict, names))
    return tuple(f"{names[name]}: {words.pop()}" for name, words in said.items() if len(words) == 1)


def _unscored(lineup: Lineup, names: Names) -> tuple[tuple[str, str, str], ...]:
    gathered: dict[tuple[str, str], list[str]] = {}
    for group in lineup.groups:
        for run in group.runs:
            for what, reason in _absent(run, names):
                gathered.setdefault((what, reason), []).append(_who(group, run.subject.seed))
    return tuple((what, reason, ", ".join(dict.fromkeys(who))) for (what, reason), who in gathered.items())


def _absent(run: Run, names: Names) -> Sequence[tuple[str, str]]:
    """(what there is none of, why): the network, or outcomes; a method that could not choose is among the remarks."""
    if could_not_choose(run):
        return []
    if run.subject.not_made is not None:
        return [("not made", sentence(run.subject.not_made, names).removeprefix("not made: "))]
    return [
        (f"{names.get(name, outcome.title or name)} {outcome.status}", sentence(outcome.reason, names))
        for name, outcome in run.outcomes.items()
        if outcome.reason is not None
        and outcome.status != "ok"
        and not by_design(outcome)
        and not _badged(run, outcome)
    ]


def _badged(run: Run, outcome: Outcome) -> bool:
    """Whether it is the audit, which says with a badge that it could not be made."""
    found = audits.audited(run)
    return found is not None and found.outcome is outcome


def _who(group: Group, seed: int | None) -> str:
    return row_title(group) if len(group.runs) == 1 else f"{row_title(group)} seed {seed}"
