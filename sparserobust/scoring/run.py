"""All evaluators over one model in lockstep: once through the data, each batch handed to everybody."""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from sparserobust.adapter import Adapter
from sparserobust.arguments import seed_number, whole_number
from sparserobust.data import AnyData, AnySet, Data, as_dataset, batches, image_shape, stratified_subset
from sparserobust.device import device_of, repeatable_kernels, resolve_device
from sparserobust.errors import ConfigError, DataError
from sparserobust.paths import trace
from sparserobust.records import Outcome, Run
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Cache
from sparserobust.scoring.contract import Context
from sparserobust.scoring.evaluator_base import EvaluatorBase
from sparserobust.scoring.evaluator_run import EvaluatorRun
from sparserobust.subject import Subject
from sparserobust.uses import trace_uses
from sparserobust.weights.fingerprint import fingerprint
from sparserobust.weights.isolation import Guard, examined
from sparserobust.weights.plan import bytes_of

DEFAULT_BATCH_SIZE = 256


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a run is made; see `sparserobust.evaluate` for what each of them means."""

    seed: int = 0
    device: str | torch.device = "auto"
    batch_size: int | None = None
    limit: int | None = None
    dense: Run | None = None
    dense_model: nn.Module | Subject | None = None
    cache: Cache | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "seed", seed_number(self.seed))
        size = DEFAULT_BATCH_SIZE if self.batch_size is None else self.batch_size
        object.__setattr__(self, "batch_size", whole_number("batch_size", size, least=1))

    @property
    def size(self) -> int:
        """Examples per batch."""
        return self.batch_size or DEFAULT_BATCH_SIZE


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
    output_found: str | None


def measure(
    model: nn.Module | Subject,
    data: AnyData,
    evaluators: Sequence[EvaluatorBase],
    options: RunOptions | None = None,
) -> Measured:
    """What the evaluators find out about a model on the test split.

    An evaluator that raises is failed from there on, the others go on. After each one's turn the model,
    its gradients and the global random states are put back; afterwards all is as before.
    """
    if len({e.label for e in evaluators}) < len(evaluators):
        raise ConfigError(
            "each evaluator can be used once in a run; give one of them another name by labelled()"
        )
    options, subject = options or RunOptions(), Subject.of(model, functools.partial(image_shape, data))
    target = resolve_device(options.device)
    given = options.dense_model
    reference = given.model if isinstance(given, Subject) else given
    own, others = subject.adapter(), []
    if given is not None and reference is not subject.model:
        others = [given.adapter() if isinstance(given, Subject) else Adapter(given, subject.output)]
    with _examined([own, *others], target) as guard, repeatable_kernels(own, *others):
        options = replace(options, device=target)
        return _Pass(subject, own, next(iter(others), None), data, guard, options).measure(evaluators)


@contextmanager
def _examined(networks: Sequence[nn.Module], device: torch.device) -> Iterator[Guard]:
    """The networks on the device, in evaluation mode; afterwards as they were. Yields a guard of all."""
    homes = [device_of(network) for network in networks]
    try:
        with ExitStack() as stack:
            guards = [stack.enter_context(examined(network.to(device))) for network in networks]
            yield Guard(*networks, known=guards)
    finally:
        for network, home in zip(networks, homes, strict=True):
            network.to(home)


class _Pass:
    """One pass over the test split of some data."""

    def __init__(
        self,
        subject: Subject,
        model: Adapter,
        reference: Adapter | None,
        data: AnyData,
        guard: Guard,
        options: RunOptions,
    ) -> None:
        self.subject = subject
        self.model = model
        self.options = options
        self.device = resolve_device(options.device)
        self.guard = guard
        self.facts = _Facts()
        self.passes: Counter[str] = Counter()
        self.split, self.subset = stratified_subset(as_dataset(data, "test"), options.limit, options.seed)
        stream = batches(self.split, options.size, self.device)
        first = next(stream, None)
        if first is None:
            raise DataError("there is no example to evaluate; the data set is empty")
        self.batches = chain([first], stream)
        self.known = self._known(reference, tuple(first[0].shape[1:]), _train(data))

    def _known(
        self, reference: Adapter | None, shape: tuple[int, ...], train: AnySet | None
    ) -> dict[str, Any]:
        """What every evaluator's context holds."""
        options, model, cached = self.options, self.subject.model, self.options.cache is not None
        return {
            "subject": self.subject,
            "model": self.model,
            "input_shape": shape,
            "device": self.device,
            "train": train,
            "batch_size": options.size,
            "seed": options.seed,
            "dense": options.dense,
            "guard": self.guard,
            "uses": functools.cache(functools.partial(trace_uses, model, shape, by_torch=True)),
            "graph": functools.cache(
                functools.partial(trace, self.model, shape, list(self.subject.weights.slots))
            ),
            "dense_model": reference,
            "cache": options.cache,
            "fingerprint": fingerprint(model) if cached else "",
            "dense_fingerprint": fingerprint(reference.network) if cached and reference is not None else "",
        }

    def measure(self, evaluators: Sequence[EvaluatorBase]) -> Measured:
        """Hands every batch to all evaluators in turn."""
        runs = [EvaluatorRun(evaluator, Context(**self.known)) for evaluator in evaluators]
        for run in runs:
            run.begin()
        bar = tqdm(
            self.batches,
            f"{self.subject.label}: scoring",
            _length(self.split, self.options.size),
            leave=False,
            disable=None if self.options.progress else True,
        )
        for images, labels in bar:
            self.facts.add(images, labels)
            batch = Batch(self.model, images, labels, self.passes, self.guard)
            for run in runs:
                if run.evaluator.sees_data:
                    bar.set_postfix_str(run.evaluator.label)
                    run.update(batch)
            self.facts.num_classes = self.facts.num_classes or _classes(batch)
        for run in runs:
            run.finish()
        return self._measured({run.evaluator.label: run.outcome() for run in runs})

    def _measured(self, outcomes: dict[str, Outcome]) -> Measured:
        facts = self.facts
        return Measured(
            outcomes=outcomes,
            passes=dict(self.passes),
            n=facts.n,
            class_counts=facts.class_counts,
            num_classes=max(facts.num_classes, len(facts.class_counts)),
            input_shape=facts.input_shape,
            data_sha256=facts.digest.hexdigest(),
            subset=self.subset,
            batch_size=getattr(self.split, "batch_size", None) or self.options.size,
            output_found=next(iter(self.model.places), None),
        )


def sha256_of_examples(data: AnyData, *, limit: int | None, seed: int) -> str:
    """`DataRecord.sha256` of the examples that `measure` would go through."""
    facts = _Facts()
    split, _ = stratified_subset(as_dataset(data, "test"), limit, seed)
    for images, labels in batches(split, DEFAULT_BATCH_SIZE, torch.device("cpu")):
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

    def add(self, images: Tensor, labels: Tensor) -> None:
        self.n += len(labels)
        self.input_shape = tuple(images.shape[1:])
        self.class_counts.update(labels.tolist())
        for image, label in zip(images.cpu(), labels.tolist(), strict=True):
            self.digest.update(bytes_of(image) + label.to_bytes(8, "little", signed=True))


def _train(data: AnyData) -> AnySet | None:
    return as_dataset(data, "train") if isinstance(data, Data) else None


def _classes(batch: Batch) -> int:
    """Number of logits, where an evaluator has already computed them (no pass is spent on it)."""
    logits = batch.__dict__.get("logits")
    return 0 if logits is None else int(logits.shape[1])


def _length(split: Any, size: int) -> int | None:
    try:
        return -(-len(split) // size) if not hasattr(split, "batch_size") else len(split)
    except TypeError:
        return None
