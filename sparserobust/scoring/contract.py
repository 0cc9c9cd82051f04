"""The contract of evaluators: what a plugin sees and writes, and what the library adds to its outcomes."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.data import DataLoader, Dataset

from sparserobust.errors import PluginError
from sparserobust.paths import PathGraph
from sparserobust.records import AttackFacts, Outcome, Remark, Run, Score, ScoreSpec, remark, said
from sparserobust.records.score import BOUNDS
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.cache import Cache
from sparserobust.settings import Settings, is_plain
from sparserobust.stats import wilson
from sparserobust.subject import Subject
from sparserobust.weights.isolation import Guard

NO_EXAMPLE = remark("no-example")


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
        dense_model: the dense reference itself, in evaluation mode, for transfer attacks; None
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
            raise Skip(remark("no-prunable-layer"))


class Measurement(ABC):
    """One evaluation under way."""

    def update(self, batch: Batch) -> None:  # noqa: B027 - evaluators of parameters alone see no batch
        """Takes in one batch."""

    @abstractmethod
    def finish(self) -> Outcome:
        """The result over all batches."""


@dataclass(frozen=True, kw_only=True)
class EvaluatorBase(Settings, ABC):
    """What every evaluator has; plugins derive from `Evaluator`, which can be called on a model too.

    A subclass is a frozen dataclass: its settings are its fields, its facts class variables. It writes `begin`.
    Attacks derive from `FixedBudgetAttack` or `MinimumNormAttack` and write `within` or `nearest` instead.

    Attributes:
        name: lower case with hyphens, as in the entry point.
        title: its name for a reader, without the norm; where a class gives none, its name without hyphens.
        source: paper, section, equation.
        scores: what is measured; the record takes units and directions from here.
        sees_data: False for evaluators of parameters alone, which are given no batch.
        sees_dense_model: True for evaluators whose result follows from the dense model too.
    """

    source: ClassVar[str] = ""
    scores: ClassVar[tuple[ScoreSpec, ...]] = ()
    sees_data: ClassVar[bool] = True
    sees_dense_model: ClassVar[bool] = False

    @classmethod
    def titled(cls, name: str) -> str:
        """The name without hyphens."""
        return name.replace("-", " ")

    @abstractmethod
    def begin(self, context: Context) -> Measurement:
        """Starts a measurement; raises `Skip` with the reason where it does not apply."""

    @property
    def label(self) -> str:
        """The name that a run holds its outcome under."""
        return str(self.__dict__.get("_label") or self.name)

    def labelled(self, label: str) -> Self:
        """The same evaluator under another label, so that a run can hold it twice."""
        other = copy.copy(self)
        object.__setattr__(other, "_label", label)
        return other

    @property
    def score_specs(self) -> tuple[ScoreSpec, ...]:
        """What is measured under these settings."""
        return self.scores

    @property
    def is_plain(self) -> bool:
        """Whether all settings are numbers, texts and lists of those, so that what was measured can be known again."""
        return all(is_plain(getattr(self, own.name)) for own in fields(self))

    def resolved(self) -> dict[str, Any]:
        """The settings that run, as JSON values: what was left open is filled in."""
        return self.params()

    def attack_facts(self) -> AttackFacts | None:
        """What kind of attack it is; None for what is no attack."""
        return None

    def stated(self) -> dict[str, Any]:
        """What stands in each of its outcomes, whatever came out: title, measures and what kind of attack it is."""
        return {
            "title": self.titled(self.label) if "_label" in self.__dict__ else self.title,
            "measures": self.score_specs,
            "attack": self.attack_facts(),
        }

    def score(
        self,
        name: str,
        value: float | None,
        *,
        at: float | str | None = None,
        n: int | None = None,
        ci_low: float | None = None,
        ci_high: float | None = None,
        reason: str | Remark | None = None,
        warnings: tuple[str | Remark, ...] = (),
        headline: bool | None = None,
    ) -> Score:
        """A score of this evaluator, with unit, direction and headline from its specification.

        An interval of fractions ends where fractions do: an approximation may carry it beyond.

        Args:
            name: as declared.
            value: None where it is infinite or undefined; then `reason` says why.
            at: the point on the axis that was declared: an eps, a distance, the name of a part.
            n: of examples or weights behind it.
            ci_low, ci_high: the ends of a 95 % interval.
            warnings: what should be known before this number is used.
            headline: whether it is the headline, where several points of one score could be; as declared by default.

        Raises:
            PluginError: the evaluator does not declare this score, or it cannot be.
        """
        spec = next((spec for spec in self.score_specs if spec.name == name), None)
        if spec is None:
            declared = ", ".join(spec.name for spec in self.score_specs)
            raise PluginError(
                f"evaluator {self.label!r} does not declare score {name!r}; it declares {declared}"
            )
        least, most = BOUNDS.get(spec.unit, (-math.inf, math.inf))
        with _one_line(f"score {name!r} of {self.label!r}"):
            return Score(
                name=name,
                value=value,
                unit=spec.unit,
                at=at,
                n=n,
                ci_low=ci_low if ci_low is None else min(max(ci_low, least), most),
                ci_high=ci_high if ci_high is None else min(max(ci_high, least), most),
                higher_is_better=spec.higher_is_better,
                headline=spec.headline if headline is None else headline,
                reason=said(reason) if isinstance(reason, str) else reason,
                warnings=tuple(said(w) if isinstance(w, str) else w for w in warnings),
            )

    def rate(
        self, name: str, hits: int, n: int, *, nothing: str | Remark = NO_EXAMPLE, **facts: Any
    ) -> Score:
        """A share of n examples with its Wilson interval; without examples not measured, and `nothing` says why."""
        if n == 0:
            return self.score(name, None, n=0, reason=nothing, **facts)
        bounds = wilson(hits, n)
        return self.score(name, hits / n, n=n, ci_low=bounds.low, ci_high=bounds.high, **facts)

    def outcome(self, **parts: Any) -> Outcome:
        """An ok outcome of this evaluator.

        Args:
            parts: fields of `Outcome`: scores, per_example, axis, verdict, tables, pictures ...

        Raises:
            PluginError: one that an outcome does not have, or cannot have.
        """
        with _one_line(f"outcome of {self.label!r}"):
            return Outcome(**{"evaluator": self.label, "status": "ok", **self.stated(), **parts})


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Says in one line what is wrong with a part of a record."""
    try:
        yield
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        text = first["msg"].removeprefix("Value error, ")
        raise PluginError(
            f"{what}: {f'{where}: ' if where else ''}{text}, got {first['input']!r:.80}"
        ) from None
