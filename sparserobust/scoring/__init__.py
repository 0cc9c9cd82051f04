"""How models are scored: evaluator base classes, and passes that all evaluators share."""

from sparserobust.scoring.attack import AttackEvaluator
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Measurement, Skip
from sparserobust.scoring.evaluator import Evaluator
from sparserobust.scoring.measure import DEFAULT_BATCH_SIZE, Measured, measure
from sparserobust.scoring.sweep import BudgetSweep

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "AttackEvaluator",
    "Batch",
    "BudgetSweep",
    "Context",
    "Evaluator",
    "Measured",
    "Measurement",
    "Skip",
    "measure",
]
