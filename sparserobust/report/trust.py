"""Can a row be believed? The checks on its own records with their evidence, and the worst of them as verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sparserobust.records import Run
from sparserobust.report import checks
from sparserobust.report.audit import AUDIT, state
from sparserobust.report.checks import NONE, Evidence
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.numbers import percent
from sparserobust.report.readings import attack_name, ok
from sparserobust.report.soundness import collapsed, diverged
from sparserobust.report.unmade import could_not_choose, is_made

FINE, CHECK, COLLAPSED, ARTEFACT = "no red flag", "check", "collapsed", "artefact"
DIVERGED = "diverged"
NOT_SCORED, NO_MASK = "not scored", "cannot choose"


@dataclass(frozen=True)
class Trust:
    """What the checks say of one row.

    Attributes:
        verdict: no red flag, check, collapsed, diverged, artefact, not scored (no attack was measured), or cannot
            choose (the method had nothing to choose its weights by: a result, and no network to judge).
        evidence: by check: "zero", "margin", "largest", "rise", "found", "transfer", "audit", and the names of
            other attacks.
        notes: sentences for the reader, worst first.
        failures: outcomes that failed, with the error.
    """

    verdict: str
    evidence: dict[str, Evidence]
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def ranked(self) -> bool:
        """Whether the row takes part in comparisons."""
        return self.verdict not in (COLLAPSED, DIVERGED, ARTEFACT, NO_MASK)


def judge(group: Group, lineup: Lineup) -> Trust:
    """The checks on one row."""
    if all(could_not_choose(run) for run in group.runs):
        return Trust(NO_MASK, {}, tuple(_gathered(group, _reason)))
    evidence = _evidence(group, lineup)
    notes = [e.why for e in sorted(evidence.values(), key=lambda e: -e.level) if e.why]
    notes += _gathered(group, _warnings)
    undecided = _gathered(group, lambda run: _reason(run) if could_not_choose(run) else [])
    others = "" if group.not_made else "; the means are over the other seeds"
    notes += [f"{reason}{others}" for reason in undecided]
    failures = tuple(_gathered(group, _failures))
    made = [run for run in group.runs if is_made(run)]
    fallen = sum(collapsed(run) for run in made)
    if made and fallen == len(made):
        share = percent(group.first.data.majority_share)
        reason = f"collapsed: robustness not meaningful; predicts no better than always one class ({share} %)"
        return Trust(COLLAPSED, evidence, (reason, *notes), failures)
    if made and all(diverged(run) for run in made):
        return Trust(DIVERGED, evidence, tuple(notes), failures)
    if fallen:
        notes.insert(0, f"{fallen} of {len(made)} seeds collapsed; the mean mixes two kinds of network")
    worst = max((e.level for e in evidence.values()), default=0)
    if worst == 2:
        return Trust(ARTEFACT, evidence, tuple(notes), failures)
    if worst == 1 or notes or failures:
        return Trust(CHECK, evidence, tuple(notes), failures)
    scored = lineup.attack is not None and any(ok(run, lineup.attack[0]) for run in group.runs)
    return Trust(FINE if scored else NOT_SCORED, evidence)


def _evidence(group: Group, lineup: Lineup) -> dict[str, Evidence]:
    """Every check by its key. What speaks against one attack alone is no artefact where others share the number."""
    evidence: dict[str, Evidence] = {}
    if lineup.attack is not None and lineup.robustness is not None:
        name, eps = lineup.attack
        evidence["zero"] = checks.zero_gradients(group, name)
        evidence["margin"] = checks.margin_against_loss(group, name, eps)
        largest = checks.largest_budget(group, name)
        evidence["largest"] = (
            checks.margin_against_loss(group, name, largest) if largest is not None else NONE
        )
        evidence["rise"] = checks.rise(group, name)
        for other in lineup.other_attacks:
            evidence[other] = checks.stronger(group, lineup, other, name, eps)
        if lineup.robustness.several:
            evidence = {key: replace(e, level=min(e.level, 1)) for key, e in evidence.items()}
    if any("carlini-wagner" in run.outcomes for run in lineup.runs):
        evidence["found"] = checks.not_found(group)
    if any(ok(run, "transfer") for run in lineup.runs):
        evidence["transfer"] = checks.transfer(group)
    if any(state(run) for run in lineup.runs):
        evidence["audit"] = checks.audited(group, lineup)
    return evidence


def _reason(run: Run) -> list[str]:
    return [run.subject.not_made] if run.subject.not_made else []


def _failures(run: Run) -> list[str]:
    if not is_made(run):
        return [] if could_not_choose(run) else _reason(run)
    return [f"{name} failed: {o.reason}" for name, o in run.outcomes.items() if o.status == "failed"]


def _warnings(run: Run) -> list[str]:
    """What the records themselves warn of, a training that diverged among it."""
    notes = [
        f"{attack_name(name)}: {warning}"
        for name, o in run.outcomes.items()
        if name != AUDIT
        for warning in o.warnings
    ]
    notes += run.subject.warnings
    if diverged(run):
        notes.insert(0, "training diverged: the loss was not finite")
    return notes


def _gathered(group: Group, of_run: Callable[[Run], list[str]]) -> list[str]:
    """Each remark once, with the seeds where it is not true of all."""
    found: dict[str, list[str]] = {}
    for run in group.runs:
        for note in dict.fromkeys(of_run(run)):
            found.setdefault(note, []).append(str(run.subject.seed))
    everyone = len(group.runs)
    return [note if len(s) == everyone else f"{note} (seed {', '.join(s)})" for note, s in found.items()]
