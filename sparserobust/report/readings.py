"""Looking into records that may lack anything: every reading has a value or a reason, never a made-up 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparserobust.errors import RecordError
from sparserobust.records import Outcome, Run
from sparserobust.stats import wilson

AUDIT = "gradient-masking"
"""The evaluator that audits an attack, with attacks of its own."""
_ATTACK_NAMES = {
    "fgsm": "FGSM",
    "carlini-wagner": "Carlini–Wagner",
    "pgd": "PGD",
    "pgd-l2": "PGD ℓ₂",
    "autoattack": "AutoAttack",
    "autoattack-l2": "AutoAttack ℓ₂",
    "square": "Square",
    "square-l2": "Square ℓ₂",
    "minimum-norm": "minimum norm",
    "minimum-norm-linf": "minimum norm ℓ∞",
    AUDIT: "the audit",
}
_NORMS = {"fgsm": "linf", "carlini-wagner": "l2", "pgd-l2": "l2", "minimum-norm-linf": "linf", AUDIT: "linf"}


@dataclass(frozen=True)
class Reading:
    """One number of one run, or the reason why there is none. `share`: it lies in [0, 1] by its definition."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    reason: str = ""
    share: bool = False


def ok(run: Run, evaluator: str) -> Outcome | None:
    """The evaluator's outcome where it was scored."""
    outcome = run.outcomes.get(evaluator)
    return outcome if outcome is not None and outcome.status == "ok" else None


def by_design(run: Run, outcome: Outcome) -> bool:
    """Whether an outcome is skipped because there can be none: nothing is carried over from dense to itself."""
    return outcome.status == "skipped" and outcome.evaluator == "transfer" and run.subject.method == "dense"


def read(run: Run, evaluator: str, score: str, *, at: float | str | None = None) -> Reading:
    """One score of a run.

    Args:
        run: where to look.
        evaluator: whose outcome; missing, skipped and failed ones give their reason.
        score: its name.
        at: the point on the axis, the first one when not given.
    """
    outcome = run.outcomes.get(evaluator)
    if outcome is None:
        return Reading(None, reason=f"not measured: {evaluator} was not run")
    if outcome.status != "ok":
        return Reading(None, reason=f"{outcome.status}: {outcome.reason}")
    try:
        found = outcome.score(score, at=at)
    except RecordError as error:
        return Reading(None, reason=f"not measured: {error}")
    share = found.unit == "fraction" and not score.endswith("_gap")  # a gap is a difference of two shares
    return Reading(found.value, found.ci_low, found.ci_high, found.n, found.reason or "", share)


def share_of(hits: NDArray[np.bool_]) -> Reading:
    """The share of True with Wilson's interval."""
    k, n = int(hits.sum()), len(hits)
    bounds = wilson(k, n)
    return Reading(k / n, bounds.low, bounds.high, n, share=True)


def clean(run: Run) -> Reading:
    """Clean accuracy: as `accuracy` measured it, else the share that any other evaluator kept as correct."""
    found = correct(run) if ok(run, "accuracy") is None else None
    return read(run, "accuracy", "top1") if found is None else share_of(found)


def robust_score(attack: str) -> str:
    """The name of the score that holds the accuracy an attack leaves."""
    return "audited_robust_accuracy" if attack == AUDIT else "robust_accuracy"


def attack_name(evaluator: str) -> str:
    """An attack's name for a reader."""
    return _ATTACK_NAMES.get(evaluator, evaluator)


def norm_of(outcome: Outcome) -> str | None:
    """ "linf" or "l2" where the record or the attack's definition says so."""
    stated = outcome.settings.get("norm")  # an evaluator of its own is named for its norm
    return str(stated) if stated in ("linf", "l2") else _NORMS.get(outcome.evaluator)


def is_attack(outcome: Outcome) -> bool:
    """Whether robust accuracy was measured at budgets (or distance caps)."""
    return any(score.name == "robust_accuracy" and score.at is not None for score in outcome.scores)


def headline(outcome: Outcome) -> float | None:
    """The budget of the outcome's headline robust accuracy."""
    named = [s for s in outcome.curve(robust_score(outcome.evaluator)) if isinstance(s.at, float)]
    chosen = [s for s in named if s.headline] or named
    return float(chosen[0].at) if chosen and chosen[0].at is not None else None


def headline_point(outcome: Outcome, score: str) -> float | None:
    """The point on the axis at which a score is the headline."""
    return next((float(s.at) for s in outcome.curve(score) if s.headline and isinstance(s.at, float)), None)


def correct(run: Run) -> NDArray[np.bool_] | None:
    """Which clean images are classified correctly, from whichever evaluator kept it."""
    for name in ["accuracy", *sorted(run.outcomes)]:
        outcome = ok(run, name)
        if outcome is not None and "correct" in outcome.per_example:
            found: NDArray[np.bool_] = outcome.per_example["correct"].astype(bool)
            return found
    return None


def robust(run: Run, evaluator: str, at: float, *, array: str = "robust") -> NDArray[np.bool_] | None:
    """Which images stay correct at one budget, None where the record does not hold it."""
    outcome = ok(run, evaluator)
    if outcome is None:
        return None
    kept = outcome.per_example
    if array in kept:
        for index, point in enumerate(outcome.axis):
            if abs(point - at) < 1e-9:
                found: NDArray[np.bool_] = kept[array][index].astype(bool)
                return found
        return None
    if array == "robust" and "distance" in kept:
        survived: NDArray[np.bool_] = kept["distance"] > at
        if "correct" in kept:
            survived &= kept["correct"].astype(bool)
        return survived
    return None
