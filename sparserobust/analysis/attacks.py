"""The attacks of a run by what they say of themselves, and the one that leads a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.analysis.readings import ok
from sparserobust.one_line import OneLine
from sparserobust.records import ROUNDING, Norm, Outcome, Run

NORMS: tuple[Norm, ...] = ("linf", "l2", "l1", "l0")
"""From the one that leads where several were run."""
ROBUST = "robust_accuracy"
AUDITED = "audited_robust_accuracy"
"""The accuracy that the attacks of an audit leave together."""
_SAME_BUDGET = 1e-9


def is_attack(outcome: Outcome) -> bool:
    """Whether it is an attack by itself, no audit."""
    return outcome.attack is not None


def is_audit(outcome: Outcome) -> bool:
    """Whether it audits an attack."""
    return outcome.audit is not None


def norm_of(outcome: Outcome) -> Norm | None:
    """The norm of its budgets; None where it is none, or not recorded."""
    if outcome.attack is not None:
        return outcome.attack.norm
    return outcome.audit.norm if outcome.audit is not None else None


def measures_distance(outcome: Outcome) -> bool:
    """Whether it looks for the nearest adversarial image."""
    return outcome.attack is not None and outcome.attack.goal == "minimum-distance"


def blind(outcome: Outcome) -> bool:
    """Whether it finds adversarial images where no gradient leads to any."""
    return outcome.attack is not None and outcome.attack.needs_gradient is False


def robust_score(outcome: Outcome) -> str:
    """The name of the score that holds the accuracy it leaves."""
    return AUDITED if is_audit(outcome) else ROBUST


def headline(outcome: Outcome) -> float | None:
    """The budget of the outcome's headline robust accuracy."""
    named = [s for s in outcome.curve(robust_score(outcome)) if isinstance(s.at, float)]
    chosen = [s for s in named if s.headline] or named
    return float(chosen[0].at) if chosen and isinstance(chosen[0].at, float) else None


def scored_attacks(runs: Sequence[Run]) -> dict[str, list[Outcome]]:
    """Every attack that was scored, by evaluator, with its outcomes."""
    found: dict[str, list[Outcome]] = {}
    for run in runs:
        for name, outcome in run.outcomes.items():
            if outcome.status == "ok" and is_attack(outcome):
                found.setdefault(name, []).append(outcome)
    return found


def asked_attacks(runs: Sequence[Run]) -> dict[str, Outcome]:
    """Every attack and audit that somebody asked for, scored or not, by evaluator; one outcome of each."""
    return {n: o for run in runs for n, o in run.outcomes.items() if is_attack(o) or is_audit(o)}


def main_attack(runs: Sequence[Run]) -> tuple[str, float] | None:
    """(evaluator, budget) of the attack that leads: its norm and budget are those of the main table.

    A fixed-budget attack in the first of `NORMS` that was run, of those the one that has been measured on most
    networks, at most budgets. Else a minimum-norm attack, and where no attack was run by itself, the audit.
    """
    candidates: Counter[tuple[int, int, str, float]] = Counter()
    budgets: dict[str, int] = {}
    for run in runs:
        for name, outcome in run.outcomes.items():
            scored = outcome.status == "ok" and (is_attack(outcome) or is_audit(outcome))
            budget = headline(outcome) if scored else None
            if budget is not None:
                candidates[(_rank(outcome), _place(norm_of(outcome)), name, budget)] += 1
                budgets[name] = max(budgets.get(name, 0), len(outcome.axis))
    if not candidates:
        return None
    best = min((rank, norm) for rank, norm, _, _ in candidates)
    ranked = [
        (-n, -budgets[name], name, budget)
        for (rank, norm, name, budget), n in candidates.items()
        if (rank, norm) == best
    ]
    _, _, name, budget = min(ranked)
    return name, budget


def _rank(outcome: Outcome) -> int:
    return 2 if is_audit(outcome) else 1 if measures_distance(outcome) else 0


def _place(norm: Norm | None) -> int:
    return len(NORMS) if norm is None else NORMS.index(norm)


def comparable(runs: Sequence[Run], main: tuple[str, float]) -> list[str]:
    """Attacks beside the main one with a robust accuracy at its budget, in its norm; fixed-budget ones first."""
    norms = {norm_of(o) for run in runs if (o := ok(run, main[0])) is not None}
    names: set[tuple[bool, str]] = set()
    for name, outcomes in scored_attacks(runs).items():
        for outcome in outcomes:
            points = [score.at for score in outcome.curve(ROBUST)]
            alike = norm_of(outcome) in norms or norm_of(outcome) is None
            if name != main[0] and alike and main[1] in points:
                names.add((measures_distance(outcome), name))
    return [name for _, name in sorted(names)]


def robust(run: Run, evaluator: str, at: float, *, array: str = "robust") -> NDArray[np.bool_] | None:
    """Which images stay correct at one budget, None where the record does not hold it."""
    outcome = ok(run, evaluator)
    if outcome is None:
        return None
    kept = outcome.per_example
    if array in kept:
        for index, point in enumerate(outcome.axis):
            if abs(point - at) < _SAME_BUDGET:
                found: NDArray[np.bool_] = kept[array][index].astype(bool)
                return found
        return None
    if array == "robust" and "distance" in kept:
        survived: NDArray[np.bool_] = kept["distance"] > at + ROUNDING
        if "correct" in kept:
            survived &= kept["correct"].astype(bool)
        return survived
    return None


def broken_at(outcome: Outcome) -> NDArray[np.float64] | None:
    """The smallest budget or distance at which an attack broke each image, infinite where it did not.

    Images that are wrong from the start are broken at 0. The second opinion of an attack counts: its images lie
    within the same budgets.
    """
    kept = outcome.per_example
    found: NDArray[np.float64] | None = None
    if "distance" in kept:
        found = np.asarray(kept["distance"], dtype=np.float64).copy()
    elif "robust" in kept and len(outcome.axis) == len(kept["robust"]):
        found = np.full(kept["robust"].shape[1], np.inf)
        for name in ("robust", "margin_robust"):
            for eps, stays in zip(outcome.axis, kept.get(name, ()), strict=False):
                found = np.where(~stays.astype(bool), np.minimum(found, eps), found)
    if found is not None and "correct" in kept:
        found = np.where(kept["correct"].astype(bool), found, 0.0)
    return found


@dataclass(frozen=True, repr=False)
class AttackTitle(OneLine):
    """What an attack is called in a comparison: its own title, and what tells it from others of that title.

    Attributes:
        norm: where attacks of this title were run in several norms; `evaluator`: where several in the same norm.
    """

    title: str
    norm: Norm | None = None
    evaluator: str = ""


def attack_titles(runs: Sequence[Run]) -> dict[str, AttackTitle]:
    """The titles of all attacks and audits by evaluator, each its own."""
    asked = asked_attacks(runs)
    found = {}
    for name, outcome in asked.items():
        alike = [other for other in asked.values() if other.title == outcome.title]
        norms = {norm_of(other) for other in alike}
        same_norm = [other for other in alike if norm_of(other) == norm_of(outcome)]
        found[name] = AttackTitle(
            outcome.title or name,
            norm_of(outcome) if len(norms) > 1 else None,
            name if len(same_norm) > 1 else "",
        )
    return found
