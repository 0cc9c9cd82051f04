"""All evaluators over one model in lockstep: once through the data, each batch handed to everybody."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from sparserobust.arguments import seed_number, whole_number
from sparserobust.data import AnyData, Data, as_dataset, batches, stratified_subset
from sparserobust.device import device_of, dtype_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, DataError
from sparserobust.paths import trace
from sparserobust.records import Outcome, Run
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Cache
from sparserobust.scoring.contract import Context, EvaluatorBase
from sparserobust.scoring.turn import Turn
from sparserobust.subject import Subject
from sparserobust.weights.fingerprint import fingerprint
from sparserobust.weights.isolation import examined

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
    evaluators: Sequence[EvaluatorBase],
    *,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    limit: int | None = None,
    dense: Run | None = None,
    dense_model: nn.Module | Subject | None = None,
    cache: Cache | None = None,
    progress: bool = False,
) -> Measured:
    """Runs the evaluators; see `sparserobust.evaluate` for the arguments.

    An evaluator that raises is failed from there on, the others go on. After each one's turn the model,
    its gradients and the global random states are put back; afterwards all is as before.
    """
    subject = Subject.of(model)
    target = resolve_device(device)
    seed = seed_number(seed)
    size = whole_number("batch_size", DEFAULT_BATCH_SIZE if batch_size is None else batch_size, least=1)
    if len({e.name for e in evaluators}) < len(evaluators):
        raise ConfigError("each evaluator can be used once in a run; give one of them another name")
    train = as_dataset(data, "train") if isinstance(data, Data) else None

    shared: Counter[str] = Counter()
    facts = _Facts()
    home = device_of(subject.model)
    reference = dense_model.model if isinstance(dense_model, Subject) else dense_model
    if reference is subject.model:
        reference = None
    home_of_reference = device_of(reference) if reference is not None else home
    subject.model.to(target)
    try:
        with (
            examined(subject.model) as guard,
            repeatable_kernels(),
            examined(reference.to(target)) if reference is not None else nullcontext(),
        ):
            split, subset = stratified_subset(as_dataset(data, "test"), limit, seed)
            stream = batches(split, size, target, dtype=dtype_of(subject.model))
            first = next(stream, None)
            if first is None:
                raise DataError("there is no example to evaluate; the data set is empty")
            shape = tuple(first[0].shape[1:])
            graph = functools.cache(functools.partial(trace, subject.model, shape))
            known: dict[str, Any] = {"graph": graph, "dense_model": reference, "cache": cache}
            if cache is not None:
                known["fingerprint"] = fingerprint(subject.model)
                known["dense_fingerprint"] = fingerprint(reference) if reference is not None else ""
            turns = [
                Turn(evaluator, Context(subject, shape, target, train, size, seed, dense, guard, **known))
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
        if reference is not None:
            reference.to(home_of_reference)
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


def sha256_of_examples(data: AnyData, dtype: torch.dtype, *, limit: int | None, seed: int) -> str:
    """`DataRecord.sha256` of the examples that `measure` would go through, for a network of this type."""
    facts = _Facts()
    split, _ = stratified_subset(as_dataset(data, "test"), limit, seed)
    for images, labels in batches(split, DEFAULT_BATCH_SIZE, torch.device("cpu"), dtype=dtype):
        facts.add(images, labels)
    return str(facts.digest.hexdigest())


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
