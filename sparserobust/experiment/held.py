"""What a record holds already of what an experiment measures."""

from __future__ import annotations

from sparserobust.records import Outcome
from sparserobust.scoring import Evaluator


def holds(outcome: Outcome | None, evaluator: Evaluator) -> bool:
    """Whether this is an outcome of the evaluator under the same settings; what had failed may go better now."""
    return outcome is not None and outcome.status != "failed" and outcome.settings == evaluator.resolved()
