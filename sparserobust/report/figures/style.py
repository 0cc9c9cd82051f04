"""How every axis looks: one rule below, a faint grid along the values, no ticks, labels straight at their lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from sparserobust.report.look.marks import Mark
from sparserobust.report.look.theme import LIGHT
from sparserobust.report.table.strip import nice_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, INK2, INK3 = LIGHT["ink"], LIGHT["ink2"], LIGHT["ink3"]
RULE, BAND, ACCENT, PAPER = LIGHT["rule"], LIGHT["band"], LIGHT["accent"], LIGHT["paper"]
SIZE = 11.0  # px of all text in figures
LABEL_GAP = 13.0  # px between direct labels
CHARACTER = 5.6  # px of one character in a label, on average
DASH = (0, (4, 2.4))
DOTTED = (0, (1, 2))

RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sparserobust report",
    "svg.image_inline": True,
    "font.family": "sans-serif",
    "font.size": SIZE,
    "axes.unicode_minus": True,
    "path.simplify": True,
    "path.simplify_threshold": 0.1,
    "text.parse_math": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}


@contextmanager
def drawing() -> Iterator[None]:
    """A block in which matplotlib draws in the report's manner, whatever the user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        changes: Any = RC  # matplotlib's own annotation wants literal keys
        mpl.rcParams.update(changes)
        yield


def canvas(
    width: float, height: float, *, left: float = 26, right: float = 2, top: float = 6, bottom: float = 20
) -> tuple[Figure, Axes]:
    """A figure whose unit is one px, and its one axis inside the given margins."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure, figure.add_axes(box)


def clean(ax: Axes, *, grid: Literal["x", "y"] = "y") -> None:
    """Spine below only, faint grid along the value axis, no tick marks, grey numbers."""
    for side in ("left", "top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(INK3)
    ax.spines["bottom"].set_linewidth(1)
    ax.tick_params(which="both", length=0, labelsize=SIZE, labelcolor=INK2, pad=4)
    ax.set_axisbelow(True)
    ax.grid(False)
    ax.grid(True, axis=grid, color=RULE, linewidth=0.8)


def title(ax: Axes, text: str) -> None:
    """The quantity and its unit at the left edge above the axis."""
    box = ax.get_position()
    assert ax.figure is not None
    width = ax.figure.bbox.width
    ax.annotate(
        text, (0, 1), xytext=(-box.x0 * width, 10), xycoords="axes fraction", textcoords="offset pixels",
        color=INK, fontsize=SIZE, parse_math=False, ha="left", va="bottom", annotation_clip=False,
    )  # fmt: skip


def line_style(mark: Mark, *, dense: bool = False, reliable: bool = True) -> dict[str, Any]:
    """Colour and dash of a line: dense is dashed ink and on top, what is not reliable is dotted."""
    if dense:
        return {"color": INK, "linestyle": DASH, "zorder": 5, "linewidth": 1.3}
    return {"color": mark.colour, "linestyle": "-" if reliable else DOTTED, "zorder": 3}


def markers(ax: Axes, x: Sequence[float], y: Sequence[float], mark: Mark, size: float = 6.0) -> None:
    """Draws the marker of a row at every point: filled, an outline on paper, or that with a dot (DCT)."""
    ax.plot(
        x, y, linestyle="none", zorder=4, marker=mark.shape, markersize=size,
        markerfacecolor=PAPER if mark.hollow else mark.colour, markeredgecolor=mark.colour,
        markeredgewidth=1.4 if mark.hollow else 0.0,
    )  # fmt: skip
    if mark.dot:
        ax.plot(x, y, linestyle="none", zorder=4.1, marker="o", markersize=0.36 * size, color=mark.colour,
                markeredgewidth=0.0)  # fmt: skip


def clipped(text: str, px: float) -> str:
    """The text, or as much of it as fits into so many px beside a line's end."""
    most = max(8, int((px - 12) / CHARACTER) + 1)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def room(labels: Sequence[str], least: float, most: float) -> float:
    """The px that the longest of these labels takes at a line's end, between `least` and `most`."""
    return min(most, max([least, *(12 + CHARACTER * len(label) for label in labels)]))


def nice_ticks(end: float) -> list[float]:
    """About five round numbers from 0 up to the end of an axis."""
    step = nice_step(end / 4.5)
    return [round(i * step, 10) for i in range(int(end / step + 1e-9) + 1)]


def width_of(place: int, many: int) -> float:
    """Line width that grows with sparsity: the sparsest of many is the widest."""
    return 1.6 if many == 1 else 1.1 + 1.3 * place / (many - 1)


def spread(places: Sequence[float], gap: float = LABEL_GAP) -> list[float]:
    """The places moved apart to at least `gap`, in their order, as little as a single sweep allows."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    blocks: list[list[float]] = []  # [sum of wished first places, members, first place]
    for i in order:
        blocks.append([places[i], 1.0, places[i]])
        while len(blocks) > 1 and blocks[-2][2] + blocks[-2][1] * gap > blocks[-1][2]:
            wished, members, _ = blocks.pop()
            before = blocks[-1]
            total = before[0] + wished - before[1] * members * gap
            blocks[-1] = [total, before[1] + members, total / (before[1] + members)]
    spaced = [first + k * gap for _, members, first in blocks for k in range(int(members))]
    moved = [0.0] * len(places)
    for i, place in zip(order, spaced, strict=True):
        moved[i] = place
    return moved


def end_labels(ax: Axes, labels: Sequence[tuple[float, str, str]], *, x: float | None = None) -> None:
    """(y, text, colour) written beside the right edge, at least `LABEL_GAP` px apart.

    Call it when the limits of the axis are final.
    """
    if not labels:
        return
    where = ax.get_xlim()[1] if x is None else x
    pixels = [float(ax.transData.transform((where, y))[1]) for y, _, _ in labels]
    for (y, text, colour), own, moved in zip(labels, pixels, spread(pixels), strict=True):
        ax.annotate(
            text, (where, y), xytext=(8, moved - own), textcoords="offset pixels", color=colour,
            fontsize=SIZE, parse_math=False, ha="left", va="center_baseline", annotation_clip=False,
        )  # fmt: skip


def key(ax: Axes, entries: Sequence[tuple[str, dict[str, Any], str]], *, corner: str) -> None:
    """A key in an empty corner ("upper" or "lower" right): (text, line style, text colour), top to bottom."""
    from matplotlib.lines import Line2D

    step = LABEL_GAP
    assert ax.figure is not None
    height = ax.get_position().height * ax.figure.bbox.height
    width = ax.get_position().width * ax.figure.bbox.width
    top = height - 8 if corner == "upper" else 8 + step * (len(entries) - 1) + 6
    for row, (text, style, colour) in enumerate(entries):
        y = (top - row * step) / height
        line = Line2D([1 - 16 / width, 1 - 2 / width], [y, y], transform=ax.transAxes, **style)
        line.set_zorder(6)
        ax.add_artist(line)
        ax.annotate(
            text, (1, y), xytext=(-21, 0), xycoords="axes fraction", textcoords="offset pixels",
            color=colour, fontsize=SIZE, parse_math=False, ha="right", va="center_baseline",
        )  # fmt: skip
