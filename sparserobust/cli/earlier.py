"""What an earlier run left in its folder, and a later one with the same `--out` need not do again."""

from __future__ import annotations

from pathlib import Path

from sparserobust.errors import SparseRobustError
from sparserobust.records import Environment, Run, load_run
from sparserobust.restore import load_subject
from sparserobust.subject import Subject

MODEL_FILE = "model.sparse"
RUN_FILE = "run.json"


def checkpoint_file(folder: Path, start: str) -> Path:
    """Where a training that starts like this keeps what it goes on from; another one cannot mistake it."""
    return folder / f"training-{start[:12]}.checkpoint"


def trained_before(folder: Path, made: Subject, start: str) -> Subject | None:
    """The folder's model as a training that starts alike left it; None where there is no such model.

    Args:
        folder: of one subject.
        made: the subject as it is to be trained. It lends its network where that is the user's own, and what a
            file does not hold.
        start: `History.started_from` of its training.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        return None
    try:
        found = load_subject(path, model=None if hasattr(made.model, "origin") else made.dense_parent())
    except SparseRobustError:
        return None
    if found.history is None or found.history.started_from != start:
        return None
    found.parent, found.label, found.name = made.parent, made.label, made.name
    return found


def scored_before(folder: Path, subject: Subject, now: Environment) -> Run | None:
    """The folder's record if the same command made it of the same weights under the same versions.

    None as well where something had failed, which may go better now.
    """
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    try:
        run = load_run(path)
    except SparseRobustError:
        return None
    then = run.environment
    measured_in = ("command", "sparserobust", "packages", "device", "threads")
    if any(getattr(then, name) != getattr(now, name) for name in measured_in):
        return None
    if any(outcome.status == "failed" for outcome in run.outcomes.values()):
        return None
    return run if run.subject.weights_sha256 == subject.record().weights_sha256 else None
