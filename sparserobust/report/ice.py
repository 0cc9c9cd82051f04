"""Thin ice in records: newly broken images by the dense network's margin, clean and under each attack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import Run
from sparserobust.report.attacks import Robustness, WorstCase
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.readings import correct, headline, is_attack, norm_of, ok
from sparserobust.report.soundness import no_reference
from sparserobust.stats import Part, thin_ice

TENTHS = 10


@dataclass(frozen=True)
class Condition:
    """When an image counts as right: on the clean image, or under an attack (or the worst of several) at eps.

    Attributes:
        name: with the budget; `short` for heads of columns.
    """

    name: str
    short: str
    robust: Robustness | None

    def right(self, run: Run) -> NDArray[np.bool_] | None:
        """Which images of a run are right, None where the record does not hold it."""
        return correct(run) if self.robust is None else self.robust.images(run)


def conditions(lineup: Lineup) -> list[Condition]:
    """Clean images, the robust accuracy of the table, then every single attack at its headline budget."""
    found = [Condition("clean images", "clean", None)]
    if lineup.robustness is not None:
        found.append(_condition(lineup.robustness, "under attack"))
    known = {condition.robust for condition in found}
    for name, eps, norm in _attacks(lineup):
        single = Robustness(WorstCase(norm, (name,)), eps)
        if single not in known:
            found.append(_condition(single, single.name))
    return found


def _condition(robust: Robustness, short: str) -> Condition:
    return Condition(f"{robust.name.removesuffix(' ℓ₂')}, {robust.budget}", short, robust)


def _attacks(lineup: Lineup) -> list[tuple[str, float, str]]:
    """(attack, headline budget, norm) of everything that was scored."""
    found: dict[str, tuple[str, float, str]] = {}
    for run in lineup.runs:
        for name, outcome in run.outcomes.items():
            budget = headline(outcome) if ok(run, name) is not None and is_attack(outcome) else None
            if budget is not None:
                found.setdefault(name, (name, budget, norm_of(outcome) or ""))
    lead = lineup.attack[0] if lineup.attack else ""
    return sorted(found.values(), key=lambda attack: (attack[0] != lead, attack[0]))


def margin(run: Run) -> NDArray[np.float64] | None:
    """By how much the label's logit leads the largest other one on each clean image."""
    outcome = ok(run, "accuracy")
    return None if outcome is None else outcome.per_example.get("margin")


def ice(group: Group, condition: Condition) -> list[tuple[Part, ...]]:
    """The parts of each run of a group that has a dense network fit to compare with, and its margins."""
    found = []
    for run, dense in zip(group.runs, group.references, strict=False):
        if dense is None or no_reference(dense):
            continue
        margins, own, other = margin(dense), condition.right(run), condition.right(dense)
        if margins is None or own is None or other is None or not len(margins) == len(own) == len(other):
            continue
        parts = thin_ice(margins, other, own, parts=TENTHS)
        if parts:
            found.append(parts)
    return found
