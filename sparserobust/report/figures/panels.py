"""Panels: figures as SVG with a heading, in grids, one for each method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.analysis.trust import State
from sparserobust.report.figures import style
from sparserobust.report.figures.splits import Method, methods
from sparserobust.report.figures.svg import to_svg
from sparserobust.report.look.marks import mark
from sparserobust.report.text.names import row_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = 273.0  # px, a third of the content's width
NARROW = 372.0  # px, the content's width on a telephone


@dataclass(frozen=True)
class Panel:
    """One figure.

    Attributes:
        heading: above it, in the colour of `slot`; `aside` is dimmed, at the right.
        svg: the figure; `narrow` the same for narrow pages, where the wide one would be too small to read.
    """

    svg: Any
    heading: str = ""
    slot: str = "ink"
    aside: str = ""
    about: str = ""
    narrow: Any = None


@dataclass(frozen=True)
class Grid:
    """Panels under a heading of their own; `about` says how to read them."""

    panels: tuple[Panel, ...]
    heading: str = ""
    about: str = ""


@dataclass(frozen=True)
class Panels:
    """A section of figures; `facts` are sentences that depend on the records.

    Attributes:
        panels: in a grid of so many `columns`.
        wide: side by side above them.
    """

    panels: tuple[Panel, ...]
    facts: tuple[str, ...] = ()
    columns: int = 3
    wide: tuple[Panel, ...] = ()


def places(found: Findings, *states: State) -> frozenset[int]:
    """The places in the line-up of the rows in one of these states."""
    return frozenset(i for i, trust in found.trust.items() if trust.state in states)


def figure(
    name: str, title: str, width: float, height: float, paint: Callable[[Axes], None], **margins: float
) -> Any:
    """One SVG painted on a fresh axis, in the report's manner.

    Args:
        name: unique on the page.
        title: what a reader who sees no pictures is told.
        width, height: in px; so are the margins `left`, `right`, `top` and `bottom`.
        paint: draws on the axis.
    """
    with style.drawing():
        drawn, ax = style.canvas(width, height, **margins)
        paint(ax)
        return to_svg(drawn, name, title)


def by_method(
    found: Findings,
    kind: str,
    paint: Callable[[Axes, list[Group]], None],
    usable: Callable[[Group], bool],
    *,
    shown: list[Method] | None = None,
    aside: str,
    title: str,
    width: float = PANEL,
    height: float = 150.0,
    **margins: float,
) -> tuple[Panel, ...]:
    """One panel per method (all of the line-up unless given), each over the same axes."""
    panels: list[Panel] = []
    every = methods(found.lineup) if shown is None else shown
    drawn = [(name, look, [g for g in own if usable(g)]) for name, look, own in every]
    drawn = [method for method in drawn if method[2]]
    if not drawn and any(usable(g) for g in found.lineup.dense):
        dense = found.lineup.dense[0]
        drawn = [(row_name(dense), mark(dense), [])]
    for number, (name, look, own) in enumerate(drawn):
        svg = figure(
            f"{kind}{number}", f"{name}: {title}", width, height,
            lambda ax, own=own: paint(ax, own), **margins,  # type: ignore[misc]
        )  # fmt: skip
        panels.append(Panel(svg, name, look.slot, aside if number == 0 else ""))
    return tuple(panels)
