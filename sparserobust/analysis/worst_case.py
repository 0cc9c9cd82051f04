"""The worst case over all attacks of one norm, for each image; and what "robust accuracy" means in a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.analysis.attacks import (
    ROBUST,
    broken_at,
    headline,
    is_attack,
    main_attack,
    measures_distance,
    norm_of,
    robust,
    robust_score,
    scored_attacks,
)
from sparserobust.analysis.made import is_made
from sparserobust.analysis.readings import Reading, ok, read, share_of
from sparserobust.one_line import OneLine, short, spaced
from sparserobust.records import ROUNDING, Norm, Run, remark


@dataclass(frozen=True, repr=False)
class WorstCase(OneLine):
    """Several attacks of one norm as one: an image counts as broken where any of them breaks it.

    Attributes:
        norm: None where the only attack does not record it.
        attacks: evaluators of those that every network was attacked with; `left_out`: those that some network
            lacks, and which would make the networks unequal.
    """

    norm: Norm | None
    attacks: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    def distance(self, run: Run) -> NDArray[np.float64] | None:
        """The smallest budget or distance at which any of the attacks broke each image of a run.

        0 where it is wrong from the start, infinite where none broke it; None where an attack is missing.
        """
        found = [broken_at(outcome) for attack in self.attacks if (outcome := ok(run, attack)) is not None]
        if len(found) < len(self.attacks) or any(one is None for one in found):
            return None
        smallest: NDArray[np.float64] = np.min(np.stack([one for one in found if one is not None]), axis=0)
        return smallest


@dataclass(frozen=True, repr=False)
class Robustness(OneLine):
    """What "robust accuracy" means in a comparison: under the worst of these attacks, for each image, at eps."""

    worst: WorstCase
    eps: float

    def _shown(self) -> Iterator[str]:
        yield spaced(["+".join(self.worst.attacks), self.norm, f"eps={short(self.eps)}"])

    @property
    def norm(self) -> Norm | None:
        """Of the budget; None where it is not recorded."""
        return self.worst.norm

    @property
    def several(self) -> bool:
        """Whether more than one attack is behind it."""
        return len(self.worst.attacks) > 1

    def images(self, run: Run) -> NDArray[np.bool_] | None:
        """Which images of a run are right and stay so; None where the record does not hold it."""
        if not self.several:
            return robust(run, self.worst.attacks[0], self.eps)
        distance = self.worst.distance(run)
        return None if distance is None else distance > self.eps + ROUNDING

    def reading(self, run: Run) -> Reading:
        """The share of them, with Wilson's interval."""
        if not self.several:
            attack = self.worst.attacks[0]
            outcome = run.outcomes.get(attack)
            score = ROBUST if outcome is None else robust_score(outcome)
            return read(run, score, evaluator=attack, at=self.eps)
        kept = self.images(run)
        if kept is None:
            missing = [read(run, ROBUST, evaluator=name, at=self.eps).reason for name in self.worst.attacks]
            reason = next((reason for reason in missing if reason), remark("not-per-image"))
            return Reading(None, reason=reason)
        return share_of(kept)


def worst_case(runs: Sequence[Run], norm: Norm, main: str = "") -> WorstCase | None:
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
    nearest = {name for name, outcomes in scored_attacks(runs).items() if measures_distance(outcomes[0])}
    order = sorted(shared, key=lambda name: (name != main, name in nearest, name))
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
        worst = WorstCase(norm, (name,))
    return Robustness(worst, eps)


def robustness_in(runs: Sequence[Run], norm: Norm) -> Robustness | None:
    """The worst of all attacks of a norm at the budget that most of them have as their headline."""
    worst = worst_case(runs, norm)
    if worst is None:
        return None
    stated = Counter(
        eps
        for name in worst.attacks
        for outcome in scored_attacks(runs).get(name, ())
        if (eps := headline(outcome)) is not None
    )
    if not stated:
        return None
    return Robustness(worst, min(stated, key=lambda eps: (-stated[eps], eps)))
