"""Errors by dense-margin decile: newly misclassified images, clean and under attack."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.analysis.attacks import headline, norm_of, scored_attacks
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import no_reference
from sparserobust.analysis.readings import correct, measured
from sparserobust.analysis.worst_case import Robustness, WorstCase
from sparserobust.one_line import OneLine
from sparserobust.records import Norm, Run
from sparserobust.stats import Part, margin_deciles

DECILES = 10


@dataclass(frozen=True, repr=False)
class Condition(OneLine):
    """When an image counts as right: on the clean image, or under an attack (or the worst of several) at eps.

    Attributes:
        robust: None for the clean image.
        headline: whether it is the robust accuracy of the main table.
    """

    robust: Robustness | None
    headline: bool = False

    def right(self, run: Run) -> NDArray[np.bool_] | None:
        """Which images of a run are right, None where the record does not hold it."""
        return correct(run) if self.robust is None else self.robust.images(run)


def conditions(lineup: Lineup) -> list[Condition]:
    """Clean images, the robust accuracy of the table, then every single attack at its headline budget."""
    found = [Condition(None)]
    if lineup.robustness is not None:
        found.append(Condition(lineup.robustness, headline=True))
    known = {condition.robust for condition in found}
    for name, eps, norm in _attacks(lineup):
        single = Robustness(WorstCase(norm, (name,)), eps)
        if single not in known:
            found.append(Condition(single))
    return found


def _attacks(lineup: Lineup) -> list[tuple[str, float, Norm | None]]:
    """(attack, headline budget, norm) of everything that was scored."""
    found: list[tuple[str, float, Norm | None]] = []
    for name, outcomes in scored_attacks(lineup.runs).items():
        budget = next((eps for o in outcomes if (eps := headline(o)) is not None), None)
        if budget is not None:
            found.append((name, budget, norm_of(outcomes[0])))
    lead = lineup.attack[0] if lineup.attack else ""
    return sorted(found, key=lambda attack: (attack[0] != lead, attack[0]))


def margin(run: Run) -> NDArray[np.float64] | None:
    """By how much the label's logit leads the largest other one on each clean image."""
    outcome = measured(run, "top1")
    return None if outcome is None else outcome.per_example.get("margin")


def by_margin(group: Group, condition: Condition) -> list[tuple[Part, ...]]:
    """The deciles of each run of a group that has a dense network fit to compare with, and its margins."""
    found = []
    for run, dense in zip(group.runs, group.references, strict=False):
        if dense is None or no_reference(dense):
            continue
        margins, own, other = margin(dense), condition.right(run), condition.right(dense)
        if margins is None or own is None or other is None or not len(margins) == len(own) == len(other):
            continue
        parts = margin_deciles(margins, other, own, parts=DECILES)
        if parts:
            found.append(parts)
    return found
