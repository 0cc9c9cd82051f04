"""What an audit of gradient masking says of each network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from sparserobust.analysis.attacks import AUDITED, headline, is_audit
from sparserobust.analysis.estimates import combine
from sparserobust.analysis.readings import Reading, read
from sparserobust.analysis.worst_case import Robustness
from sparserobust.one_line import OneLine
from sparserobust.records import AuditState, Norm, Outcome, Remark, Run

STATES: tuple[AuditState, ...] = get_args(AuditState)
"""From good to bad; the last says that nothing is known."""


@dataclass(frozen=True, repr=False)
class Audited(OneLine):
    """One network's audit: what it came to and why."""

    run: Run
    outcome: Outcome
    state: AuditState
    why: Remark | None


def audited(run: Run) -> Audited | None:
    """The run's audit, None where it was not audited or that failed."""
    for outcome in run.outcomes.values():
        if outcome.audit is not None and outcome.status != "failed":
            why = outcome.verdict if outcome.status == "ok" else outcome.reason
            state: AuditState = outcome.audit.state if outcome.status == "ok" else "not-auditable"
            return Audited(run, outcome, state, why)
    return None


def all_audited(runs: Sequence[Run]) -> list[Audited]:
    """The audits of those runs that have one."""
    return [found for run in runs if (found := audited(run)) is not None]


def worst(runs: Sequence[Run]) -> Audited | None:
    """The audit with the worst state, the first of several; None where none was audited."""
    return max(all_audited(runs), key=lambda found: STATES.index(found.state), default=None)


def counted(runs: Sequence[Run]) -> list[tuple[AuditState, int]]:
    """(state, how many networks) of every state that occurs, from good to bad."""
    counts = Counter(found.state for found in all_audited(runs))
    return [(state, counts[state]) for state in STATES if counts[state]]


def auditor(runs: Sequence[Run]) -> str:
    """The evaluator that audits, "" where there is none."""
    return next((name for run in runs for name, outcome in run.outcomes.items() if is_audit(outcome)), "")


def norms(runs: Sequence[Run]) -> set[Norm]:
    """The norms in which something was audited."""
    return {norm for found in all_audited(runs) if found.outcome.audit and (norm := found.outcome.audit.norm)}


def budget(runs: Sequence[Run], robust: Robustness | None) -> float | None:
    """The budget that the audit is shown at: that of the main table where it was audited, else the audit's own.

    Args:
        runs: audited or not.
        robust: what the main table shows.
    """
    points = budgets(runs)
    if robust is not None and robust.norm in norms(runs) and robust.eps in points:
        return robust.eps
    own = Counter(
        eps
        for found in all_audited(runs)
        if found.outcome.status == "ok" and (eps := headline(found.outcome)) is not None
    )
    return min(own, key=lambda eps: (-own[eps], eps), default=None)


def budgets(runs: Sequence[Run]) -> list[float]:
    """The budgets that were audited, over all runs."""
    return sorted(
        {
            float(score.at)
            for found in all_audited(runs)
            for score in found.outcome.curve(AUDITED)
            if isinstance(score.at, int | float)
        }
    )


def exceeds(runs: Sequence[Run], eps: float, value: float | None) -> bool:
    """Whether a robust accuracy at eps lies above the interval of the audited one, or cannot be held against it."""
    readings = [read(run, AUDITED, at=eps) for run in runs if audited(run) is not None]
    found = combine(readings) if readings else combine([Reading(None)])
    if value is None or found.value is None:
        return True
    return value > (found.high if found.high is not None else found.value)
