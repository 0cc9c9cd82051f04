"""The evaluator contract: what a plugin author writes, and what the library adds around it."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from sparserobust.errors import PluginError
from sparserobust.paths import PathGraph
from sparserobust.records import Outcome, Run, Score, ScoreSpec
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Cache
from sparserobust.stats import wilson
from sparserobust.subject import Subject
from sparserobust.weights.untouched import Guard


class Skip(Exception):
    """Raised by an evaluator that does not apply here; the message is the reason that the record carries."""


@dataclass
class Context:
    """What an evaluator may know before the first batch.

    Attributes:
        subject: the model with its masks, offset, parent and history.
        input_shape: (c, h, w) of the images.
        device: where the model and all batches are.
        train: training examples, None where there are none.
        batch_size: of the run; for an evaluator's own passes over the training data.
        seed: for anything drawn.
        dense: the record of the dense reference, None without one.
        guard: puts the model back; for base classes that run it after a plugin's code.
        graph: the traced network, for walks along its paths; traced once for all evaluators of a run. Raises
            UnsupportedOperation.
        passes: where the evaluator's own example-passes are counted, by kind ("forward", "backward").
        dense_model: the dense reference itself, in evaluation mode, for attacks that are carried over; None
            without one.
        cache: of attacks, None where nothing is to be kept.
        fingerprint, dense_fingerprint: of both models, "" without a cache or a model.
        attackable: whether the model was already found fit to be attacked.
        cached_examples, cached_seconds: what came from the cache, and what it had taken.
    """

    subject: Subject
    input_shape: tuple[int, ...]
    device: torch.device
    train: Dataset[Any] | DataLoader[Any] | None
    batch_size: int
    seed: int
    dense: Run | None
    guard: Guard
    graph: Callable[[], PathGraph]
    passes: Counter[str] = field(default_factory=Counter)
    dense_model: nn.Module | None = None
    cache: Cache | None = None
    fingerprint: str = ""
    dense_fingerprint: str = ""
    attackable: bool = False
    cached_examples: int = 0
    cached_seconds: float = 0.0

    def require_prunable(self) -> None:
        """Raises Skip when the model has no conv or linear layer."""
        if not self.subject.prunable:
            raise Skip("the model has no conv or linear layer")


class Measurement(ABC):
    """One evaluation under way."""

    def update(self, batch: Batch) -> None:  # noqa: B027 - evaluators of parameters alone see no batch
        """Takes in one batch."""

    @abstractmethod
    def finish(self) -> Outcome:
        """The result over all batches."""


class Evaluator(ABC):
    """Scores any model the same way. Instances hold hyper-parameters only.

    A subclass sets the class variables, takes keyword-only hyper-parameters that it keeps under the same
    names, and writes `begin`. Attacks derive from `AttackEvaluator` and write `perturb` instead.

    Attributes:
        name: lower case with hyphens, as in the entry point.
        source: paper, section, equation.
        scores: what is measured; the record takes units and directions from here.
        sees_data: False for evaluators of parameters alone, which are given no batch.
        sees_dense_model: True for evaluators whose result follows from the dense model too.
    """

    name: str
    source: str
    scores: tuple[ScoreSpec, ...]
    sees_data: ClassVar[bool] = True
    sees_dense_model: ClassVar[bool] = False

    @abstractmethod
    def begin(self, context: Context) -> Measurement:
        """Starts a measurement; raises `Skip` with the reason where it does not apply."""

    def __call__(
        self,
        model: nn.Module | Subject,
        data: Any,
        *,
        seed: int = 0,
        device: str | torch.device = "auto",
        batch_size: int | None = None,
        dense_model: nn.Module | Subject | None = None,
    ) -> Outcome:
        """The outcome of this evaluator alone, on any module and any data; needs no registry.

        Args:
            model: maps images (n, c, h, w) in [0, 1] to logits; or a Subject.
            data: (images, labels) tensors, a Dataset, a DataLoader or a Data (its test split).
            dense_model: for evaluators that compare with the dense reference.
        """
        from sparserobust.scoring.measure import measure

        measured = measure(
            model, data, [self], seed=seed, device=device, batch_size=batch_size, dense_model=dense_model
        )
        return measured.outcomes[self.name]

    def settings(self) -> dict[str, Any]:
        """The hyper-parameters by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def __repr__(self) -> str:
        """The call that makes an equal evaluator."""
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings().items())
        return f"{type(self).__name__}({settings})"

    def score(self, name: str, value: float | None, **facts: Any) -> Score:
        """A score of this evaluator, with unit, direction and headline from its specification.

        Raises:
            PluginError: the evaluator does not declare this score.
        """
        spec = next((spec for spec in self.scores if spec.name == name), None)
        if spec is None:
            declared = ", ".join(spec.name for spec in self.scores)
            raise PluginError(
                f"evaluator {self.name!r} does not declare score {name!r}; it declares {declared}"
            )
        facts.setdefault("headline", spec.headline)
        return Score(name=name, value=value, unit=spec.unit, higher_is_better=spec.higher_is_better, **facts)

    def rate(
        self, name: str, hits: int, n: int, *, nothing: str = "there is no example", **facts: Any
    ) -> Score:
        """A share of n examples with its Wilson interval; without examples not measured, and `nothing` says why."""
        if n == 0:
            return self.score(name, None, n=0, reason=nothing, **facts)
        bounds = wilson(hits, n)
        return self.score(name, hits / n, n=n, ci_low=bounds.low, ci_high=bounds.high, **facts)

    def outcome(self, **parts: Any) -> Outcome:
        """An ok outcome of this evaluator."""
        return Outcome(evaluator=self.name, status="ok", **parts)
