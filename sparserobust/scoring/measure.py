"""All evaluators over one model in lockstep: once through the data, each batch handed to everybody."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from sparserobust.data import AnyData, Data, as_dataset, batches, stratified_subset
from sparserobust.device import device_of, dtype_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, DataError, PluginError
from sparserobust.records import Outcome, Run
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.evaluator import Context, Evaluator, Measurement, Skip
from sparserobust.seeds import seed_everything
from sparserobust.subject import Subject
from sparserobust.weights.untouched import examined, random_states_kept

DEFAULT_BATCH_SIZE = 256


@dataclass
class Measured:
    """What came out, and on which examples."""

    outcomes: dict[str, Outcome]
    passes: dict[str, int]
    n: int
    class_counts: Counter[int]
    num_classes: int
    input_shape: tuple[int, ...]
    data_sha256: str
    subset: str | None
    batch_size: int


def measure(
    model: nn.Module | Subject,
    data: AnyData,
    evaluators: Sequence[Evaluator],
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    limit: int | None = None,
    dense: Run | None = None,
    progress: bool = False,
) -> Measured:
    """Runs the evaluators; see `sparserobust.evaluate` for the arguments.

    An evaluator that raises is failed from there on, the others go on. After each one's turn the model,
    its gradients and the global random states are put back; afterwards all is as before.
    """
    subject = Subject.of(model)
    target = resolve_device(device)
    size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
    if size < 1:
        raise ConfigError(f"batch_size must be at least 1, got {size}")
    if len({e.name for e in evaluators}) < len(evaluators):
        raise ConfigError("each evaluator can be used once in a run; give one of them another name")
    train = as_dataset(data, "train") if isinstance(data, Data) else None

    shared: Counter[str] = Counter()
    facts = _Facts()
    home = device_of(subject.model)
    subject.model.to(target)
    try:
        with examined(subject.model) as guard, repeatable_kernels():
            split, subset = stratified_subset(as_dataset(data, "test"), limit, seed)
            stream = batches(split, size, target, dtype=dtype_of(subject.model))
            first = next(stream, None)
            if first is None:
                raise DataError("there is no example to evaluate; the data set is empty")
            shape = tuple(first[0].shape[1:])
            turns = [
                _Turn(evaluator, Context(subject, shape, target, train, size, seed, dense, guard))
                for evaluator in evaluators
            ]
            for turn in turns:
                turn.begin()
            bar = tqdm(
                chain([first], stream),
                f"{subject.label}: scoring",
                _length(split, size),
                leave=False,
                disable=None if progress else True,
            )
            for images, labels in bar:
                facts.add(images, labels)
                batch = Batch(subject.model, images, labels, shared, guard)
                for turn in turns:
                    if turn.evaluator.sees_data:
                        bar.set_postfix_str(turn.evaluator.name)
                        turn.update(batch)
                if facts.num_classes == 0:
                    facts.num_classes = _classes(batch)
            for turn in turns:
                turn.finish()
    finally:
        subject.model.to(home)
    return Measured(
        outcomes={turn.evaluator.name: turn.outcome() for turn in turns},
        passes=dict(shared),
        n=facts.n,
        class_counts=facts.class_counts,
        num_classes=max(facts.num_classes, len(facts.class_counts)),
        input_shape=facts.input_shape,
        data_sha256=facts.digest.hexdigest(),
        subset=subset,
        batch_size=getattr(split, "batch_size", None) or size,
    )


class _Turn:
    """One evaluator's turns, with its failure, time and side effects kept apart from everybody else's."""

    def __init__(self, evaluator: Evaluator, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context
        self.measurement: Measurement | None = None
        self.result: Outcome | None = None
        self.seconds = 0.0
        self.turns = 0

    def begin(self) -> None:
        self._take(self._begin)

    def update(self, batch: Batch) -> None:
        measurement = self.measurement
        if measurement is not None:
            self._take(lambda: measurement.update(batch.copy(batch.passes)))

    def finish(self) -> None:
        self._take(self._finish)

    def _begin(self) -> None:
        self.measurement = self.evaluator.begin(self.context)

    def _finish(self) -> None:
        assert self.measurement is not None
        result = self.measurement.finish()
        if not isinstance(result, Outcome) or result.evaluator != self.evaluator.name:
            raise PluginError(
                f"finish() of {self.evaluator.name!r} must return its Outcome, got "
                + (f"that of {result.evaluator!r}" if isinstance(result, Outcome) else type(result).__name__)
            )
        self.result = result

    def _take(self, action: Callable[[], None]) -> None:
        if self.result is not None:
            return
        start = time.perf_counter()
        self.turns += 1
        try:
            with random_states_kept(), torch.enable_grad():
                seed_everything(self.context.seed, f"{self.evaluator.name}, turn {self.turns}")
                action()
        except Skip as reason:
            self.result = Outcome(evaluator=self.evaluator.name, status="skipped", reason=str(reason))
        except Exception as error:  # a plugin may raise anything; the others go on
            text = " ".join(str(error).split())
            self.result = Outcome(
                evaluator=self.evaluator.name, status="failed", reason=f"{type(error).__name__}: {text}"[:500]
            )
        finally:
            self.seconds += time.perf_counter() - start
            self.context.guard.restore()
        if self.result is not None:
            self.measurement = None

    def outcome(self) -> Outcome:
        assert self.result is not None
        return self.result.model_copy(
            update={
                "settings": _plain(self.evaluator.settings()),
                "source": getattr(self.evaluator, "source", ""),
                "passes": dict(self.context.passes),
                "seconds": round(self.seconds, 4),
            }
        )


@dataclass
class _Facts:
    """What is learned of the data on the way."""

    n: int = 0
    num_classes: int = 0
    input_shape: tuple[int, ...] = ()
    class_counts: Counter[int] = field(default_factory=Counter)
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.n += len(labels)
        self.input_shape = tuple(images.shape[1:])
        self.class_counts.update(labels.tolist())
        for image, label in zip(images.cpu(), labels.tolist(), strict=True):
            self.digest.update(
                image.contiguous().numpy().tobytes() + label.to_bytes(8, "little", signed=True)
            )


def _classes(batch: Batch) -> int:
    """Number of logits, where an evaluator has already computed them (no pass is spent on it)."""
    logits = batch.__dict__.get("logits")
    return 0 if logits is None else int(logits.shape[1])


def _length(split: Any, size: int) -> int | None:
    try:
        return -(-len(split) // size) if not hasattr(split, "batch_size") else len(split)
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    """Settings as JSON values: tuples become lists, anything unknown its repr."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else repr(value)
