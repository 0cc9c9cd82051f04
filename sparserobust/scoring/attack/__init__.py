"""Attacks: two bases whose authors propose images, and everything that checks, judges and counts them."""

from sparserobust.scoring.attack.base import Attack
from sparserobust.scoring.attack.fixed_budget import FixedBudgetAttack
from sparserobust.scoring.attack.minimum_norm import MinimumNormAttack
from sparserobust.scoring.attack.sweep import BudgetSweep

__all__ = ["Attack", "BudgetSweep", "FixedBudgetAttack", "MinimumNormAttack"]
