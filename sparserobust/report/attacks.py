"""The attacks of a comparison: which one leads, which share its norm, and the worst of them for each image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import Outcome, Run
from sparserobust.report.numbers import listed
from sparserobust.report.readings import (
    AUDIT,
    Reading,
    attack_name,
    headline,
    is_attack,
    norm_of,
    ok,
    read,
    robust,
    robust_score,
    share_of,
)
from sparserobust.report.unmade import is_made

NORM_SIGNS = {"linf": "ℓ∞", "l2": "ℓ₂"}
"""How a norm is written."""
MOST_NAMES = 3  # attacks that are named; more are counted


@dataclass(frozen=True)
class WorstCase:
    """Several attacks of one norm as one: an image counts as broken where any of them breaks it.

    Attributes:
        attacks: those that every network was attacked with; `left_out`: those that some network lacks, and
            which would make the networks unequal.
    """

    norm: str
    attacks: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """ "FGSM", "worst of FGSM and PGD", "worst of 5 attacks"."""
        if len(self.attacks) == 1:
            return self.members
        return (
            f"worst of {self.members if len(self.attacks) <= MOST_NAMES else f'{len(self.attacks)} attacks'}"
        )

    @property
    def members(self) -> str:
        """ "FGSM, PGD and Square"."""
        return listed([attack_name(attack) for attack in self.attacks])

    def distance(self, run: Run) -> NDArray[np.float64] | None:
        """The smallest budget or distance at which any of the attacks broke each image of a run.

        0 where it is wrong from the start, infinite where none broke it; None where an attack is missing.
        """
        found = [broken_at(outcome) for attack in self.attacks if (outcome := ok(run, attack)) is not None]
        if len(found) < len(self.attacks) or any(one is None for one in found):
            return None
        smallest: NDArray[np.float64] = np.min(np.stack([one for one in found if one is not None]), axis=0)
        return smallest


@dataclass(frozen=True)
class Robustness:
    """What "robust accuracy" means in a comparison: under the worst of these attacks, for each image, at eps."""

    worst: WorstCase
    eps: float

    @property
    def name(self) -> str:
        """The attack, or the worst of several."""
        return self.worst.name

    @property
    def budget(self) -> str:
        """ "ε = 0.1", "ℓ₂ = 0.5"."""
        return budget_text(self.worst.norm, self.eps)

    @property
    def several(self) -> bool:
        """Whether more than one attack is behind it."""
        return len(self.worst.attacks) > 1

    def images(self, run: Run) -> NDArray[np.bool_] | None:
        """Which images of a run are right and stay so; None where the record does not hold it."""
        if not self.several:
            return robust(run, self.worst.attacks[0], self.eps)
        distance = self.worst.distance(run)
        return None if distance is None else distance > self.eps

    def reading(self, run: Run) -> Reading:
        """The share of them, with Wilson's interval."""
        if not self.several:
            attack = self.worst.attacks[0]
            return read(run, attack, robust_score(attack), at=self.eps)
        kept = self.images(run)
        if kept is None:
            missing = [read(run, name, "robust_accuracy", at=self.eps).reason for name in self.worst.attacks]
            reason = next((reason for reason in missing if reason), "not measured per image")
            return Reading(None, reason=reason)
        return share_of(kept)


def budget_text(norm: str, eps: float) -> str:
    """A budget as it is written: "ε = 0.1" in linf, "ℓ₂ = 0.5" for a distance in l2."""
    return f"{NORM_SIGNS['l2'] if norm == 'l2' else 'ε'} = {eps:g}"


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


def main_attack(runs: Sequence[Run]) -> tuple[str, float] | None:
    """(evaluator, budget) of the attack that leads: FGSM, else another fixed-budget one, else a minimum-norm one.

    Where no attack was run by itself, the audit's own attacks lead.
    """
    candidates: Counter[tuple[int, str, float]] = Counter()
    for run in runs:
        for name, outcome in run.outcomes.items():
            scored = outcome.status == "ok" and (is_attack(outcome) or name == AUDIT)
            budget = headline(outcome) if scored else None
            if budget is not None:
                candidates[(_rank(outcome), name, budget)] += 1
    if not candidates:
        return None
    best_rank = min(rank for rank, _, _ in candidates)
    ranked = [(-n, name, budget) for (rank, name, budget), n in candidates.items() if rank == best_rank]
    _, name, budget = min(ranked)
    return name, budget


def _rank(outcome: Outcome) -> int:
    if outcome.evaluator in ("fgsm", AUDIT):
        return 0 if outcome.evaluator == "fgsm" else 3
    return 2 if "distance" in outcome.per_example else 1


def comparable(runs: Sequence[Run], main: tuple[str, float]) -> list[str]:
    """Attacks beside the main one with a robust accuracy at its budget, in its norm; fixed-budget ones first."""
    norms = {norm_of(o) for run in runs if (o := ok(run, main[0])) is not None}
    names: set[tuple[bool, str]] = set()
    for run in runs:
        for name, outcome in run.outcomes.items():
            points = [score.at for score in outcome.curve("robust_accuracy")]
            alike = norm_of(outcome) in norms or norm_of(outcome) is None
            if outcome.status == "ok" and name != main[0] and alike and main[1] in points:
                names.add(("distance" in outcome.per_example, name))
    return [name for _, name in sorted(names)]


def worst_case(runs: Sequence[Run], norm: str, main: str = "") -> WorstCase | None:
    """The attacks of one norm that every network was attacked with, `main` first; None where there is none."""
    having: list[set[str]] = []
    for run in runs:
        if is_made(run):
            having.append(
                {
                    name
                    for name, o in run.outcomes.items()
                    if o.status == "ok" and is_attack(o) and norm_of(o) == norm and broken_at(o) is not None
                }
            )
    attacked = [names for names in having if names]
    if not attacked:
        return None
    shared, every = set.intersection(*attacked), set.union(*attacked)
    if not shared:
        return None
    fixed = {name for run in runs if is_made(run) for name, o in run.outcomes.items() if o.axis
             and "distance" not in o.per_example}  # fmt: skip
    order = sorted(shared, key=lambda name: (name != main, name not in fixed, name))
    return WorstCase(norm, tuple(order), tuple(sorted(every - shared)))


def robustness(runs: Sequence[Run]) -> Robustness | None:
    """What robust accuracy means here: the worst of all attacks in the main one's norm, at its budget."""
    main = main_attack(runs)
    if main is None:
        return None
    name, eps = main
    norm = next((norm for run in runs if (o := ok(run, name)) and (norm := norm_of(o))), None)
    worst = worst_case(runs, norm, name) if norm is not None else None
    if worst is None or name not in worst.attacks:
        worst = WorstCase(norm or "", (name,))
    return Robustness(worst, eps)
