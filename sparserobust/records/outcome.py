"""What one evaluator found out about one subject, and what kind of evaluator it is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from sparserobust.errors import RecordError, did_you_mean
from sparserobust.one_line import shown
from sparserobust.records.base import ExampleArray, Record
from sparserobust.records.lookup import Lookup
from sparserobust.records.remark import AnyRemark, Remark
from sparserobust.records.score import Score, ScoreSpec

Norm = Literal["linf", "l2", "l1", "l0"]
Access = Literal["white-box", "black-box", "transfer"]
ACCESS: tuple[Access, ...] = get_args(Access)
"""What an attack must know of the model, from most to least."""
ROUNDING = 2.0**-24
"""Half a unit in the last place of a pixel in single precision: by so much a distance may exceed its budget."""
AuditState = Literal["supported", "upper-bound", "artefact-proven", "not-auditable"]


class Table(Record):
    """Rows of names and numbers, for instance one row per layer."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]

    def _shown(self) -> Iterator[str]:
        yield f"rows={len(self.rows)}"
        yield f"columns={', '.join(self.columns)}"

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


_Arrays = Annotated[
    dict[str, ExampleArray],
    AfterValidator(partial(Lookup, of="outcome", what="results per example")),
    Field(validate_default=True),
]
_Tables = Annotated[
    dict[str, Table],
    AfterValidator(partial(Lookup, of="outcome", what="table")),
    Field(validate_default=True),
]


class AttackFacts(Record):
    """What an attack is, whoever wrote it. None is "not recorded": plugins of earlier versions did not say.

    Attributes:
        norm: of its budget or distance, in pixels from 0 to 1.
        goal: "fixed-budget": any image within the budget; "minimum-distance": the nearest image.
        access: "white-box" (it sees the weights), "black-box" (it asks for logits), "transfer" (its images are made
            on another network).
        needs_gradient: whether it says nothing where no gradient reaches the image.
        targeted: whether a certain wrong class must be reached.
        headline: the budget or distance cap that its headline is measured at.
    """

    norm: Norm | None
    goal: Literal["fixed-budget", "minimum-distance"]
    access: Access | None
    needs_gradient: bool | None
    targeted: bool = False
    headline: float | None = Field(default=None, ge=0)


class AuditFacts(Record):
    """What an audit of an attack came to.

    Attributes:
        state: "supported" (nothing speaks against the number), "upper-bound" (it may be too high),
            "artefact-proven" (it is too high), "not-auditable" (nothing is known).
        attack: title of the attack whose numbers were audited, "" where it has none.
        norm: of the budgets.
    """

    state: AuditState
    attack: str
    norm: Norm | None


class Outcome(Record):
    """The result of one evaluator: ok, skipped (with the reason) or failed (with the error).

    Attributes:
        evaluator: its name, under which the run holds it; `title`: its name for a reader.
        attack: what kind of attack it is, None for what is no attack; `audit`: what an audit came to.
        measures: every score that it promises; also where it was skipped or failed.
        scores: see `score()` for looking one up.
        per_example: arrays over the examples, e.g. "correct" (n,) bool, "robust" (eps, n) bool,
            "distance" (n,) float with infinity for "not found" and 0 for examples that were wrong to begin with.
        axis: the points that the leading dimension of two-dimensional arrays runs over.
        verdict: what the scores come to.
        reason: why it is skipped, or the error.
        settings: as they were given, the defaults among them.
        passes: example-passes spent by this evaluator alone, by kind ("forward", "backward").
        seconds: wall time spent in this evaluator, shared passes not included.
        cached: examples whose result had been measured before and was taken from the cache; passes and
            seconds are those of the first time.
        code: sha256 of the code that its numbers come from, the model's and the evaluator's; "" where not known.
    """

    evaluator: str
    title: str = ""
    status: Literal["ok", "skipped", "failed"]
    attack: AttackFacts | None = None
    audit: AuditFacts | None = None
    measures: tuple[ScoreSpec, ...] = ()
    scores: tuple[Score, ...] = ()
    per_example: _Arrays = {}
    axis: tuple[float, ...] = ()
    verdict: AnyRemark | None = None
    reason: AnyRemark | None = None
    tables: _Tables = {}
    pictures: tuple[Picture, ...] = Field(default=(), max_length=24)
    settings: dict[str, JsonValue] = {}
    source: str = ""
    passes: dict[str, int] = {}
    seconds: float = Field(default=0.0, ge=0)
    cached: int = Field(default=0, ge=0)
    code: str = ""

    @model_serializer(mode="wrap")
    def _without_an_unknown_code(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Records from before there was a code keep their bytes."""
        raw: dict[str, Any] = dump(self)
        return raw if self.code else {key: own for key, own in raw.items() if key != "code"}

    @model_validator(mode="after")
    def _status_has_a_reason(self) -> Outcome:
        if self.status != "ok" and not self.reason:
            raise ValueError(f"outcome of {self.evaluator!r} is {self.status}; say the reason")
        return self

    @model_validator(mode="after")
    def _arrays_of_one_length(self) -> Outcome:
        lengths = {name: array.shape[-1] if array.ndim else 0 for name, array in self.per_example.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"results per example of {self.evaluator!r} differ in length: {lengths}")
        return self

    @property
    def in_short(self) -> str:
        """Its name with the headline, else the first score, for a repr; its status where it was not scored."""
        if self.status != "ok":
            return f"{self.evaluator} {self.status}"
        found = next((score for score in self.scores if score.headline), next(iter(self.scores), None))
        return f"{self.evaluator}={found.in_short}" if found is not None else self.evaluator

    def _shown(self) -> Iterator[str]:
        yield self.in_short
        if self.reason is not None:
            yield f"reason={shown(self.reason)}"
        if self.scores:
            yield f"scores={len(self.scores)}"
        for name, held in (("per_example", self.per_example), ("tables", self.tables)):
            if held:
                yield f"{name}={shown(held)}"
        if self.verdict is not None:
            yield f"verdict={shown(self.verdict)}"

    @property
    def warnings(self) -> tuple[Remark, ...]:
        """The warnings at all scores, each once."""
        return tuple(dict.fromkeys(warning for score in self.scores for warning in score.warnings))

    def score(self, name: str, *, at: float | str | None = None) -> Score:
        """The score of this name.

        Args:
            name: of the score.
            at: the point on its axis; without it the headline, and where this score is none the point that the
                outcome's headline is at. Only where there is neither, the first point.

        Raises:
            RecordError: there is none of this name or point.
        """
        named = self.curve(name)
        if not named:
            names = list(dict.fromkeys(s.name for s in self.scores))
            hint = did_you_mean(name, names) or f"; it has {', '.join(names) or 'no scores'}"
            why = f", because {self.reason}" if self.reason else ""
            raise RecordError(
                f"outcome of {self.evaluator!r} ({self.status}{why}) has no score {name!r}{hint}"
            )
        if at is None:
            return self._most_telling(named)
        for score in named:
            if score.at == at or (
                isinstance(at, int | float) and isinstance(score.at, float) and abs(score.at - at) < 1e-9
            ):
                return score
        points = ", ".join(str(s.at) for s in named)
        raise RecordError(f"score {name!r} was not measured at {at}; it was at {points}")

    def _most_telling(self, named: list[Score]) -> Score:
        headline = next((score for score in named if score.headline), None)
        if headline is not None:
            return headline
        points = {score.at for score in self.scores if score.headline}
        return next((score for score in named if score.at is not None and score.at in points), named[0])

    def curve(self, name: str) -> list[Score]:
        """All scores of one name in the order of their axis."""
        return [s for s in self.scores if s.name == name]
