"""Attack reliability of a row: the checks on its records with their evidence, the worst of them as its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from sparserobust.analysis import audits, checks, concerns
from sparserobust.analysis.attacks import blind, measures_distance, scored_attacks
from sparserobust.analysis.checks import OF_THE_NETWORK, Evidence
from sparserobust.analysis.concerns import Concern
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import collapsed, could_not_choose, diverged, is_made, untrained
from sparserobust.analysis.readings import measured, ok
from sparserobust.analysis.training import undertrained
from sparserobust.one_line import OneLine, spaced
from sparserobust.records import Run, remark

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
RELIABLE: tuple[State, ...] = ("no-red-flag", "not-scored")
GONE: tuple[State, ...] = ("collapsed", "untrained")
"""States of rows whose robustness means nothing, so that none is shown."""


@dataclass(frozen=True, repr=False)
class Trust(OneLine):
    """What the checks say of one row.

    Attributes:
        state: "no-red-flag", "check" (the number is not reliable as it stands), "undertrained" (it has learnt
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

    def _shown(self) -> Iterator[str]:
        yield self.state
        for name, found in (
            ("concerns", self.concerns),
            ("failures", self.failures),
            ("asides", self.asides),
        ):
            if found:
                yield f"{name}={spaced(concern.remark.code for concern in found)}"

    @property
    def ranked(self) -> bool:
        """Whether the row takes part in comparisons."""
        return self.state not in NOT_RANKED

    @property
    def reliable(self) -> bool:
        """Whether nothing speaks against its number."""
        return self.state in RELIABLE


def judge(group: Group, lineup: Lineup) -> Trust:
    """The checks on one row."""
    if all(could_not_choose(run) for run in group.runs):
        return Trust("cannot-choose", {}, tuple(concerns.not_made(group)))
    failures = tuple(concerns.failures(group))
    if not group.made:
        return Trust("not-made", {}, tuple(concerns.undecided(group)), failures)
    evidence = _evidence(group, lineup)
    noted = [
        *concerns.of_checks(evidence.values(), doubting=True),
        *concerns.warnings(group, lineup),
        *concerns.short_training(group),
        *concerns.left_out(group),
    ]
    asides = (
        *concerns.of_checks(evidence.values(), doubting=False),
        *concerns.other_sparsity(group),
        *concerns.notes(group),
    )
    made = [run for run in group.runs if is_made(run)]
    whole = _of_the_whole(group, made)
    if whole is not None:
        return Trust(whole[0], evidence, (*whole[1], *noted), failures, asides)
    if fallen := sum(collapsed(run) for run in made):
        noted.insert(0, Concern(remark("some-collapsed", collapsed=fallen, of=len(made))))
    state = _state(group, lineup, made, evidence, doubted=bool(noted or failures))
    return Trust(state, evidence, tuple(noted), failures, asides)


def _state(
    group: Group, lineup: Lineup, made: list[Run], evidence: Mapping[str, Evidence], *, doubted: bool
) -> State:
    """The state of a row some of whose networks stand for something."""
    worst = max((e.level for e in evidence.values()), default=0)
    if all(undertrained(run) for run in made):
        return "undertrained"
    if worst == 2:
        return "artefact"
    if worst == 1 or doubted:
        return "check"
    scored = lineup.attack is not None and any(ok(run, lineup.attack[0]) for run in group.runs)
    return "no-red-flag" if scored else "not-scored"


def _of_the_whole(group: Group, made: list[Run]) -> tuple[State, list[Concern]] | None:
    """(state, what is said first) of a row none of whose networks stands for anything."""
    if all(untrained(run) for run in made):
        return "untrained", [Concern(remark("untrained"))]
    if all(collapsed(run) for run in made):
        found = remark("collapsed", majority=group.first.data.majority_share)
        return "collapsed", [Concern(found), *concerns.other_constants(group)]
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

    Several attacks: what one of them misses is in the number already, so that it is no reason to doubt it.
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
    of_the_attack = e.check not in OF_THE_NETWORK
    doubt = not gradient_free and (not of_the_attack or (e.level == 2 and key in robust.worst.attacks))
    advised = [*(["read-worst"] if of_the_attack else []), *(["run-square-or-audit"] if doubt else [])]
    return replace(e, level=int(doubt), advice=tuple(advised))


def _blind(name: str, lineup: Lineup) -> bool:
    return any(blind(run.outcomes[name]) for run in lineup.runs if name in run.outcomes)
