"""`evaluate`: all evaluators on one subject, and the record of it."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import torch
from torch import nn

import sparserobust
from sparserobust.data import AnyData, Data
from sparserobust.device import resolve_device
from sparserobust.errors import ConfigError, PluginError, did_you_mean
from sparserobust.records import DataRecord, Environment, Outcome, Run
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


def failed_run(dense: Run, method: str, sparsity: float, error: Exception) -> Run:
    """The record of a subject that could not be made: its target stands there, and every outcome says why.

    Args:
        dense: the run of the dense reference; data and circumstances are the same.
        method: that failed.
        sparsity: that was asked for.
        error: what it raised.
    """
    reason = f"not made: {type(error).__name__}: {' '.join(str(error).split())}"
    subject = dense.subject.model_copy(
        update={
            "label": f"{method} {sparsity:g}",
            "method": method,
            "method_source": "",
            "params": {},
            "target_sparsity": sparsity,
            "sparsity": sparsity,
            "kept": kept_count(dense.subject.prunable, sparsity),
            "layers": (),
            "warnings": (reason,),
        }
    )
    outcomes = {name: Outcome(evaluator=name, status="failed", reason=reason) for name in dense.outcomes}
    return dense.model_copy(
        update={"subject": subject, "outcomes": outcomes, "history": None, "passes": {}, "dense": dense.id}
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
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        seconds=round(seconds, 3),
        command=command,
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
