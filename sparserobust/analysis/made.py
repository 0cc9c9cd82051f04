"""Which runs have a network, and which network can stand for anything."""

from __future__ import annotations

from sparserobust.analysis.readings import clean
from sparserobust.records import Remark, Run, remark


def is_made(run: Run) -> bool:
    """Whether there is a network behind the run."""
    return run.subject.not_made is None


def could_not_choose(run: Run) -> bool:
    """Whether the method itself had nothing to choose by; any other reason is a failure."""
    return not is_made(run) and not any(o.status == "failed" for o in run.outcomes.values())


def collapsed(run: Run) -> bool:
    """Whether clean accuracy is not above the share of the commonest class, by its Wilson interval."""
    top1 = clean(run)
    return top1.low is not None and top1.low <= run.data.majority_share


def diverged(run: Run) -> bool:
    """Whether its training ended with a loss that was not finite."""
    return run.history is not None and run.history.status == "diverged"


def untrained(run: Run) -> bool:
    """Whether nobody trained it: its weights are those that were drawn."""
    return run.subject.training == "none" and not diverged(run)


def no_reference(run: Run) -> Remark | None:
    """Why nothing can be compared with this dense network, None where it can be."""
    if diverged(run):
        return remark("dense-diverged")
    if untrained(run):
        return remark("dense-untrained")
    if collapsed(run):
        return remark("dense-collapsed", top1=clean(run).value)
    return None
