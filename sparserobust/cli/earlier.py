"""What an earlier run left in its folder, and a later one with the same `--out` need not do again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparserobust.cli.request import Request
from sparserobust.data import Data
from sparserobust.device import dtype_of
from sparserobust.errors import SparseRobustError
from sparserobust.records import Environment, Run, load_run
from sparserobust.restore import load_subject
from sparserobust.scoring import Evaluator
from sparserobust.scoring.measure import sha256_of_examples
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
    found.parent, found.label, found.name, found.positions = (
        made.parent,
        made.label,
        made.name,
        made.positions,
    )
    return found


def scored_before(
    folder: Path,
    subject: Subject,
    evaluators: Sequence[Evaluator],
    data: Data,
    request: Request,
    now: Environment,
) -> Run | None:
    """The folder's record if the same command made it: of these weights and examples, by these evaluators.

    None as well under other versions, where something had failed, which may go better now, and with `--no-cache`.

    Args:
        folder: of one subject.
        subject: as it is to be scored.
        evaluators: that are to score it.
        data: that it is to be scored on, as the request says.
        request: what the command line asked for.
        now: where and how.
    """
    path = folder / RUN_FILE
    if request.cache is None or not path.is_file():
        return None
    try:
        run = load_run(path)
    except SparseRobustError:
        return None
    measured_in = ("command", "sparserobust", "packages", "device", "threads")
    same = (
        all(getattr(run.environment, name) == getattr(now, name) for name in measured_in)
        and {name: outcome.settings for name, outcome in run.outcomes.items()} == _settings(evaluators)
        and all(outcome.status != "failed" for outcome in run.outcomes.values())
        and run.subject.weights_sha256 == subject.record().weights_sha256
    )
    if not same:
        return None
    dtype = dtype_of(subject.model)
    examples = sha256_of_examples(data, limit=request.limit, seed=request.seeds[0], dtype=dtype)
    return run if run.data.sha256 == examples else None


def _settings(evaluators: Sequence[Evaluator]) -> dict[str, Any]:
    """By name, as a record holds them."""
    return {evaluator.name: json.loads(json.dumps(evaluator.settings())) for evaluator in evaluators}
