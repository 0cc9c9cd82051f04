"""What the audit of gradient masking says of each network, in the audit's own words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from sparserobust.records import Run
from sparserobust.report.attacks import Robustness
from sparserobust.report.estimates import combine
from sparserobust.report.readings import AUDIT, Reading, headline, ok, read

SUPPORTED, UPPER_BOUND, PROVEN, NOT_AUDITABLE = (
    "supported",
    "upper bound only",
    "artefact proven",
    "not auditable",
)
STATES = (SUPPORTED, UPPER_BOUND, PROVEN, NOT_AUDITABLE)
"""From good to bad; the last says that nothing is known."""


def state(run: Run) -> tuple[str, str] | None:
    """(one of `STATES`, the sentence behind it), None where the run was not audited."""
    outcome = run.outcomes.get(AUDIT)
    if outcome is None:
        return None
    said = outcome.verdict if outcome.status == "ok" else outcome.reason
    for word in STATES:
        if said and said.startswith(word) and (outcome.status == "ok" or word == NOT_AUDITABLE):
            sentence = said.removeprefix(word).removeprefix(":").strip().removesuffix(".")
            return word, re.sub(r"\bthe best attack\b", "the audit’s best attack", sentence)
    return None


def states(runs: Sequence[Run]) -> list[tuple[Run, str, str]]:
    """(run, state, sentence) of those that were audited."""
    return [(run, *found) for run in runs if (found := state(run)) is not None]


def worst(runs: Sequence[Run]) -> tuple[Run, str, str] | None:
    """The audited run with the worst state, the first of several; None where none was audited."""
    return max(states(runs), key=lambda found: STATES.index(found[1]), default=None)


def budget(runs: Sequence[Run], robust: Robustness | None) -> float | None:
    """The budget that the audit is shown at: that of the main table where it was audited, else the audit's own.

    Args:
        runs: audited or not.
        robust: what the main table shows.
    """
    points = _points(runs)
    if robust is not None and robust.worst.norm == "linf" and robust.eps in points:
        return robust.eps
    own = Counter(
        eps for run in runs if (outcome := ok(run, AUDIT)) and (eps := headline(outcome)) is not None
    )
    return min(own, key=lambda eps: (-own[eps], eps), default=None)


def _points(runs: Sequence[Run]) -> list[float]:
    """The budgets that were audited, over all runs."""
    return sorted(
        {
            float(score.at)
            for run in runs
            if (outcome := ok(run, AUDIT)) is not None
            for score in outcome.curve("audited_robust_accuracy")
            if isinstance(score.at, int | float)
        }
    )


def exceeds(runs: Sequence[Run], eps: float, value: float | None) -> bool:
    """Whether a robust accuracy at eps lies above the interval of the audited one, or cannot be held against it."""
    readings = [read(run, AUDIT, "audited_robust_accuracy", at=eps) for run in runs if ok(run, AUDIT)]
    audited = combine(readings) if readings else combine([Reading(None)])
    if value is None or audited.value is None:
        return True
    return value > (audited.high if audited.high is not None else audited.value)
