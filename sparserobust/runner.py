"""`evaluate`: all evaluators on one subject, and the record of it."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Iterable
from functools import cache, partial
from importlib import metadata
from typing import Literal

import torch
from torch import nn

from sparserobust.arguments import seed_number
from sparserobust.data import AnyData, Data, image_shape
from sparserobust.data.subset import repeatable
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError, DegenerateScores, said_by
from sparserobust.methods.base import Method
from sparserobust.outputs import OutputOf
from sparserobust.records import DataRecord, Environment, Outcome, Remark, Run, SubjectRecord, remark
from sparserobust.scoring import Evaluator, Measured, RunOptions, measure
from sparserobust.scoring.attack.optimality import with_optimality
from sparserobust.scoring.cache import Cache
from sparserobust.scoring.code import outcome_codes
from sparserobust.scoring.named import build_evaluator, chosen, default_evaluators, list_evaluators
from sparserobust.scoring.trial import tried
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject
from sparserobust.weights.usable import usable

__all__ = ["build_evaluator", "evaluate", "failed_run", "list_evaluators"]

PACKAGES = ("torch", "torchvision", "foolbox", "torchattacks", "fvcore", "numpy", "scipy", "scikit-learn")


def evaluate(
    model: nn.Module | Subject,
    data: AnyData,
    evaluators: str | Evaluator | Iterable[str | Evaluator] | None = None,
    *,
    dense: Run | None = None,
    dense_model: nn.Module | Subject | None = None,
    output: OutputOf = None,
    cache: str | os.PathLike[str] | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    limit: int | None = None,
    label: str | None = None,
    command: str | None = None,
    progress: bool = False,
) -> Run:
    """Scores one subject with many evaluators, going through the data once.

    The model is tried on a few images first, which no count of passes holds.

    Args:
        model: a Subject, or any module that takes images (n, c, h, w) in [0, 1] and returns logits, alone or among
            other things.
        data: its test split is evaluated; its training split serves those that need training examples.
        evaluators: names or instances, one or several, for instance `load_preset("quick")`. By default the core
            eight and those that other packages bring; attacks that take long run when they are named.
        dense: the run of the dense model trained alike, for what is relative to it.
        dense_model: that model itself, for transfer attacks.
        output: where the logits lie in what a bare model returns, as in `sparsify`.
        cache: folder in which results of attacks are kept by content: the same attack on the same model and
            images is not run again, in this run or any later one, and the record says so.
        seed: of the subset and of anything drawn, 0 <= seed < 2**32.
        device: where to compute; "auto" is CUDA where there is one.
        batch_size: examples per batch, 256 by default.
        limit: evaluate a seeded stratified subset of this many examples.
        label: the name of the subject in reports.
        command: how to repeat it, for the report.
        progress: a bar on the terminal.

    Returns:
        The record, with one outcome for each evaluator: ok, skipped or failed.

    Raises:
        ConfigError, ShapeError, DataError, ModelError, PluginError: wrong use, before anything is measured; also that
            the model, tried on the first images, does not take them or returns no logits of the data's classes: NaN,
            probabilities, or other numbers each time.
    """
    named = default_evaluators() if evaluators is None else chosen(evaluators)
    data = repeatable(data)
    subject, seed = Subject.of(model, partial(image_shape, data), output=output), seed_number(seed)
    warnings: tuple[Remark, ...] = ()
    if any(own.sees_data for own in named):
        warnings, found = tried(subject, data)
        subject.output_found = subject.output_found or found
    if dense is not None and not isinstance(dense, Run):
        raise ConfigError(
            f"dense must be the run of the dense model, got {type(dense).__name__}; see dense_model"
        )
    if cache is not None and not isinstance(cache, str | os.PathLike):
        raise ConfigError(f"cache must be the path of a folder, got {cache!r}")
    if dense_model is not None and not isinstance(dense_model, Subject):
        dense_model = usable(dense_model)
    target = resolve_device(device)
    start = time.perf_counter()
    codes = outcome_codes(subject.model, {own.label: own for own in named})
    options = RunOptions(
        seed=seed,
        device=target,
        batch_size=batch_size,
        limit=limit,
        dense=dense,
        dense_model=dense_model,
        cache=None if cache is None else Cache(cache),
        progress=progress,
    )
    measured = measure(subject, data, named, options)
    record = subject.record().model_copy(update={"output_found": measured.output_found})
    if label is not None:
        record = record.model_copy(update={"label": label, "label_given": True})
    if new := [warning for warning in warnings if warning not in record.warnings]:
        record = record.model_copy(update={"warnings": (*record.warnings, *new)})
    return Run(
        subject=record,
        data=_data_record(data, measured, limit),
        seed=seed,
        outcomes=with_optimality(
            {
                name: found.model_copy(update={"code": codes[name]})
                for name, found in measured.outcomes.items()
            }
        ),
        history=subject.history,
        environment=environment_of(target, measured.batch_size, time.perf_counter() - start, command),
        passes=measured.passes,
        dense=dense.id if dense is not None else None,
    )


def failed_run(dense: Run, method: Method, sparsity: float, error: BaseException) -> Run:
    """The record of a subject that could not be made: its target stands there, and every outcome says why.

    A score that cannot choose is a result of the method, and the outcomes are skipped; after any other
    error they are failed.

    Args:
        dense: the run of the dense reference; data and circumstances are the same.
        method: that was to make it.
        sparsity: that was asked for.
        error: what was raised.
    """
    own, message = dense.subject, said_by(error)
    kept = kept_count(own.prunable, sparsity)
    if isinstance(error, DegenerateScores):
        status: Literal["skipped", "failed"] = "skipped"
        reason = remark("cannot-choose", weights=kept, message=message, layers=list(error.layers))
    else:
        status, reason = "failed", remark("not-made", error=type(error).__name__, message=message)
    subject = SubjectRecord(
        **method.made(sparsity, own.seed),
        model=own.model,
        model_title=own.model_title,
        parameters=own.parameters,
        normalization=own.normalization,
        offset=method.offset,
        sparsity=sparsity,
        kept=kept,
        prunable=own.prunable,
        exclude=own.exclude,
        outside=own.outside,
        outside_parameters=own.outside_parameters,
        decay_towards="offset" if method.offset == "dct" else "zero",
        initial_sha256=own.initial_sha256,
        weights_sha256="",
        notes=own.notes,
        not_made=reason,
    )
    outcomes = {
        name: Outcome(
            evaluator=name,
            title=known.title,
            status=status,
            attack=known.attack,
            measures=known.measures,
            reason=reason,
            source=known.source,
        )
        for name, known in dense.outcomes.items()
    }
    environment = dense.environment.model_copy(update={"created": _now(), "seconds": 0.0})
    return Run(
        subject=subject,
        data=dense.data,
        seed=dense.seed,
        outcomes=outcomes,
        environment=environment,
        dense=dense.id,
    )


def _data_record(data: AnyData, measured: Measured, limit: int | None) -> DataRecord:
    train = data.train if isinstance(data, Data) else None
    return DataRecord(
        name=data.name if isinstance(data, Data) else "tensors",
        title=data.title if isinstance(data, Data) else "tensors",
        split="test",
        n=measured.n,
        num_classes=measured.num_classes,
        input_shape=measured.input_shape,
        majority_share=max(measured.class_counts.values()) / measured.n,
        sha256=measured.data_sha256,
        limit=limit,
        subset=measured.subset,
        train_n=len(train) if train is not None and hasattr(train, "__len__") else None,
        image_size=data.image_size if isinstance(data, Data) else None,
    )


def environment_of(device: torch.device, batch_size: int, seconds: float, command: str | None) -> Environment:
    """Where and how something is measured now."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return Environment(
        sparserobust=_version("sparserobust"),
        python=platform.python_version(),
        packages={package: _version(package) for package in PACKAGES},
        device=str(device),
        device_name=name,
        threads=torch.get_num_threads(),
        batch_size=batch_size,
        created=_now(),
        seconds=round(seconds, 3),
        command=command,
    )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
