"""What an earlier run left in its folder, and a later one with the same `--out` need not do again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from sparserobust.device import dtype_of
from sparserobust.errors import ModelError, RecordError, SparseRobustError
from sparserobust.records import Environment, Run, load_run
from sparserobust.records.files import RUN_FILE
from sparserobust.restore import load_subject
from sparserobust.scoring import Evaluator
from sparserobust.scoring.code import run_code
from sparserobust.storage.modelfile import MODEL_FILE
from sparserobust.subject import Subject


def checkpoint_file(folder: Path, start: str) -> Path:
    """Where a training that starts like this keeps what it goes on from; another one cannot mistake it."""
    return folder / f"training-{start[:12]}.checkpoint"


def place_of(folder: Path, made: Subject, start: str) -> tuple[Path, Subject | None]:
    """(where a subject belongs, it as an earlier training of the same start left it there, if one did).

    Nothing is written over: where the folder holds a model of another training the place is the next of
    `folder-2`, `folder-3` ... that does not.

    Args:
        folder: of one subject.
        made: the subject as it is to be trained. It lends its network where that is the user's own, and what a
            file does not hold.
        start: `History.started_from` of its training.
    """
    for place in _candidates(folder):
        if not (place / MODEL_FILE).is_file():
            return place, None
        try:
            network = None if hasattr(made.model, "origin") else made.dense_parent()
            found = load_subject(place / MODEL_FILE, model=network)
        except RecordError:
            return place, None  # damaged: there is nothing to lose
        except ModelError:
            continue
        if found.history is not None and found.history.started_from == start:
            found.parent = made.parent  # which a file cannot bring back for a network of the user's own
            return place, found
    raise AssertionError


def free_place(folder: Path) -> Path:
    """The first of `folder`, `folder-2` ... that holds no model."""
    return next(place for place in _candidates(folder) if not (place / MODEL_FILE).exists())


def _candidates(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in itertools.count(2))


def scored_before(
    folder: Path,
    subject: Subject,
    evaluators: Sequence[Evaluator],
    examples: Callable[[torch.dtype], str],
    now: Environment,
) -> Run | None:
    """The folder's record if the same command made it: of these weights and examples, by these evaluators.

    None as well under other versions or other code of the model or an evaluator, and where something had failed,
    which may go better now.

    Args:
        folder: of one subject.
        subject: as it is to be scored.
        evaluators: that are to score it.
        examples: `DataRecord.sha256` of those it is to be scored on, in the type that its network takes.
        now: where and how.
    """
    path = folder / RUN_FILE
    if not path.is_file():
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
        and run.code == run_code(subject.model, evaluators)
    )
    return run if same and run.data.sha256 == examples(dtype_of(subject.model)) else None


def _settings(evaluators: Sequence[Evaluator]) -> dict[str, Any]:
    """By name, as a record holds them."""
    return {evaluator.label: evaluator.resolved() for evaluator in evaluators}
