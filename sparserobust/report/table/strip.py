"""The interval drawn in a table row: one scale for all rows, in percent of the cell's width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """A linear scale from low to high with round ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Where a value lies, in percent from the left, kept inside the cell."""
        return round(min(100.0, max(0.0, 100 * (value - self.low) / (self.high - self.low))), 2)


@dataclass(frozen=True)
class Strip:
    """What one row draws: all places in percent; None where there is nothing to draw.

    Attributes:
        bar: from and to of the interval; `tick`: the value.
        band: from and to of the dense model's interval; `line`: its value.
        beyond: an arrow at the edge for a row that is not ranked: "", "left" or "right".
    """

    tick: float | None = None
    bar: tuple[float, float] | None = None
    band: tuple[float, float] | None = None
    line: float | None = None
    beyond: str = ""

    @property
    def bar_width(self) -> float:
        """Width of the bar, at least a hair."""
        return round(max(0.4, self.bar[1] - self.bar[0]), 2) if self.bar else 0.0

    @property
    def band_width(self) -> float:
        """Width of the band, at least a hair."""
        return round(max(0.4, self.band[1] - self.band[0]), 2) if self.band else 0.0


def scale_over(values: Sequence[float]) -> Scale | None:
    """A scale that holds all values, in percent of accuracy; None without values."""
    if not values:
        return None
    low, high = min(values), max(values)
    step = nice_step(max(high - low, 4.0) / 4)
    start = max(0.0, math.floor(low / step) * step)
    stop = min(100.0, math.ceil(high / step) * step)
    if stop - start < step:
        start, stop = max(0.0, stop - step), stop if stop >= step else step
    ticks = tuple(start + i * step for i in range(round((stop - start) / step) + 1))
    margin = (stop - start) * 0.06
    return Scale(start - margin, stop + margin, ticks)


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
