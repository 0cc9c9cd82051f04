"""The checks on a row's own records, each with its evidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from sparserobust.analysis import audits, nearest
from sparserobust.analysis.attacks import (
    AUDITED,
    ROBUST,
    headline,
    measures_distance,
    norm_of,
    robust,
    scored_attacks,
)
from sparserobust.analysis.estimates import combine, estimate_by
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import Reading, measured, ok, read
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.one_line import OneLine
from sparserobust.records import Norm, Remark, Run, remark
from sparserobust.stats import newcombe_paired

ZERO_LOOK, ZERO_FAIL = 0.02, 0.15  # share of images on which the attack had no direction to go
MARGIN_LOOK, MARGIN_FAIL = 0.03, 0.10  # how much more the step on the margin breaks
RISE_LOOK = 0.02  # accuracy that rises with the budget
STRONGER_LOOK, STRONGER_FAIL = 0.05, 0.15  # drop under another attack, beyond that of dense
NOT_FOUND_LOOK = 0.01

ZERO, MARGIN, LARGEST, RISE, STRONGER = "zero-gradients", "margin", "margin-at-largest", "rise", "stronger"
FOUND, TRANSFER, AUDIT = "not-found-by-any", "transfer-gap", "audited"
OF_THE_NETWORK = (ZERO, FOUND, TRANSFER)
"""Checks of the network's gradients, which no other attack that follows them makes up for."""


@dataclass(frozen=True, repr=False)
class Evidence(OneLine):
    """One check of one row.

    Attributes:
        check: which; `attack`: whose images it is about, "" where it is about several.
        level: how bad it is for the number of the table: 0 fine, 1 look again, 2 fails.
        facts: what was found, by name; nothing where it was not measured.
        why: what speaks against the number, None where nothing does.
        advice: what to do about it, as codes.
    """

    check: str
    attack: str = ""
    level: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    why: Remark | None = None
    advice: tuple[str, ...] = ()

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return bool(self.facts)


def diagnosed(lineup: Lineup) -> str:
    """The attack that keeps an eye on its own gradients, "" where none does: the one that leads if it does."""
    having = [
        name
        for name, outcomes in scored_attacks(lineup.runs).items()
        if any(outcome.curve("zero_gradient_share") for outcome in outcomes)
    ]
    lead = lineup.attack[0] if lineup.attack is not None else ""
    return lead if lead in having else next(iter(having), "")


def budget_of(lineup: Lineup, attack: str) -> float | None:
    """The budget that the checks on an attack are made at: that of the table where it has it, else its headline."""
    outcomes = scored_attacks(lineup.runs).get(attack, [])
    if lineup.robustness is not None and any(lineup.robustness.eps in o.axis for o in outcomes):
        return lineup.robustness.eps
    return next((eps for o in outcomes if (eps := headline(o)) is not None), None)


def zero_gradients(group: Group, attack: str) -> Evidence:
    """The share of images on which the loss has no gradient at all."""
    share = _mean([read(run, "zero_gradient_share", evaluator=attack) for run in group.runs])
    if share is None:
        return Evidence(ZERO, attack)
    level = 2 if share >= ZERO_FAIL else 1 if share >= ZERO_LOOK else 0
    facts = {"share": share, "look": ZERO_LOOK, "fail": ZERO_FAIL}
    return Evidence(ZERO, attack, level, facts, _why(ZERO, level, attack=attack, **facts))


def margin_against_loss(group: Group, attack: str, eps: float, *, largest: bool = False) -> Evidence:
    """Success of the step on the loss and on the margin; a margin that breaks more shows a masked loss."""
    check = LARGEST if largest else MARGIN
    loss = _mean([read(run, "attack_success_rate", evaluator=attack, at=eps) for run in group.runs])
    margin = _mean([read(run, "margin_attack_success_rate", evaluator=attack, at=eps) for run in group.runs])
    if loss is None or margin is None:
        return Evidence(check, attack)
    surely = any(_margin_surely_breaks_more(run, attack, eps) for run in group.runs)
    excess = margin - loss
    level = 0 if not surely or excess < MARGIN_LOOK else 1 if excess < MARGIN_FAIL else 2
    norm = _norm(group, attack)
    facts = {
        "eps": eps,
        "norm": norm,
        "loss": loss,
        "margin": margin,
        "look": MARGIN_LOOK,
        "fail": MARGIN_FAIL,
    }
    return Evidence(check, attack, level, facts, _why(MARGIN, level, attack=attack, **facts))


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
    worst, place = 0.0, 0.0
    for run in group.runs:
        outcome = ok(run, attack)
        if outcome is None:
            continue
        for low, high in itertools.pairwise(sorted(outcome.axis)):
            before, after = robust(run, attack, low), robust(run, attack, high)
            if before is None or after is None:
                continue
            d = newcombe_paired(after, before)
            if d.low > 0 and d.difference > worst:
                worst, place = d.difference, high
    if not any(ok(run, attack) for run in group.runs):
        return Evidence(RISE, attack)
    level = int(worst >= RISE_LOOK)
    facts = {"rise": worst, "eps": place, "norm": _norm(group, attack), "look": RISE_LOOK}
    return Evidence(RISE, attack, level, facts, _why(RISE, level, attack=attack, **facts))


def not_found(group: Group, lineup: Lineup) -> Evidence:
    """Examples on which no minimum-norm attack of a norm found anything, of those initially correct."""
    lost = total = 0
    names: list[str] = []
    for near in _nearest(lineup):
        names += near.attacks
        missed, correct = nearest.not_found(group, near)
        lost, total = lost + missed, total + correct
    if total == 0:
        return Evidence(FOUND)
    level = int(lost > NOT_FOUND_LOOK * total)
    facts = {"lost": lost, "of": total, "look": NOT_FOUND_LOOK}
    return Evidence(FOUND, "", level, facts, _why(FOUND, level, attacks=names, **facts))


def _nearest(lineup: Lineup) -> list[WorstCase]:
    """The minimum-norm attacks of each norm as one."""
    by_norm: dict[Any, list[str]] = {}
    for name, outcomes in scored_attacks(lineup.runs).items():
        if measures_distance(outcomes[0]):
            by_norm.setdefault(norm_of(outcomes[0]), []).append(name)
    return [WorstCase(norm, tuple(names)) for norm, names in by_norm.items()]


def stronger(group: Group, lineup: Lineup, other: str, attack: str, eps: float) -> Evidence:
    """Robust accuracy under another attack minus that under the first, judged against the same for dense."""
    drop = _drop(group, other, attack, eps)
    if drop is None:
        return Evidence(STRONGER, other)
    dense = lineup.dense_of(group)
    usual = (_drop(dense, other, attack, eps) if dense is not None else None) or 0.0
    beyond = -(drop - usual) if not group.dense else 0.0
    level = 2 if beyond >= STRONGER_FAIL else 1 if beyond >= STRONGER_LOOK else 0
    left = [
        _mean([read(run, ROBUST, evaluator=name, at=eps) for run in group.runs]) for name in (attack, other)
    ]
    facts = {"drop": drop, "beyond": beyond, "look": STRONGER_LOOK, "fail": STRONGER_FAIL}
    why = _why(STRONGER, level, attack=attack, other=other, left=left[0], other_left=left[1], **facts)
    return Evidence(STRONGER, other, level, facts, why)


def transfer(group: Group) -> Evidence:
    """How much more images made on the dense network break than the network's own, where surely more."""
    worst: Reading | None = None
    place, norm = 0.0, None
    for run in group.runs:
        outcome = measured(run, "transfer_gap")
        for score in outcome.curve("transfer_gap") if outcome is not None else ():
            if score.value is None or score.ci_low is None or not isinstance(score.at, int | float):
                continue
            if worst is None or score.ci_low > (worst.low or -1.0):
                worst, place = Reading(score.value, score.ci_low, score.ci_high), float(score.at)
                norm = norm_of(outcome) if outcome is not None else None
    if worst is None or worst.value is None or worst.low is None:
        return Evidence(TRANSFER)
    level = int(worst.low > 0)
    facts = {"gap": worst.value, "eps": place, "norm": norm}
    return Evidence(TRANSFER, "", level, facts, _why(TRANSFER, level, **facts))


def of_the_audit(group: Group, lineup: Lineup) -> Evidence:
    """What the audit of gradient masking says; an artefact counts where the table's number exceeds the audited one.

    A single attack that the audit supports is to be checked where its number surely does: it is weak.
    """
    found, defined = audits.worst(group.runs), lineup.robustness
    if found is None:
        return Evidence(AUDIT)
    facts = {"state": found.state}
    if found.state == "supported":
        weak = _weaker(group, lineup)
        advice = ("run-pgd-and-read-worst",) if weak else ()
        return Evidence(AUDIT, found.outcome.evaluator, int(weak is not None), facts, weak, advice)
    level = 1
    if found.state == "artefact-proven" and defined is not None:
        value = estimate_by(group, defined.reading).value
        level = 2 if audits.exceeds(group.runs, defined.eps, value) else 1
    inside = found.why.model_dump(mode="json") if found.why is not None else None
    why = remark(AUDIT, state=found.state, reason=inside)
    return Evidence(AUDIT, found.outcome.evaluator, level, facts, why)


def _weaker(group: Group, lineup: Lineup) -> Remark | None:
    """That a single attack surely leaves more than the audit at the same budget, None where it does not."""
    robust = lineup.robustness
    if robust is None or robust.several:
        return None
    value = estimate_by(group, robust.reading).value
    left = _mean([read(run, AUDITED, at=robust.eps) for run in group.runs])
    if value is None or left is None or not audits.exceeds(group.runs, robust.eps, value):
        return None
    return remark("weaker-than-audit", attack=robust.worst.attacks[0], left=value, audited=left)


def _why(code: str, level: int, **facts: Any) -> Remark | None:
    return remark(code, **facts) if level else None


def _norm(group: Group, attack: str) -> Norm | None:
    """The norm of an attack's budgets, None where no record says it."""
    outcomes = [outcome for run in group.runs if (outcome := ok(run, attack)) is not None]
    return next((norm for outcome in outcomes if (norm := norm_of(outcome)) is not None), None)


def _drop(group: Group, other: str, attack: str, eps: float) -> float | None:
    strong = _mean([read(run, ROBUST, evaluator=other, at=eps) for run in group.runs])
    weak = _mean([read(run, ROBUST, evaluator=attack, at=eps) for run in group.runs])
    return None if strong is None or weak is None else strong - weak


def _mean(readings: list[Reading]) -> float | None:
    return combine(readings).value
