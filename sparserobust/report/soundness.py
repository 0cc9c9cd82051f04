"""Whether a network can stand for anything: not where it always names one class or its training diverged."""

from __future__ import annotations

from sparserobust.records import Run
from sparserobust.report.numbers import percent
from sparserobust.report.readings import clean

NO_REFERENCE = "no reference"


def collapsed(run: Run) -> bool:
    """Whether clean accuracy is not above the share of the commonest class, by its Wilson interval."""
    top1 = clean(run)
    return top1.low is not None and top1.low <= run.data.majority_share


def diverged(run: Run) -> bool:
    """Whether its training ended with a loss that was not finite."""
    return run.history is not None and run.history.status == "diverged"


def no_reference(run: Run) -> str:
    """Why nothing can be compared with this dense network, "" where it can be."""
    if diverged(run):
        return "the training of the dense network diverged"
    if collapsed(run):
        top1 = clean(run).value
        shown = f" ({percent(top1)} % clean accuracy)" if top1 is not None else ""
        return f"the dense network always names one class{shown}"
    return ""
