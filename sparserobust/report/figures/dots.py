"""Rows of dots on a log scale, relative to dense: the common form of cost and gradient norms."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparserobust.report.figures import style
from sparserobust.report.look.marks import Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW = 33.0  # px
LEFT = 92.0  # px for the names of the rows
CHARACTERS = 15  # of a name that fit into them


@dataclass(frozen=True)
class DotRow:
    """One method: its ratios to dense from the least to the most sparse.

    Attributes:
        values: (sparsity, ratio); a ratio that is None or not positive is left out.
        below: a second series, drawn as small grey ticks under the first.
        note: red words in place of the row's meaning, such as "saves no MACs".
        empty: why the row has no dot, where it has none.
    """

    name: str
    mark: Mark
    values: tuple[tuple[float, float | None], ...]
    below: tuple[tuple[float, float | None], ...] = ()
    note: str = ""
    empty: str = ""


def height(rows: int) -> float:
    """Height in px of a figure with so many rows."""
    return rows * ROW + 26


def draw(ax: Axes, rows: Sequence[DotRow], *, unit: str = "×", wide: bool = True) -> None:
    """Draws the rows from top to bottom with a dashed line at dense = 1.

    Args:
        ax: where; its left margin must hold the names (`LEFT` px).
        rows: see `DotRow`.
        unit: "×" writes ticks as 0.1×, "/" as 1/10.
        wide: whether sparsities are written over the first row that has several.
    """
    style.clean(ax, grid="x")
    ax.spines["bottom"].set_visible(False)
    ax.set_xscale("log")
    every = [v for row in rows for _, v in (*row.values, *row.below) if v is not None and v > 0]
    low, high = min([*every, 0.8]), max([*every, 1.2])
    pad = (high / low) ** 0.06
    ax.set_xlim(low / pad, high * pad)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.axvline(1, color=style.INK, linewidth=1.1, linestyle=style.DASH, zorder=2)
    labelled = not wide
    for y, row in enumerate(rows):
        shift = 0.14 if any(v for _, v in row.below) else 0.0
        points = [(s, v) for s, v in row.values if v is not None and v > 0]
        _series(ax, row.mark, y - shift, points)
        _ticks(ax, y + 0.2, [(s, v) for s, v in row.below if v is not None and v > 0])
        if len(points) > 1 and not labelled:
            labelled = _sparsities(ax, row, y - shift, points)
        _name(ax, row, y)
        if row.note and points:
            ax.annotate(
                row.note, (points[-1][1], y - shift), xytext=(-10, 0), textcoords="offset pixels", color=style.ACCENT,
                fontsize=style.SIZE, parse_math=False, ha="right", va="center_baseline", annotation_clip=False,
            )  # fmt: skip
        if not points and row.empty:
            ax.annotate(
                row.empty, (1, y), xytext=(-8, 0), textcoords="offset pixels", color=style.INK3,
                fontsize=style.SIZE, parse_math=False, ha="right", va="center_baseline", annotation_clip=False,
            )  # fmt: skip
    _axis(ax, low, high, unit)


def _series(ax: Axes, mark: Mark, y: float, points: Sequence[tuple[float, float]]) -> None:
    ax.plot([v for _, v in points], [y] * len(points), color=mark.colour, linewidth=1.2, zorder=3)
    for place, (_, value) in enumerate(points):
        size = 6.5 if len(points) == 1 else 4.2 + 3.3 * place / (len(points) - 1)
        style.markers(ax, [value], [y], mark, size)


def _ticks(ax: Axes, y: float, points: Sequence[tuple[float, float]]) -> None:
    if points:
        ax.plot([v for _, v in points], [y] * len(points), color=style.INK3, linewidth=0.8, zorder=3)
        ax.plot(
            [v for _, v in points], [y] * len(points), "|", color=style.INK3, markersize=6,
            markeredgewidth=1.1, zorder=4,
        )  # fmt: skip


def _name(ax: Axes, row: DotRow, y: float) -> None:
    assert ax.figure is not None
    left = ax.get_position().x0 * ax.figure.bbox.width
    ax.annotate(
        two_lines(row.name), (0, y), xytext=(-left, 0), xycoords=("axes fraction", "data"), textcoords="offset pixels",
        color=row.mark.text, fontsize=style.SIZE, parse_math=False, ha="left", linespacing=1.1,
        va="center", annotation_clip=False,
    )  # fmt: skip


def two_lines(name: str) -> str:
    """The name in at most two lines that fit the margin, broken before its offset or its bracket where it can be."""
    if len(name) <= CHARACTERS:
        return name
    method, plus, offset = name.rpartition(" + ")
    method, bracket, changed = (method, "", "") if plus else name.partition(" (")
    if plus:
        lines = [method, f"+ {offset}"]
    elif bracket:
        lines = [method, f"({changed}"]
    else:
        first, *rest = textwrap.wrap(name, CHARACTERS, break_long_words=False)
        lines = [first, " ".join(rest)]
    return "\n".join(
        line if len(line) <= CHARACTERS + 1 else f"{line[:CHARACTERS]}…" for line in lines if line
    )


def _sparsities(ax: Axes, row: DotRow, y: float, points: Sequence[tuple[float, float]]) -> bool:
    """Writes the sparsities over their dots where they do not collide."""
    places = [float(ax.transData.transform((v, y))[0]) for _, v in points]
    gaps = [abs(a - b) for i, a in enumerate(places) for b in places[:i]]
    if min(gaps) < 20:
        return False
    centred = min(gaps) >= 26
    order = sorted(range(len(points)), key=lambda i: places[i])
    for rank, i in enumerate(order):
        side = "center" if centred or 0 < rank < len(order) - 1 else "right" if rank == 0 else "left"
        nudge = {"center": 0, "right": 5, "left": -5}[side]
        ax.annotate(
            f"{points[i][0]:g}", (points[i][1], y), xytext=(nudge, 8), textcoords="offset pixels",
            color=row.mark.text, fontsize=style.SIZE, parse_math=False, ha=side, va="bottom", annotation_clip=False,
        )  # fmt: skip
    return True


def _axis(ax: Axes, low: float, high: float, unit: str) -> None:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    span = math.log10(high) - math.log10(low)
    factors = (1,) if span > 0.9 else (1, 2, 5)
    ticks = [f * 10.0**k for k in range(first, last + 1) for f in factors]
    start, stop = ax.get_xlim()
    ticks = [t for t in ticks if start <= t <= stop]
    if span > 6:
        ticks = [t for t in ticks if round(math.log10(t)) % 2 == 0]
    ax.set_xticks(ticks, [_tick(t, unit) for t in ticks])
    ax.minorticks_off()
    ax.set_yticks([])


def _tick(value: float, unit: str) -> str:
    if abs(value - 1) < 1e-9:
        return "dense"
    if unit == "/":
        return f"1/{1 / value:g}" if value < 1 else f"{value:g}×"
    return f"{value:g}×"
