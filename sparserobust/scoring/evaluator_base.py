"""What every evaluator has: what it states, and what the library adds to its scores and outcomes."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from sparserobust.errors import PluginError
from sparserobust.records import AttackFacts, Outcome, Remark, Score, ScoreSpec, remark, said
from sparserobust.records.score import BOUNDS
from sparserobust.scoring.contract import Context, Measurement
from sparserobust.settings import Settings, is_plain
from sparserobust.stats import wilson

NO_EXAMPLE = remark("no-example")


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
