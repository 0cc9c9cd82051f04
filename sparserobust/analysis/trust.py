"""Can a row be believed? The checks on its own records with their evidence, and the worst of them as its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from sparserobust.analysis import audits, checks
from sparserobust.analysis.attacks import blind, is_attack, is_audit, measures_distance, scored_attacks
from sparserobust.analysis.checks import OF_THE_NETWORK, Evidence
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import collapsed, could_not_choose, diverged, is_made, untrained
from sparserobust.analysis.readings import measured, ok
from sparserobust.analysis.training import undertrained
from sparserobust.records import Remark, Run, remark

State = Literal[
    "no-red-flag",
    "check",
    "undertrained",
    "untrained",
    "collapsed",
    "diverged",
    "artefact",
    "not-scored",
    "cannot-choose",
    "not-made",
]
NO_NETWORK: tuple[State, ...] = ("cannot-choose", "not-made")
NOT_RANKED: tuple[State, ...] = (
    "undertrained",
    "untrained",
    "collapsed",
    "diverged",
    "artefact",
    *NO_NETWORK,
)
BELIEVED: tuple[State, ...] = ("no-red-flag", "not-scored")


@dataclass(frozen=True)
class Concern:
    """Something a reader should know of a row.

    Attributes:
        remark: what.
        seeds: those it is true of, nothing where it is true of all.
        evidence: the check behind it, None where it is from the records themselves.
        source: title of the evaluator that said it, "" where it is no evaluator's.
    """

    remark: Remark
    seeds: tuple[int | None, ...] = ()
    evidence: Evidence | None = None
    source: str = ""


@dataclass(frozen=True)
class Trust:
    """What the checks say of one row.

    Attributes:
        state: "no-red-flag", "check" (the number may not be believed as it stands), "undertrained" (it has learnt
            little and would have learnt more, so that a failed check proves nothing), "untrained" (nobody trained
            it), "collapsed", "diverged", "artefact", "not-scored" (no attack was measured), "cannot-choose" (the
            method had nothing to choose its weights by: a result, and no network to judge), or "not-made" (making or
            training it failed).
        evidence: by check, those against other attacks by the name of the attack.
        concerns: worst first.
        failures: outcomes that failed, with the error.
        asides: what is no reason to doubt the number of the table.
    """

    state: State
    evidence: Mapping[str, Evidence]
    concerns: tuple[Concern, ...] = ()
    failures: tuple[Concern, ...] = ()
    asides: tuple[Concern, ...] = ()

    @property
    def ranked(self) -> bool:
        """Whether the row takes part in comparisons."""
        return self.state not in NOT_RANKED

    @property
    def believed(self) -> bool:
        """Whether nothing speaks against its number."""
        return self.state in BELIEVED


def judge(group: Group, lineup: Lineup) -> Trust:
    """The checks on one row."""
    if all(could_not_choose(run) for run in group.runs):
        return Trust("cannot-choose", {}, tuple(_gathered(group, _reason)))
    if not group.made:
        failures = tuple(_gathered(group, _failures))
        return Trust("not-made", {}, tuple(_gathered(group, _undecided)), failures)
    evidence = _evidence(group, lineup)
    ordered = sorted(evidence.values(), key=lambda e: -e.level)
    concerns = [Concern(e.why, evidence=e) for e in ordered if e.why and e.level]
    concerns += _gathered(group, lambda run: _warnings(run, lineup))
    concerns += _gathered(group, lambda run: _short_training(run, group))
    asides = (
        *(Concern(e.why, evidence=e) for e in ordered if e.why and not e.level),
        *_other_sparsity(group),
    )
    concerns += [
        Concern(remark("left-out-seeds", reason=own.remark.model_dump(mode="json"), seeds=list(own.seeds)))
        for own in _gathered(group, _undecided)
    ]
    failures = tuple(_gathered(group, _failures))
    made = [run for run in group.runs if is_made(run)]
    whole = _of_the_whole(group, made)
    if whole is not None:
        return Trust(whole[0], evidence, (*whole[1], *concerns), failures, asides)
    if fallen := sum(collapsed(run) for run in made):
        concerns.insert(0, Concern(remark("some-collapsed", collapsed=fallen, of=len(made))))
    if all(undertrained(run) for run in made):
        return Trust("undertrained", evidence, tuple(concerns), failures, asides)
    worst = max((e.level for e in evidence.values()), default=0)
    if worst == 2:
        return Trust("artefact", evidence, tuple(concerns), failures, asides)
    if worst == 1 or concerns or failures:
        return Trust("check", evidence, tuple(concerns), failures, asides)
    scored = lineup.attack is not None and any(ok(run, lineup.attack[0]) for run in group.runs)
    return Trust("no-red-flag" if scored else "not-scored", evidence, asides=asides)


def _of_the_whole(group: Group, made: list[Run]) -> tuple[State, list[Concern]] | None:
    """(state, what is said first) of a row none of whose networks stands for anything."""
    if all(untrained(run) for run in made):
        return "untrained", [Concern(remark("untrained"))]
    if all(collapsed(run) for run in made):
        return "collapsed", [Concern(remark("collapsed", majority=group.first.data.majority_share))]
    if all(diverged(run) for run in made):
        return "diverged", []
    return None


def _evidence(group: Group, lineup: Lineup) -> dict[str, Evidence]:
    """Every check by its key, as bad as it is for the number of the table (see `_for_the_number`)."""
    found: dict[str, Evidence] = {}
    if lineup.attack is not None and lineup.robustness is not None:
        name, eps = lineup.attack
        watched = checks.diagnosed(lineup)
        if watched:
            found[checks.ZERO] = checks.zero_gradients(group, watched)
            at = checks.budget_of(lineup, watched)
            if at is not None:
                found[checks.MARGIN] = checks.margin_against_loss(group, watched, at)
            largest = checks.largest_budget(group, watched)
            if largest is not None:
                found[checks.LARGEST] = checks.margin_against_loss(group, watched, largest, largest=True)
        found[checks.RISE] = checks.rise(group, name)
        for other in lineup.other_attacks:
            found[other] = checks.stronger(group, lineup, other, name, eps)
    if any(measures_distance(own[0]) for own in scored_attacks(lineup.runs).values()):
        found[checks.FOUND] = checks.not_found(group, lineup)
    if any(measured(run, "transfer_gap") for run in lineup.runs):
        found[checks.TRANSFER] = checks.transfer(group)
    found = {key: _for_the_number(key, e, group, lineup) for key, e in found.items()}
    if audits.all_audited(lineup.runs):
        found[checks.AUDIT] = checks.of_the_audit(group, lineup)
    return found


def _for_the_number(key: str, e: Evidence, group: Group, lineup: Lineup) -> Evidence:
    """The evidence as bad as it is for the number of the table, with what to do about it.

    Several attacks: what one of them misses is in the number already, so that its slack is no reason to doubt it.
    Gradients that mislead one attack by far may mislead the others too, and a network without gradients misleads
    all, unless one of them needs none or the audit supports the network.
    """
    robust = lineup.robustness
    if not e.level or robust is None:
        return e
    states = [found and found.state for found in (audits.audited(run) for run in group.runs if is_made(run))]
    supported = all(state == "supported" for state in states)
    outside = key in lineup.other_attacks and key not in robust.worst.attacks
    if outside or not (robust.several or (supported and e.check in OF_THE_NETWORK)):
        advice = "left-out-of-the-number" if outside else "run-pgd-and-square-or-audit"
        return replace(e, level=min(e.level, 1) if robust.several else e.level, advice=(advice,))
    gradient_free = supported or any(_blind(name, lineup) for name in robust.worst.attacks)
    slack = e.check not in OF_THE_NETWORK
    doubt = not gradient_free and (not slack or (e.level == 2 and key in robust.worst.attacks))
    advised = [*(["read-worst"] if slack else []), *(["run-square-or-audit"] if doubt else [])]
    return replace(e, level=int(doubt), advice=tuple(advised))


def _blind(name: str, lineup: Lineup) -> bool:
    return any(blind(run.outcomes[name]) for run in lineup.runs if name in run.outcomes)


def _other_sparsity(group: Group) -> list[Concern]:
    """That it is not at the sparsity that was asked for: by 5 % of what it was to keep, or more."""
    if abs(group.sparsity - group.target) < 0.05 * (1 - group.target):
        return []
    subject = group.first.subject
    facts = {"sparsity": group.sparsity, "target": group.target, "method": subject.method}
    return [Concern(remark("other-sparsity", **facts))]


def _reason(run: Run) -> list[tuple[Remark, str]]:
    return [(run.subject.not_made, "")] if run.subject.not_made else []


def _undecided(run: Run) -> list[tuple[Remark, str]]:
    return _reason(run) if could_not_choose(run) else []


def _failures(run: Run) -> list[tuple[Remark, str]]:
    if not is_made(run):
        return [] if could_not_choose(run) else _reason(run)
    return [(o.reason, o.title) for o in run.outcomes.values() if o.status == "failed" and o.reason]


def _warnings(run: Run, lineup: Lineup) -> list[tuple[Remark, str]]:
    """What the records themselves warn of, a training that diverged among it.

    Attacks with no part in the number of the table warn in the section of attacks.
    """
    behind = lineup.robustness.worst.attacks if lineup.robustness is not None else ()
    found = [
        (warning, o.title)
        for name, o in run.outcomes.items()
        if not is_audit(o) and (name in behind or not is_attack(o))
        for warning in o.warnings
    ]
    found += [(warning, "") for warning in run.subject.warnings]
    if diverged(run):
        found.insert(0, (remark("training-diverged"), ""))
    return found


def _short_training(run: Run, group: Group) -> list[tuple[Remark, str]]:
    """That it has learnt little, and that it was not trained as long as the dense network beside it."""
    found: list[tuple[Remark, str]] = []
    if (short := undertrained(run)) is not None:
        found.append((short, ""))
    dense = next((d for r, d in zip(group.runs, group.references, strict=False) if r is run), None)
    if dense is None or run.history is None or dense.history is None:
        return found
    ours, theirs = len(run.history.epochs), len(dense.history.epochs)
    if ours != theirs and not diverged(run) and not diverged(dense):
        found.append((remark("other-epochs", epochs=ours, dense=theirs), ""))
    return found


def _gathered(group: Group, of_run: Callable[[Run], Iterable[tuple[Remark, str]]]) -> list[Concern]:
    """Each remark once, with the seeds where it is not true of all."""
    found: dict[tuple[Remark, str], list[int | None]] = {}
    for run in group.runs:
        for own in dict.fromkeys(of_run(run)):
            found.setdefault(own, []).append(run.subject.seed)
    everyone = len(group.runs)
    return [
        Concern(what, () if len(seeds) == everyone else tuple(seeds), source=source)
        for (what, source), seeds in found.items()
    ]
