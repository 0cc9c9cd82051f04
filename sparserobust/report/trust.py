"""Can a row be believed? Checks on its own records, each with its evidence, and the worst of them as verdict."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparserobust.records import Run
from sparserobust.report.estimates import combine
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.numbers import DASH, count, fixed, percent, points
from sparserobust.report.readings import Reading, attack_name, ok, read, robust
from sparserobust.report.unmade import could_not_choose, is_made
from sparserobust.stats import newcombe_paired

FINE, CHECK, COLLAPSED, ARTEFACT = "no red flag", "check", "collapsed", "artefact"
NOT_SCORED, NO_MASK = "not scored", "cannot choose"
ZERO_LOOK, ZERO_FAIL = 0.02, 0.15  # share of images on which the attack had no direction to go
MARGIN_LOOK, MARGIN_FAIL = 0.03, 0.10  # how much more the step on the margin breaks
RISE_LOOK = 0.02  # accuracy that rises with the budget
STRONGER_LOOK, STRONGER_FAIL = 0.05, 0.15  # drop under another attack, beyond that of dense
NOT_FOUND_LOOK = 0.01


@dataclass(frozen=True)
class Evidence:
    """One check of one row: a number as text, how bad it is (0 fine, 1 look again, 2 fails), why."""

    text: str
    level: int = 0
    why: str = ""


NONE = Evidence(DASH)


@dataclass(frozen=True)
class Trust:
    """What the checks say of one row.

    Attributes:
        verdict: no red flag, check, collapsed, artefact, not scored (no attack was measured), or cannot
            choose (the method had nothing to choose its weights by: a result, and no network to judge).
        evidence: by check: "zero", "margin", "largest", "rise", "found", and the names of other attacks.
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
        return self.verdict not in (COLLAPSED, ARTEFACT, NO_MASK)


def collapsed(run: Run) -> bool:
    """Whether clean accuracy is not above the share of the commonest class, by its Wilson interval."""
    top1 = read(run, "accuracy", "top1")
    return top1.low is not None and top1.low <= run.data.majority_share


def judge(group: Group, lineup: Lineup) -> Trust:
    """The checks on one row."""
    if all(could_not_choose(run) for run in group.runs):
        return Trust(NO_MASK, {}, tuple(_gathered(group, _reason)))
    evidence: dict[str, Evidence] = {}
    if lineup.attack is not None:
        name, eps = lineup.attack
        evidence["zero"] = _zero(group, name)
        evidence["margin"] = _margin(group, name, eps)
        largest = _largest(group, name)
        evidence["largest"] = _margin(group, name, largest) if largest is not None else NONE
        evidence["rise"] = _rise(group, name)
        for other in lineup.other_attacks:
            evidence[other] = _stronger(group, lineup, other, name, eps)
    if any("carlini-wagner" in run.outcomes for run in lineup.runs):
        evidence["found"] = _found(group)
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
    if fallen:
        notes.insert(0, f"{fallen} of {len(made)} seeds collapsed; the mean mixes two kinds of network")
    worst = max((e.level for e in evidence.values()), default=0)
    if worst == 2:
        return Trust(ARTEFACT, evidence, tuple(notes), failures)
    if worst == 1 or notes or failures:
        return Trust(CHECK, evidence, tuple(notes), failures)
    scored = lineup.attack is not None and any(ok(run, lineup.attack[0]) for run in group.runs)
    return Trust(FINE if scored else NOT_SCORED, evidence)


def _mean(readings: list[Reading]) -> float | None:
    return combine(readings).value


def _zero(group: Group, attack: str) -> Evidence:
    share = _mean([read(run, attack, "zero_gradient_share") for run in group.runs])
    if share is None:
        return NONE
    level = 2 if share >= ZERO_FAIL else 1 if share >= ZERO_LOOK else 0
    why = (
        f"{attack_name(attack)} sees an all-zero gradient on {percent(share)} % of the images"
        if level
        else ""
    )
    return Evidence(percent(share), level, why)


def _margin(group: Group, attack: str, eps: float) -> Evidence:
    """Success of the step on the loss and on the margin; a margin that breaks more shows a masked loss."""
    loss = _mean([read(run, attack, "attack_success_rate", at=eps) for run in group.runs])
    margin = _mean([read(run, attack, "margin_attack_success_rate", at=eps) for run in group.runs])
    if loss is None or margin is None:
        return NONE
    surely = any(_margin_surely_breaks_more(run, attack, eps) for run in group.runs)
    excess = margin - loss
    level = 0 if not surely or excess < MARGIN_LOOK else 1 if excess < MARGIN_FAIL else 2
    why = (
        f"at ε = {eps:g} the same step on the margin breaks {percent(margin)} %, on the loss {percent(loss)} %"
        if level
        else ""
    )
    return Evidence(f"{percent(loss)} / {percent(margin)}", level, why)


def _margin_surely_breaks_more(run: Run, attack: str, eps: float) -> bool:
    by_loss = robust(run, attack, eps)
    by_margin = robust(run, attack, eps, array="margin_robust")
    return by_loss is not None and by_margin is not None and newcombe_paired(by_loss, by_margin).low > 0


def _largest(group: Group, attack: str) -> float | None:
    budgets = [outcome.axis[-1] for run in group.runs if (outcome := ok(run, attack)) and outcome.axis]
    return max(budgets) if budgets else None


def _rise(group: Group, attack: str) -> Evidence:
    """The largest sure rise of robust accuracy from one budget to the next."""
    worst, place = 0.0, 0.0
    for run in group.runs:
        outcome = ok(run, attack)
        budgets = sorted(outcome.axis) if outcome is not None else []
        for low, high in itertools.pairwise(budgets):
            before, after = robust(run, attack, low), robust(run, attack, high)
            if before is None or after is None:
                continue
            d = newcombe_paired(after, before)
            if d.low > 0 and d.difference > worst:
                worst, place = d.difference, high
    if not any(ok(run, attack) for run in group.runs):
        return NONE
    if worst < RISE_LOOK:
        return Evidence("0.0" if worst == 0 else points(worst))
    return Evidence(points(worst), 1, f"accuracy rises by {fixed(100 * worst)} points up to ε = {place:g}")


def _found(group: Group) -> Evidence:
    """Examples on which Carlini-Wagner found nothing, of those initially correct."""
    lost = total = 0
    for run in group.runs:
        outcome = ok(run, "carlini-wagner")
        if outcome is None or "distance" not in outcome.per_example:
            continue
        right = outcome.per_example["correct"].astype(bool)
        total += int(right.sum())
        lost += int(np.isinf(outcome.per_example["distance"][right]).sum())
    if total == 0:
        return NONE
    bad = lost > NOT_FOUND_LOOK * total
    why = f"Carlini–Wagner found nothing for {count(lost)} of {count(total)} images" if bad else ""
    return Evidence(f"{count(lost)} of {count(total)}", int(bad), why)


def _drop(group: Group, other: str, attack: str, eps: float) -> float | None:
    strong = _mean([read(run, other, "robust_accuracy", at=eps) for run in group.runs])
    weak = _mean([read(run, attack, "robust_accuracy", at=eps) for run in group.runs])
    return None if strong is None or weak is None else strong - weak


def _stronger(group: Group, lineup: Lineup, other: str, attack: str, eps: float) -> Evidence:
    """Robust accuracy under another attack minus that of the table, judged against the same for dense."""
    drop = _drop(group, other, attack, eps)
    if drop is None:
        return NONE
    dense = lineup.dense_of(group)
    usual = (_drop(dense, other, attack, eps) if dense is not None else None) or 0.0
    beyond = -(drop - usual) if not group.dense else 0.0
    level = 2 if beyond >= STRONGER_FAIL else 1 if beyond >= STRONGER_LOOK else 0
    left = _mean([read(run, other, "robust_accuracy", at=eps) for run in group.runs]) or 0.0
    why = f"{attack_name(other)} takes it to {percent(left)} %" if level else ""
    return Evidence(points(drop), level, why)


def _reason(run: Run) -> list[str]:
    return [run.subject.not_made] if run.subject.not_made else []


def _failures(run: Run) -> list[str]:
    if not is_made(run):
        return [] if could_not_choose(run) else _reason(run)
    return [f"{name} failed: {o.reason}" for name, o in run.outcomes.items() if o.status == "failed"]


def _warnings(run: Run) -> list[str]:
    """What the records themselves warn of, a training that diverged among it."""
    notes = [f"{attack_name(name)}: {warning}" for name, o in run.outcomes.items() for warning in o.warnings]
    notes += run.subject.warnings
    if run.history is not None and run.history.status == "diverged":
        notes.append("training diverged: the loss was not finite")
    return notes


def _gathered(group: Group, of_run: Callable[[Run], list[str]]) -> list[str]:
    """Each remark once, with the seeds where it is not true of all."""
    found: dict[str, list[str]] = {}
    for run in group.runs:
        for note in dict.fromkeys(of_run(run)):
            found.setdefault(note, []).append(str(run.subject.seed))
    everyone = len(group.runs)
    return [note if len(s) == everyone else f"{note} (seed {', '.join(s)})" for note, s in found.items()]
