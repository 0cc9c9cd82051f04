"""Runs without a network: the method could not choose its weights, which is a result, or making it failed."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.records import Run

LONGEST = 120  # characters of a reason in a table row
_ENDS = (", but ", "; ", ". ")


def is_made(run: Run) -> bool:
    """Whether there is a network behind the run."""
    return run.subject.not_made is None


def could_not_choose(run: Run) -> bool:
    """Whether the method itself had nothing to choose by; any other reason is a failure."""
    return not is_made(run) and not any(o.status == "failed" for o in run.outcomes.values())


def in_short(reason: str) -> str:
    """The first clause of a reason: "cannot choose 617 weights: only 12 of 6170 scores are finite and non-zero"."""
    ends = [place for end in _ENDS if (place := reason.find(end)) > 0]
    short = reason[: min(ends, default=len(reason))].rstrip(".")
    if len(short) <= LONGEST:
        return short
    whole, comma, _ = short[: LONGEST - 2].rpartition(", ")  # a list of layers ends after a whole name
    return f"{whole if comma else short[: LONGEST - 2].rstrip()} …"


def why_not_made(runs: Sequence[Run]) -> str:
    """Why none of these runs has a network, in short; "" when one has."""
    if any(is_made(run) for run in runs):
        return ""
    reasons = dict.fromkeys(in_short(run.subject.not_made or "") for run in runs)
    first = next(iter(reasons))
    return first if len(reasons) == 1 else f"{first} (seed {runs[0].subject.seed}; the others alike)"
