"""`evaluate`: all evaluators on one subject, and the record of it."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any, Literal

import torch
from torch import nn

import sparserobust
from sparserobust.data import AnyData, Data
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError, DegenerateScores, PluginError, did_you_mean
from sparserobust.methods.base import FixedMask
from sparserobust.records import DataRecord, Environment, Outcome, Run, SubjectRecord
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import Evaluator, Measured, measure
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject

PACKAGES = ("torch", "torchvision", "foolbox", "fvcore", "numpy", "scipy", "scikit-learn")


def list_evaluators() -> list[str]:
    """Names that `evaluate` takes."""
    return registry.names()


def build_evaluator(evaluator: str | Evaluator, settings: dict[str, Any] | None = None) -> Evaluator:
    """An evaluator by name with its settings, or the instance itself.

    Raises:
        PluginError: unknown name. ConfigError: a setting it does not take or that cannot be.
    """
    if isinstance(evaluator, Evaluator):
        return evaluator
    factory = registry.load(evaluator)
    try:
        known = list(factory().settings())
    except Exception as error:
        raise PluginError(f"evaluator {evaluator!r} cannot be made without settings: {error}") from None
    for key in settings or {}:
        if key not in known:
            raise ConfigError(
                f"evaluator {evaluator!r} has no setting {key!r}{did_you_mean(key, known) or ';'} "
                f"it takes {', '.join(known) or 'none'}"
            )
    try:
        built: Evaluator = factory(**settings or {})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"evaluator {evaluator!r}: {error}") from None
    return built


def evaluate(
    model: nn.Module | Subject,
    data: AnyData,
    evaluators: Sequence[str | Evaluator] | None = None,
    *,
    dense: Run | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    limit: int | None = None,
    label: str | None = None,
    command: str | None = None,
    progress: bool = False,
) -> Run:
    """Scores one subject with many evaluators, going through the data once.

    Args:
        model: a Subject, or any module that maps images (n, c, h, w) in [0, 1] to logits.
        data: its test split is evaluated; its training split serves those that need training examples.
        evaluators: names or instances; all that are installed by default.
        dense: the run of the dense model trained alike, for what is relative to it.
        seed: of the subset and of anything drawn.
        device: where to compute; "auto" is CUDA where there is one.
        batch_size: examples per batch, 256 by default.
        limit: evaluate a seeded stratified subset of this many examples.
        label: the name of the subject in reports.
        command: how to repeat it, for the report.
        progress: a bar on the terminal.

    Returns:
        The record, with one outcome for each evaluator: ok, skipped or failed.

    Raises:
        ConfigError, ShapeError, DataError, ModelError, PluginError: wrong use, before anything is measured.
    """
    subject = Subject.of(model)
    chosen, broken = _installed() if evaluators is None else ([build_evaluator(e) for e in evaluators], {})
    if not chosen:
        raise ConfigError("name at least one evaluator; `sparserobust list evaluators` shows all")
    target = resolve_device(device)
    start = time.perf_counter()
    measured = measure(
        subject,
        data,
        chosen,
        seed=seed,
        device=target,
        batch_size=batch_size,
        limit=limit,
        dense=dense,
        progress=progress,
    )
    return Run(
        subject=subject.record() if label is None else subject.record().model_copy(update={"label": label}),
        data=_data_record(data, measured, limit),
        seed=seed,
        outcomes=measured.outcomes | broken,
        history=subject.history,
        environment=_environment(target, measured.batch_size, time.perf_counter() - start, command),
        passes=measured.passes,
        dense=dense.id if dense is not None else None,
    )


def _installed() -> tuple[list[Evaluator], dict[str, Outcome]]:
    """(every evaluator that is installed, a failed outcome for each one that cannot be loaded)."""
    loaded: list[Evaluator] = []
    broken: dict[str, Outcome] = {}
    for name in list_evaluators():
        try:
            loaded.append(build_evaluator(name))
        except PluginError as error:
            broken[name] = Outcome(evaluator=name, status="failed", reason=f"PluginError: {error}")
    return loaded, broken


def failed_run(dense: Run, method: FixedMask, sparsity: float, error: Exception) -> Run:
    """The record of a subject that could not be made: its target stands there, and every outcome says why.

    A criterion that cannot choose is a result of the method, and the outcomes are skipped; after any other
    error they are failed.

    Args:
        dense: the run of the dense reference; data and circumstances are the same.
        method: that was to make it.
        sparsity: that was asked for.
        error: what was raised.
    """
    own, message = dense.subject, " ".join(str(error).split())
    kept = kept_count(own.prunable, sparsity)
    if isinstance(error, DegenerateScores):
        status: Literal["skipped", "failed"] = "skipped"
        reason = f"cannot choose {kept} weight{'s' if kept > 1 else ''}: {message}"
    else:
        status, reason = "failed", f"not made: {type(error).__name__}: {message}"
    subject = SubjectRecord(
        label=f"{method.variant()} {sparsity:g}",
        model=own.model,
        parameters=own.parameters,
        method=method.name,
        method_source=method.source,
        params=asdict(method),
        offset=method.offset,
        positions=method.positions,
        target_sparsity=sparsity,
        sparsity=sparsity,
        kept=kept,
        prunable=own.prunable,
        seed=own.seed,
        score_samples=getattr(method, "score_samples", None) if method.needs_data else None,
        decay_towards="offset" if method.offset == "dct" else "zero",
        initial_sha256=own.initial_sha256,
        weights_sha256="",
        not_made=reason,
    )
    outcomes = {name: Outcome(evaluator=name, status=status, reason=reason) for name in dense.outcomes}
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
        split="test",
        n=measured.n,
        num_classes=measured.num_classes,
        input_shape=measured.input_shape,
        majority_share=max(measured.class_counts.values()) / measured.n,
        sha256=measured.data_sha256,
        limit=limit,
        subset=measured.subset,
        train_n=len(train) if train is not None and hasattr(train, "__len__") else None,
    )


def _environment(device: torch.device, batch_size: int, seconds: float, command: str | None) -> Environment:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return Environment(
        sparserobust=sparserobust.__version__,
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


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
