"""Can we believe it? The checks of every row with their evidence, and what was not scored and why."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.records import Run
from sparserobust.report.audit import state
from sparserobust.report.checks import NONE, Evidence
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.marks import Mark
from sparserobust.report.numbers import listed, target
from sparserobust.report.parts.audits import Audits, audits
from sparserobust.report.parts.optimality import Optimality, optimality
from sparserobust.report.readings import AUDIT, attack_name, by_design, ok
from sparserobust.report.trust import FINE, NO_MASK, NOT_SCORED
from sparserobust.report.unmade import could_not_choose, is_made


@dataclass(frozen=True)
class Check:
    """One column: its name and what the number is."""

    key: str
    name: str
    about: str


@dataclass(frozen=True)
class BelieveRow:
    """One row of evidence; `first` opens a new sparsity."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    verdict: str
    fine: bool
    filled: bool
    evidence: tuple[Evidence, ...]
    first: bool


@dataclass(frozen=True)
class Believe:
    """The section.

    Attributes:
        said: what the attacks say of themselves, from the records.
        remarks: (row, sentences) for rows with a red flag or a warning.
        unscored: (evaluator and status, reason, which rows).
        audits: of gradient masking; `optimality`: of the minimum-norm attacks.
    """

    checks: tuple[Check, ...]
    rows: tuple[BelieveRow, ...]
    said: tuple[str, ...]
    remarks: tuple[tuple[str, str], ...]
    unscored: tuple[tuple[str, str, str], ...]
    audits: Audits | None
    optimality: Optimality | None


def believe(found: Judged) -> Believe:
    """The section, which stands in every report: also "nothing was attacked" must be said."""
    lineup = found.lineup
    checks = _checks(found)
    rows, last = [], None
    for i, group in enumerate(lineup.groups):
        trust = found.trust[i]
        sparsity = "" if group.dense else target(group.target)
        rows.append(
            BelieveRow(
                name=group.name,
                tag=group.tag,
                mark=group.mark,
                sparsity=sparsity,
                verdict=trust.verdict,
                fine=trust.verdict in (FINE, NOT_SCORED, NO_MASK),
                filled=trust.verdict == "artefact",
                evidence=tuple(trust.evidence.get(check.key, NONE) for check in checks),
                first=last is not None and sparsity != last,
            )
        )
        last = sparsity
    remarks = [
        (lineup.groups[i].title, ". ".join(note[:1].upper() + note[1:] for note in notes[:4]))
        for i, trust in found.trust.items()
        if (
            notes := [n for n in (*trust.notes, *trust.asides) if not n.startswith("audit: ")]
        )  # its badge says it
    ]
    return Believe(
        checks,
        tuple(rows),
        _said(found),
        _merged(remarks),
        _unscored(found),
        audits(found),
        optimality(found),
    )


def _merged(remarks: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Rows with the same remark together."""
    by_text: dict[str, list[str]] = {}
    for who, text in remarks:
        by_text.setdefault(text, []).append(who)
    return tuple((listed(who), text) for text, who in by_text.items())


def _checks(found: Judged) -> tuple[Check, ...]:
    lineup = found.lineup
    checks: list[Check] = []
    keys = {key for trust in found.trust.values() for key, e in trust.evidence.items() if e != NONE}
    if lineup.attack is not None:
        name, eps = attack_name(lineup.attack[0]), lineup.attack[1]
        budgets = [max(o.axis) for run in lineup.runs if (o := ok(run, lineup.attack[0])) and o.axis]
        largest = max(budgets, default=eps)
        checks += [
            Check("zero", "zero gradients", "share of images, %"),
            Check("margin", f"at ε = {eps:g}", "broken by loss / margin, %"),
            Check("largest", f"at ε = {largest:g}", "broken by loss / margin, %"),
            Check("rise", "rises with budget", f"{name} accuracy, points"),
        ]
    first = attack_name(lineup.attack[0]) if lineup.attack is not None else ""
    checks += [Check(other, attack_name(other), f"minus {first}’s, points") for other in lineup.other_attacks]
    checks.append(Check("found", "C&W", "nothing found, images"))
    checks.append(Check("transfer", "from dense", "breaks beyond its own, points"))
    return tuple(check for check in checks if check.key in keys)


def _said(found: Judged) -> tuple[str, ...]:
    """ "FGSM: upper bound, not audited" where all runs say the same; nothing where an audit says more."""
    if any(state(run) for run in found.lineup.runs):
        return ()
    said: dict[str, set[str]] = {}
    names = [found.lineup.attack[0]] if found.lineup.attack else []
    for run in found.lineup.runs:
        for name in [*names, *found.lineup.other_attacks]:
            outcome = ok(run, name)
            if outcome is not None and outcome.verdict:
                said.setdefault(name, set()).add(outcome.verdict)
    return tuple(f"{attack_name(name)}: {words.pop()}" for name, words in said.items() if len(words) == 1)


def _unscored(found: Judged) -> tuple[tuple[str, str, str], ...]:
    gathered: dict[tuple[str, str], list[str]] = {}
    for group in found.lineup.groups:
        for run in group.runs:
            who = _who(group, run.subject.seed)
            if could_not_choose(run):
                continue  # said among the remarks
            if not is_made(run):
                reason = (run.subject.not_made or "").removeprefix("not made: ")
                gathered.setdefault(("not made", reason), []).append(who)
                continue
            for name, outcome in run.outcomes.items():
                if outcome.status != "ok" and not by_design(run, outcome) and not _badged(run, name):
                    gathered.setdefault((f"{name} {outcome.status}", outcome.reason or ""), []).append(who)
    return tuple((what, reason, ", ".join(dict.fromkeys(who))) for (what, reason), who in gathered.items())


def _badged(run: Run, name: str) -> bool:
    """Whether it is the audit, which says with a badge that it could not be made."""
    return name == AUDIT and state(run) is not None


def _who(group: Group, seed: int | None) -> str:
    return group.title if len(group.runs) == 1 else f"{group.title} seed {seed}"
