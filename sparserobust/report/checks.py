"""The checks on a row's own records, each with its evidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from sparserobust.records import Run
from sparserobust.report import audit
from sparserobust.report.attacks import budget_text
from sparserobust.report.estimates import combine, estimate_by
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.numbers import DASH, count, fixed, percent, points
from sparserobust.report.readings import AUDIT, Reading, attack_name, norm_of, ok, read, robust
from sparserobust.stats import newcombe_paired

ZERO_LOOK, ZERO_FAIL = 0.02, 0.15  # share of images on which the attack had no direction to go
MARGIN_LOOK, MARGIN_FAIL = 0.03, 0.10  # how much more the step on the margin breaks
RISE_LOOK = 0.02  # accuracy that rises with the budget
STRONGER_LOOK, STRONGER_FAIL = 0.05, 0.15  # drop under another attack, beyond that of dense
NOT_FOUND_LOOK = 0.01
OF_THE_NETWORK = ("zero", "found", "transfer")
"""Checks of the network's gradients by key, which no other attack that follows them makes up for."""


@dataclass(frozen=True)
class Evidence:
    """One check of one row: a number as text, how bad it is (0 fine, 1 look again, 2 fails), why."""

    text: str
    level: int = 0
    why: str = ""


NONE = Evidence(DASH)


def zero_gradients(group: Group, attack: str) -> Evidence:
    """The share of images on which the loss has no gradient at all."""
    share = _mean([read(run, attack, "zero_gradient_share") for run in group.runs])
    if share is None:
        return NONE
    level = 2 if share >= ZERO_FAIL else 1 if share >= ZERO_LOOK else 0
    why = (
        f"{attack_name(attack)} sees an all-zero gradient on {percent(share)} % of the images "
        f"({_limits(ZERO_LOOK, ZERO_FAIL)} %), which it cannot move"
    )
    return Evidence(percent(share), level, why if level else "")


def margin_against_loss(group: Group, attack: str, eps: float) -> Evidence:
    """Success of the step on the loss and on the margin; a margin that breaks more shows a masked loss."""
    loss = _mean([read(run, attack, "attack_success_rate", at=eps) for run in group.runs])
    margin = _mean([read(run, attack, "margin_attack_success_rate", at=eps) for run in group.runs])
    if loss is None or margin is None:
        return NONE
    surely = any(_margin_surely_breaks_more(run, attack, eps) for run in group.runs)
    excess = margin - loss
    level = 0 if not surely or excess < MARGIN_LOOK else 1 if excess < MARGIN_FAIL else 2
    why = (
        f"at ε = {eps:g} the same step on the margin breaks {percent(margin)} %, on the loss {percent(loss)} % "
        f"({points(excess)} points; {_limits(MARGIN_LOOK, MARGIN_FAIL)})"
    )
    return Evidence(f"{percent(loss)} / {percent(margin)}", level, why if level else "")


def _margin_surely_breaks_more(run: Run, attack: str, eps: float) -> bool:
    by_loss = robust(run, attack, eps)
    by_margin = robust(run, attack, eps, array="margin_robust")
    return by_loss is not None and by_margin is not None and newcombe_paired(by_loss, by_margin).low > 0


def largest_budget(group: Group, attack: str) -> float | None:
    """The largest budget of an attack."""
    budgets = [max(outcome.axis) for run in group.runs if (outcome := ok(run, attack)) and outcome.axis]
    return max(budgets) if budgets else None


def rise(group: Group, attack: str) -> Evidence:
    """The largest sure rise of robust accuracy from one budget to the next."""
    worst, place = 0.0, ""
    for run in group.runs:
        outcome = ok(run, attack)
        if outcome is None:
            continue
        budgets = sorted(outcome.axis)
        for low, high in itertools.pairwise(budgets):
            before, after = robust(run, attack, low), robust(run, attack, high)
            if before is None or after is None:
                continue
            d = newcombe_paired(after, before)
            if d.low > 0 and d.difference > worst:
                worst, place = d.difference, budget_text(norm_of(outcome) or "", high)
    if not any(ok(run, attack) for run in group.runs):
        return NONE
    if worst < RISE_LOOK:
        return Evidence("0.0" if worst == 0 else points(worst))
    why = (
        f"accuracy under {attack_name(attack)} rises by {fixed(100 * worst)} points up to {place} "
        f"({_limits(RISE_LOOK)}): a larger budget can only break more"
    )
    return Evidence(points(worst), 1, why)


def not_found(group: Group) -> Evidence:
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
    why = (
        f"Carlini–Wagner, which no budget stops, found nothing for {count(lost)} of {count(total)} images "
        f"({_limits(NOT_FOUND_LOOK)} %)"
    )
    return Evidence(f"{count(lost)} of {count(total)}", int(bad), why if bad else "")


def stronger(group: Group, lineup: Lineup, other: str, attack: str, eps: float) -> Evidence:
    """Robust accuracy under another attack minus that under the first, judged against the same for dense."""
    drop = _drop(group, other, attack, eps)
    if drop is None:
        return NONE
    dense = lineup.dense_of(group)
    usual = (_drop(dense, other, attack, eps) if dense is not None else None) or 0.0
    beyond = -(drop - usual) if not group.dense else 0.0
    level = 2 if beyond >= STRONGER_FAIL else 1 if beyond >= STRONGER_LOOK else 0
    if not level:
        return Evidence(points(drop))
    left = [
        _mean([read(run, name, "robust_accuracy", at=eps) for run in group.runs]) for name in (attack, other)
    ]
    told = [
        f"{attack_name(name)} leaves {percent(v or 0.0)} %"
        for name, v in zip((attack, other), left, strict=True)
    ]
    beside = f"{points(-beyond)} points beyond what dense loses; {_limits(STRONGER_LOOK, STRONGER_FAIL)}"
    return Evidence(points(drop), level, f"{', '.join(told)} ({beside})")


def transfer(group: Group) -> Evidence:
    """How much more images made on the dense network break than the network's own, where surely more."""
    worst: Reading | None = None
    place = 0.0
    for run in group.runs:
        outcome = ok(run, "transfer")
        for score in outcome.curve("transfer_gap") if outcome is not None else ():
            if score.value is None or score.ci_low is None or not isinstance(score.at, int | float):
                continue
            if worst is None or score.ci_low > (worst.low or -1.0):
                worst, place = Reading(score.value, score.ci_low, score.ci_high), float(score.at)
    if worst is None or worst.value is None or worst.low is None:
        return NONE
    if worst.low <= 0:
        return Evidence(points(worst.value))
    why = (
        f"at ε = {place:g} images made on the dense network break {fixed(100 * worst.value)} points more than its "
        "own, a sign of masked gradients"
    )
    return Evidence(points(worst.value), 1, why)


def audited(group: Group, lineup: Lineup) -> Evidence:
    """What the audit of gradient masking says; an artefact counts where the table's number exceeds the audited one.

    A single attack that the audit supports is to be checked where its number surely does: it is weak.
    """
    found, defined = audit.worst(group.runs), lineup.robustness
    if found is None:
        return NONE
    _, word, sentence = found
    if word == audit.SUPPORTED:
        return Evidence(word, *_weaker(group, lineup))
    level = 1
    if word == audit.PROVEN and defined is not None:
        value = estimate_by(group, defined.reading).value
        level = 2 if audit.exceeds(group.runs, defined.eps, value) else 1
    return Evidence(word, level, f"audit: {sentence or word}")


def _weaker(group: Group, lineup: Lineup) -> tuple[int, str]:
    """(1, what to do) where a single attack surely leaves more than the audit at the same budget, else (0, "")."""
    robust = lineup.robustness
    if robust is None or robust.several:
        return 0, ""
    value = estimate_by(group, robust.reading).value
    left = _mean([read(run, AUDIT, "audited_robust_accuracy", at=robust.eps) for run in group.runs])
    if value is None or left is None or not audit.exceeds(group.runs, robust.eps, value):
        return 0, ""
    told = f"{robust.name} leaves {percent(value)} %, the audit’s attacks leave {percent(left)} %"
    return 1, f"{told}: run pgd beside it, and read the worst case"


def _limits(look: float, fail: float | None = None) -> str:
    """The thresholds of a check for its note: "looked at from 3, fails from 10"."""
    return f"looked at from {100 * look:g}" + ("" if fail is None else f", fails from {100 * fail:g}")


def _drop(group: Group, other: str, attack: str, eps: float) -> float | None:
    strong = _mean([read(run, other, "robust_accuracy", at=eps) for run in group.runs])
    weak = _mean([read(run, attack, "robust_accuracy", at=eps) for run in group.runs])
    return None if strong is None or weak is None else strong - weak


def _mean(readings: list[Reading]) -> float | None:
    return combine(readings).value
