"""Probes of what the model returns: whether it is logits, and whether their softmax can be used."""

from __future__ import annotations

from sparserobust.audit.evidence import Evidence
from sparserobust.audit.probes.probe import Answer, graded


def returns_logits(found: Evidence) -> Answer:
    """G0: the model returns logits, not log-probabilities. Source: ours."""
    share = found.share("log_probabilities")
    return Answer("fail" if share == 1 else "pass", share, None, 1.0)


def softmax_is_usable(found: Evidence) -> Answer:
    """G2: the softmax is neither flat nor saturated. Source: ours."""
    return graded(found.share("softmax_unusable"), 0.05, 0.5)
