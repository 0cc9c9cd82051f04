"""The conformance kit: what every method and evaluator must satisfy, for third parties to run on their own."""

from sparserobust.testing.evaluators import check_evaluator
from sparserobust.testing.methods import check_method

__all__ = ["check_evaluator", "check_method"]
