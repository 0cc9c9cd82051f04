"""The contract of evaluators: what a plugin sees before the first batch, and what it writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sparserobust.adapter import Adapter
from sparserobust.paths import PathGraph
from sparserobust.records import Outcome, Remark, Run, remark, said
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Cache
from sparserobust.subject import Subject
from sparserobust.uses import Uses
from sparserobust.weights.isolation import Guard


class Skip(Exception):
    """Raised by an evaluator that does not apply here; the record carries the reason.

    Args:
        reason: a remark, or a text of the plugin's own.
        parts: further fields of the outcome, for instance `audit`.
    """

    def __init__(self, reason: str | Remark, **parts: Any) -> None:
        super().__init__(str(reason))
        self.reason = reason if isinstance(reason, Remark) else said(str(reason))
        self.parts = parts


@dataclass
class Context:
    """What an evaluator may know before the first batch.

    Attributes:
        subject: the network with its masks, offset, parent and history; `model`: takes images and returns logits of
            their type, whatever the network takes and returns.
        input_shape: (c, h, w) of the images.
        device: where the model and all batches are.
        train: training examples, None where there are none.
        batch_size: of the run; for an evaluator's own passes over the training data.
        seed: for anything drawn.
        dense: the record of the dense reference, None without one.
        guard: puts the model back; for base classes that run it after a plugin's code.
        uses: what the network multiplies, with its zeros; traced once for all evaluators of a run. Raises CannotTrace.
        graph: the traced network, for walks along its paths; traced once for all evaluators of a run. Raises
            UnsupportedOperation.
        passes: where the evaluator's own example-passes are counted, by kind ("forward", "backward").
        dense_model: the dense reference itself, in evaluation mode, for transfer attacks; None
            without one.
        cache: of attacks, None where nothing is to be kept.
        fingerprint, dense_fingerprint: of both models, "" without a cache or a model.
        attackable: whether the model was already found fit to be attacked.
        cached_examples, cached_seconds: what came from the cache, and what it had taken.
    """

    subject: Subject
    model: Adapter
    input_shape: tuple[int, ...]
    device: torch.device
    train: Dataset[Any] | DataLoader[Any] | None
    batch_size: int
    seed: int
    dense: Run | None
    guard: Guard
    uses: Callable[[], Uses]
    graph: Callable[[], PathGraph]
    passes: Counter[str] = field(default_factory=Counter)
    dense_model: Adapter | None = None
    cache: Cache | None = None
    fingerprint: str = ""
    dense_fingerprint: str = ""
    attackable: bool = False
    cached_examples: int = 0
    cached_seconds: float = 0.0

    def require_prunable(self) -> None:
        """Raises Skip when the model multiplies its images by no weight, or it is not known by which."""
        if not self.subject.prunable:
            raise Skip(self.subject.untraced or remark("no-prunable-layer"))


class Measurement(ABC):
    """One evaluation under way."""

    def update(self, batch: Batch) -> None:  # noqa: B027 - evaluators of parameters alone see no batch
        """Takes in one batch."""

    @abstractmethod
    def finish(self) -> Outcome:
        """The result over all batches."""
