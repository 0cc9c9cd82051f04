"""Can a row be believed? The checks on its own records with their evidence, and the worst of them as verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sparserobust.records import Run
from sparserobust.report import checks
from sparserobust.report.audit import SUPPORTED, state
from sparserobust.report.checks import NONE, OF_THE_NETWORK, Evidence
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.numbers import percent, realised, target
from sparserobust.report.readings import AUDIT, attack_name, is_attack, ok
from sparserobust.report.soundness import collapsed, diverged
from sparserobust.report.unmade import could_not_choose, is_made

FINE, CHECK, COLLAPSED, ARTEFACT = "no red flag", "check", "collapsed", "artefact"
DIVERGED = "diverged"
NOT_SCORED = "not scored"
NO_MASK, NOT_MADE = NO_NETWORK = ("cannot choose", "not made")
WITHOUT_GRADIENT = ("square", "autoattack")
"""Attacks in linf that need no gradient, or end with one that does not."""


@dataclass(frozen=True)
class Trust:
    """What the checks say of one row.

    Attributes:
        verdict: no red flag, check, collapsed, diverged, artefact, not scored (no attack was measured), cannot choose
            (the method had nothing to choose its weights by: a result, and no network to judge), or not made (making
            or training it failed).
        evidence: by check: "zero", "margin", "largest", "rise", "found", "transfer", "audit", and the names of
            other attacks.
        notes: sentences for the reader, worst first.
        failures: outcomes that failed, with the error.
        asides: sentences about what is no reason to doubt the number of the table.
    """

    verdict: str
    evidence: dict[str, Evidence]
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()

    @property
    def ranked(self) -> bool:
        """Whether the row takes part in comparisons."""
        return self.verdict not in (COLLAPSED, DIVERGED, ARTEFACT, *NO_NETWORK)


def judge(group: Group, lineup: Lineup) -> Trust:
    """The checks on one row."""
    if all(could_not_choose(run) for run in group.runs):
        return Trust(NO_MASK, {}, tuple(_gathered(group, _reason)))
    if group.not_made:
        return Trust(NOT_MADE, {}, tuple(_gathered(group, _undecided)), tuple(_gathered(group, _failures)))
    evidence = _evidence(group, lineup)
    ordered = sorted(evidence.values(), key=lambda e: -e.level)
    notes = [e.why for e in ordered if e.why and e.level]
    notes += _gathered(group, lambda run: _warnings(run, lineup))
    notes += _gathered(group, lambda run: _trained_otherwise(run, group))
    asides = (*(e.why for e in ordered if e.why and not e.level), *_other_sparsity(group))
    notes += [f"{reason}; the means are over the other seeds" for reason in _gathered(group, _undecided)]
    failures = tuple(_gathered(group, _failures))
    made = [run for run in group.runs if is_made(run)]
    fallen = sum(collapsed(run) for run in made)
    if fallen == len(made):
        share = percent(group.first.data.majority_share)
        reason = f"collapsed: robustness not meaningful; predicts no better than always one class ({share} %)"
        return Trust(COLLAPSED, evidence, (reason, *notes), failures, asides)
    if all(diverged(run) for run in made):
        return Trust(DIVERGED, evidence, tuple(notes), failures, asides)
    if fallen:
        notes.insert(0, f"{fallen} of {len(made)} seeds collapsed; the mean mixes two kinds of network")
    worst = max((e.level for e in evidence.values()), default=0)
    if worst == 2:
        return Trust(ARTEFACT, evidence, tuple(notes), failures, asides)
    if worst == 1 or notes or failures:
        return Trust(CHECK, evidence, tuple(notes), failures, asides)
    scored = lineup.attack is not None and any(ok(run, lineup.attack[0]) for run in group.runs)
    return Trust(FINE if scored else NOT_SCORED, evidence, asides=asides)


def _evidence(group: Group, lineup: Lineup) -> dict[str, Evidence]:
    """Every check by its key, as bad as it is for the number of the table (see `_for_the_number`)."""
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
    if any("carlini-wagner" in run.outcomes for run in lineup.runs):
        evidence["found"] = checks.not_found(group)
    if any(ok(run, "transfer") for run in lineup.runs):
        evidence["transfer"] = checks.transfer(group)
    evidence = {key: _for_the_number(key, e, group, lineup) for key, e in evidence.items()}
    if any(state(run) for run in lineup.runs):
        evidence["audit"] = checks.audited(group, lineup)
    return evidence


def _for_the_number(key: str, e: Evidence, group: Group, lineup: Lineup) -> Evidence:
    """The evidence as bad as it is for the number of the table, with what to do about it.

    Several attacks: what one of them misses is in the number already, so that its slack is no reason to doubt it.
    Gradients that mislead one attack by far may mislead the others too, and a network without gradients misleads
    all, unless one of them needs none or the audit supports the network.
    """
    robust = lineup.robustness
    if not e.level or robust is None:
        return e
    audited = [state(run) for run in group.runs if is_made(run)]
    supported = all(found is not None and found[0] == SUPPORTED for found in audited)
    outside = key in lineup.other_attacks and key not in robust.worst.attacks
    if outside or not (robust.several or (supported and key in OF_THE_NETWORK)):
        run_more = f"run pgd and square, or the audit {AUDIT}"
        what = "the number of the table leaves it out" if outside else run_more
        return replace(e, level=min(e.level, 1) if robust.several else e.level, why=f"{e.why}: {what}")
    blind = supported or any(name in WITHOUT_GRADIENT for name in robust.worst.attacks)
    slack = key not in OF_THE_NETWORK
    doubt = not blind and (not slack or (e.level == 2 and key in robust.worst.attacks))
    advice = ["read the worst case"] if slack else []
    advice += [f"run square or the audit {AUDIT}"] if doubt else []
    return replace(e, level=int(doubt), why=f"{e.why}: {', and '.join(advice)}" if advice else e.why)


def _other_sparsity(group: Group) -> list[str]:
    """That it is not at the sparsity that was asked for: by 5 % of what it was to keep, or more."""
    if abs(group.sparsity - group.target) < 0.05 * (1 - group.target):
        return []
    return [
        f"its sparsity is {realised(group.sparsity)}, asked for was {target(group.target)}; "
        f"`sparserobust describe {group.first.subject.method}` says how it prunes"
    ]


def _reason(run: Run) -> list[str]:
    return [run.subject.not_made] if run.subject.not_made else []


def _undecided(run: Run) -> list[str]:
    return _reason(run) if could_not_choose(run) else []


def _failures(run: Run) -> list[str]:
    if not is_made(run):
        return [] if could_not_choose(run) else _reason(run)
    return [f"{name} failed: {o.reason}" for name, o in run.outcomes.items() if o.status == "failed"]


def _warnings(run: Run, lineup: Lineup) -> list[str]:
    """What the records themselves warn of, a training that diverged among it.

    Attacks with no part in the number of the table warn in the section of attacks.
    """
    behind = lineup.robustness.worst.attacks if lineup.robustness is not None else ()
    notes = [
        f"{attack_name(name)}: {warning}"
        for name, o in run.outcomes.items()
        if name != AUDIT and (name in behind or not is_attack(o))
        for warning in o.warnings
    ]
    notes += run.subject.warnings
    if diverged(run):
        notes.insert(0, "training diverged: the loss was not finite")
    return notes


def _trained_otherwise(run: Run, group: Group) -> list[str]:
    """That a network was not trained as long as the dense one that it is compared with."""
    dense = next((d for r, d in zip(group.runs, group.references, strict=False) if r is run), None)
    if dense is None or run.history is None or dense.history is None:
        return []
    ours, theirs = len(run.history.epochs), len(dense.history.epochs)
    if ours == theirs or diverged(run) or diverged(dense):
        return []
    return [
        f"trained {ours} epochs, the dense network beside it {theirs}: a difference may be that of the training"
    ]


def _gathered(group: Group, of_run: Callable[[Run], list[str]]) -> list[str]:
    """Each remark once, with the seeds where it is not true of all."""
    found: dict[str, list[str]] = {}
    for run in group.runs:
        for note in dict.fromkeys(of_run(run)):
            found.setdefault(note, []).append(str(run.subject.seed))
    everyone = len(group.runs)
    return [note if len(s) == everyone else f"{note} (seed {', '.join(s)})" for note, s in found.items()]
