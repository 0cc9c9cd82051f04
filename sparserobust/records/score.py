"""Numbers: what an evaluator promises to measure, and one measured value with its n and interval."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, model_validator

from sparserobust.one_line import short, shown
from sparserobust.records.base import Record
from sparserobust.records.remark import AnyRemark

FRACTION = "fraction"
"""The unit of a share or rate: its values lie in [0, 1]."""
DIFFERENCE = "fraction difference"
"""The unit of a difference of two fractions: its values lie in [-1, 1]."""
BOUNDS = {FRACTION: (0.0, 1.0), DIFFERENCE: (-1.0, 1.0)}
_ROUNDING = 1e-9  # what arithmetic in float64 may leave beyond a bound


class ScoreSpec(Record):
    """What an evaluator promises to measure: name, unit and direction of one score.

    Attributes:
        name: lower case with underscores, unique within the evaluator.
        unit: "fraction" (in [0, 1]), "fraction difference" (in [-1, 1]), "bytes", "MACs", "l2", "count" ...; ""
            for a pure number.
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

    Attributes:
        value: None when it is infinite or undefined, and then `reason` says why.
        at: the point on the axis, an eps or a distance, or the name of a part.
        n: of examples (or weights) behind it.
        ci_low, ci_high: the ends of a 95 % interval where it is a statistic; they hold the value between them.
        warnings: what should be known before this number is used.
    """

    name: str
    value: float | None
    unit: str = ""
    at: float | str | None = None
    n: int | None = Field(default=None, ge=0)
    ci_low: float | None = None
    ci_high: float | None = None
    higher_is_better: bool | None = None
    headline: bool = False
    reason: AnyRemark | None = None
    warnings: tuple[AnyRemark, ...] = ()

    @property
    def in_short(self) -> str:
        """The value with its point on the axis, for a repr; the reason's code where there is none."""
        why = f" ({self.reason.code})" if self.value is None and self.reason else ""
        return f"{short(self.value)}{why}" + ("" if self.at is None else f" at {shown(self.at)}")

    def _shown(self) -> Iterator[str]:
        yield f"{self.name}={self.in_short}"
        if self.ci_low is not None and self.ci_high is not None:
            yield f"95 % [{short(self.ci_low)}, {short(self.ci_high)}]"
        if self.unit:
            yield f"unit={self.unit!r}"
        if self.n is not None:
            yield f"n={self.n}"
        if self.warnings:
            yield f"warnings={len(self.warnings)}"

    @model_validator(mode="after")
    def _value_or_reason(self) -> Score:
        if self.value is None and not self.reason:
            raise ValueError(f"score {self.name!r} has no value; say the reason")
        return self

    @model_validator(mode="after")
    def _within_bounds(self) -> Score:
        low, high = BOUNDS.get(self.unit, (float("-inf"), float("inf")))
        for number in (self.value, self.ci_low, self.ci_high):
            if number is not None and not low - _ROUNDING <= number <= high + _ROUNDING:
                raise ValueError(f"score {self.name!r} must be in [{low:g}, {high:g}], got {number}")
        return self

    @model_validator(mode="after")
    def _interval_around_value(self) -> Score:
        if self.value is None:
            return self
        slack = _ROUNDING * max(1.0, abs(self.value))
        for end, beyond in ((self.ci_low, 1), (self.ci_high, -1)):
            if end is not None and beyond * (end - self.value) > slack:
                raise ValueError(
                    f"score {self.name!r}: its interval from {self.ci_low} to {self.ci_high} must hold {self.value}"
                )
        return self
