"""Attacks, norms and budgets in words."""

from __future__ import annotations

from sparserobust.analysis.attacks import AttackTitle
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.worst_case import Robustness, WorstCase
from sparserobust.records import Norm
from sparserobust.report.text.numbers import listed

NORM_SIGNS: dict[Norm, str] = {"linf": "ℓ∞", "l2": "ℓ₂", "l1": "ℓ₁", "l0": "ℓ₀"}
"""How a norm is written."""
NOT_RECORDED = "norm not recorded"
MOST_NAMES = 3  # attacks that are named; more are counted


def norm_sign(norm: Norm | None) -> str:
    """How a norm is written, "" where it is not recorded."""
    return NORM_SIGNS[norm] if norm is not None else ""


def budget_sign(norm: Norm | None) -> str:
    """What stands for the budget: ε in linf, the norm's own sign in any other."""
    return "ε" if norm in (None, "linf") else norm_sign(norm)


def budget_text(norm: Norm | None, eps: float) -> str:
    """A budget as it is written: "ε = 0.1" in linf, "ℓ₂ = 0.5" for a distance in l2."""
    return f"{budget_sign(norm)} = {eps:g}"


def attack_name(evaluator: str, lineup: Lineup, *, norm: Norm | None = None) -> str:
    """An attack's name for a reader, with its norm where another attack of that name has another one.

    Args:
        evaluator: whose.
        lineup: the comparison that it stands in.
        norm: one that is said beside the name anyway.
    """
    title = lineup.titles.get(evaluator, AttackTitle(evaluator))
    sign = norm_sign(title.norm) if title.norm != norm else ""
    own = f"({title.evaluator})" if title.evaluator else ""
    return " ".join(part for part in (title.title, sign, own) if part)


def attack_names(lineup: Lineup) -> dict[str, str]:
    """The names of all attacks and audits of a comparison, by evaluator."""
    return {evaluator: attack_name(evaluator, lineup) for evaluator in lineup.titles}


def members(worst: WorstCase, lineup: Lineup) -> str:
    """ "FGSM, PGD and Square"."""
    return listed([attack_name(attack, lineup, norm=worst.norm) for attack in worst.attacks])


def worst_name(worst: WorstCase, lineup: Lineup) -> str:
    """ "FGSM", "worst of FGSM and PGD", "worst of 5 attacks"."""
    names = members(worst, lineup)
    if len(worst.attacks) == 1:
        return names
    return f"worst of {names if len(worst.attacks) <= MOST_NAMES else f'{len(worst.attacks)} attacks'}"


def left_out(worst: WorstCase, lineup: Lineup) -> list[str]:
    """A sentence on what is not part of the worst case, so that all networks have met the same attacks; else none."""
    if not worst.left_out:
        return []
    names = listed([attack_name(name, lineup, norm=worst.norm) for name in worst.left_out])
    return [f"Left out in {norm_sign(worst.norm)}, because some network lacks it: {names}."]


def robust_name(robust: Robustness, lineup: Lineup) -> str:
    """The attack, or the worst of several."""
    return worst_name(robust.worst, lineup)


def robust_budget(robust: Robustness) -> str:
    """ "ε = 0.1", "ℓ₂ = 0.5"."""
    return budget_text(robust.norm, robust.eps)
