"""Looking into records that may lack anything: every reading has a value or a reason, never a made-up 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.errors import RecordError
from sparserobust.one_line import OneLine
from sparserobust.records import FRACTION, Outcome, Remark, Run, remark
from sparserobust.stats import wilson

BY_DESIGN = "is-dense-model"
"""The reason of an outcome that there can be none of: no image is transferred from dense to itself."""
NOT_FOUND = "not-found"
"""The reason of a distance that is infinite: no adversarial image was found for half of the images or more."""


@dataclass(frozen=True, repr=False)
class Reading(OneLine):
    """One number of one run, or the reason why there is none. `share`: it lies in [0, 1] by its definition."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    reason: Remark | None = None
    share: bool = False


def ok(run: Run, evaluator: str) -> Outcome | None:
    """The evaluator's outcome where it was scored."""
    outcome = run.outcomes.get(evaluator)
    return outcome if outcome is not None and outcome.status == "ok" else None


def by_design(outcome: Outcome) -> bool:
    """Whether it is skipped because there can be none."""
    return outcome.status == "skipped" and outcome.reason is not None and outcome.reason.code == BY_DESIGN


def measured_by(run: Run, score: str) -> Outcome | None:
    """The outcome that holds a score; else one that promised it and was skipped or failed; None without either."""
    for outcome in run.outcomes.values():
        if outcome.status == "ok" and any(found.name == score for found in outcome.scores):
            return outcome
    promised = (o for o in run.outcomes.values() if any(spec.name == score for spec in o.measures))
    return next(promised, None)


def measured(run: Run, score: str) -> Outcome | None:
    """The outcome that holds a score, None where none was scored."""
    outcome = measured_by(run, score)
    return outcome if outcome is not None and outcome.status == "ok" and outcome.curve(score) else None


def read(run: Run, score: str, *, evaluator: str | None = None, at: float | str | None = None) -> Reading:
    """One score of a run.

    Args:
        run: where to look.
        score: its name.
        evaluator: whose; without it whichever evaluator measures the score.
        at: the point on the axis; without it the headline.
    """
    outcome = measured_by(run, score) if evaluator is None else run.outcomes.get(evaluator)
    if outcome is None:
        return Reading(None, reason=remark("not-measured", score=score, evaluator=evaluator))
    if outcome.status != "ok":
        return Reading(None, reason=absent(outcome))
    try:
        found = outcome.score(score, at=at)
    except RecordError:
        return Reading(None, reason=remark("not-measured", score=score, evaluator=outcome.title, at=at))
    return Reading(
        found.value, found.ci_low, found.ci_high, found.n, found.reason, share=found.unit == FRACTION
    )


def absent(outcome: Outcome) -> Remark:
    """Why a skipped or failed outcome has no number, its own reason inside."""
    assert outcome.reason is not None
    return remark(outcome.status, reason=outcome.reason.model_dump(mode="json"))


def share_of(hits: NDArray[np.bool_]) -> Reading:
    """The share of True with Wilson's interval."""
    k, n = int(hits.sum()), len(hits)
    bounds = wilson(k, n)
    return Reading(k / n, bounds.low, bounds.high, n, share=True)


def clean(run: Run) -> Reading:
    """Clean accuracy: as it was measured, else the share that any other evaluator kept as correct."""
    found = correct(run) if measured(run, "top1") is None else None
    return read(run, "top1") if found is None else share_of(found)


def correct(run: Run) -> NDArray[np.bool_] | None:
    """Which clean images are classified correctly, from whichever evaluator kept it."""
    first = measured(run, "top1")
    others = [outcome for _, outcome in sorted(run.outcomes.items()) if outcome.status == "ok"]
    for outcome in [first, *others] if first is not None else others:
        if "correct" in outcome.per_example:
            found: NDArray[np.bool_] = outcome.per_example["correct"].astype(bool)
            return found
    return None
