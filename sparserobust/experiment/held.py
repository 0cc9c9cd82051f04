"""What a record holds already of what an experiment measures."""

from __future__ import annotations

from sparserobust.records import Outcome, SubjectRecord
from sparserobust.scoring import Evaluator


def holds(outcome: Outcome | None, evaluator: Evaluator) -> bool:
    """Whether this is an outcome of the evaluator under the same settings; what had failed may go better now."""
    return outcome is not None and outcome.status != "failed" and outcome.settings == evaluator.resolved()


def same_network(found: SubjectRecord, own: SubjectRecord) -> bool:
    """Whether a record is of this network: weights, exclusions, place of the logits, and constants if it has them."""
    return (
        found.weights_sha256 == own.weights_sha256
        and (found.exclude, found.output) == (own.exclude, own.output)
        and (found.normalization is None or found.normalization == own.normalization)
    )
