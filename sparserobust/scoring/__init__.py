"""How models are scored: evaluator base classes, and passes that all evaluators share."""

from sparserobust.scoring.attack import Attack, BudgetSweep, FixedBudgetAttack, MinimumNormAttack
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Measurement, Skip
from sparserobust.scoring.evaluator import Evaluator
from sparserobust.scoring.run import DEFAULT_BATCH_SIZE, Measured, RunOptions, measure

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "Attack",
    "Batch",
    "BudgetSweep",
    "Context",
    "Evaluator",
    "FixedBudgetAttack",
    "Measured",
    "Measurement",
    "MinimumNormAttack",
    "RunOptions",
    "Skip",
    "measure",
]
