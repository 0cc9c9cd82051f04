"""What one evaluator found out about one subject: scores with their n and interval, results per example."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, model_validator

from sparserobust.errors import RecordError, did_you_mean
from sparserobust.records.base import ExampleArray, Record


class ScoreSpec(Record):
    """What an evaluator promises to measure: name, unit and direction of one score.

    Attributes:
        name: lower case with underscores, unique within the evaluator.
        unit: "fraction", "bytes", "MACs", "l2", "count" ... ("" for a pure number).
        higher_is_better: None where neither direction is better.
        axis: what `Score.at` counts ("eps", "l2 distance", "graph"), None for a single value.
        headline: True for the one score that stands for the evaluator.
        about: the definition in one line.
    """

    name: str
    unit: str
    higher_is_better: bool | None = None
    axis: str | None = None
    headline: bool = False
    about: str = ""


class Score(Record):
    """One measured number.

    `value` is None when it is infinite or undefined, and then `reason` says why. `n` is the number of
    examples (or weights) behind it; `ci_low` and `ci_high` bound a 95 % interval where it is a statistic.
    """

    name: str
    value: float | None
    unit: str = ""
    at: float | str | None = None
    n: int | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    higher_is_better: bool | None = None
    headline: bool = False
    reason: str | None = None

    @model_validator(mode="after")
    def _none_has_a_reason(self) -> Score:
        if self.value is None and not self.reason:
            raise ValueError(f"score {self.name!r} has no value; say the reason")
        return self


class Table(Record):
    """Rows of text and numbers, for instance one row per layer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]

    def column(self, name: str) -> list[str | float | None]:
        """The values of one column, top to bottom."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


class Picture(Record):
    """A small grey-scale PNG in base64; `role` says what it shows, `index` which example."""

    role: str
    index: int
    caption: str
    png: str = Field(max_length=65536)


class Outcome(Record):
    """The result of one evaluator: ok, skipped (with the reason) or failed (with the error).

    Attributes:
        scores: see `score()` for looking one up.
        per_example: arrays over the examples, e.g. "correct" (n,) bool, "robust" (eps, n) bool,
            "distance" (n,) float with infinity for "not found" and 0 for examples that were wrong to begin with.
        axis: the points that the leading dimension of two-dimensional arrays runs over.
        verdict: one sentence for the report.
        passes: example-passes spent by this evaluator alone, by kind ("forward", "backward").
        seconds: wall time spent in this evaluator, shared passes not included.
        cached: examples whose result had been measured before and was taken from the cache; passes and
            seconds are those of the first time.
    """

    evaluator: str
    status: Literal["ok", "skipped", "failed"]
    scores: tuple[Score, ...] = ()
    per_example: dict[str, ExampleArray] = {}
    axis: tuple[float, ...] = ()
    verdict: str | None = None
    reason: str | None = None
    warnings: tuple[str, ...] = ()
    tables: dict[str, Table] = {}
    pictures: tuple[Picture, ...] = Field(default=(), max_length=24)
    settings: dict[str, JsonValue] = {}
    source: str = ""
    passes: dict[str, int] = {}
    seconds: float = 0.0
    cached: int = 0

    @model_validator(mode="after")
    def _status_has_a_reason(self) -> Outcome:
        if self.status != "ok" and not self.reason:
            raise ValueError(f"outcome of {self.evaluator!r} is {self.status}; say the reason")
        return self

    def score(self, name: str, *, at: float | str | None = None) -> Score:
        """The score of this name; with an axis, the one at `at` (the first one when `at` is not given).

        Raises:
            RecordError: there is none of this name or point.
        """
        named = [s for s in self.scores if s.name == name]
        if not named:
            names = list(dict.fromkeys(s.name for s in self.scores))
            hint = did_you_mean(name, names) or f"; it has {', '.join(names) or 'no scores'}"
            why = f", because {self.reason}" if self.reason else ""
            raise RecordError(
                f"outcome of {self.evaluator!r} ({self.status}{why}) has no score {name!r}{hint}"
            )
        if at is None:
            return named[0]
        for score in named:
            if score.at == at or (
                isinstance(at, int | float) and isinstance(score.at, float) and abs(score.at - at) < 1e-9
            ):
                return score
        points = ", ".join(str(s.at) for s in named)
        raise RecordError(f"score {name!r} was not measured at {at}; it was at {points}")

    def curve(self, name: str) -> list[Score]:
        """All scores of one name in the order of their axis."""
        return [s for s in self.scores if s.name == name]
