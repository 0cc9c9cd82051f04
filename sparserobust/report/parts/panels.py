"""Sections of figures, and their panels: kept weights per layer, cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparserobust.report.figures import cost, dots, layers, style
from sparserobust.report.figures.splits import Method
from sparserobust.report.figures.svg import to_svg
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = 273.0  # px, a third of the content's width
NARROW = 372.0  # px, the content's width on a telephone


@dataclass(frozen=True)
class Panel:
    """One figure.

    Attributes:
        heading: above it, in the colour of `slot`; `aside` is dimmed, at the right.
        svg: the figure; `twin` the same for narrow pages, where the wide one would be too small to read.
    """

    svg: Any
    heading: str = ""
    slot: str = "ink"
    aside: str = ""
    about: str = ""
    twin: Any = None


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


def places(found: Judged, *verdicts: str) -> frozenset[int]:
    """The places in the line-up with one of these verdicts."""
    return frozenset(i for i, trust in found.trust.items() if trust.verdict in verdicts)


def figure(
    name: str, title: str, width: float, height: float, paint: Callable[[Axes], None], **margins: float
) -> Any:
    """One SVG painted on a fresh axis."""
    drawn, ax = style.canvas(width, height, **margins)
    paint(ax)
    return to_svg(drawn, name, title)


def by_method(
    found: Judged,
    kind: str,
    paint: Callable[[Axes, list[Group]], None],
    usable: Callable[[Group], bool],
    *,
    methods: list[Method] | None = None,
    aside: str,
    title: str,
    width: float = PANEL,
    height: float = 150.0,
    **margins: float,
) -> tuple[Panel, ...]:
    """One panel per method (all of the line-up unless given), each over the same axes."""
    panels: list[Panel] = []
    every = found.lineup.methods() if methods is None else methods
    methods = [(name, mark, [g for g in own if usable(g)]) for name, mark, own in every]
    methods = [m for m in methods if m[2]]
    if not methods and any(usable(g) for g in found.lineup.dense):
        dense = found.lineup.dense[0]
        methods = [(dense.name, dense.mark, [])]
    with style.drawing():
        for number, (name, mark, own) in enumerate(methods):
            svg = figure(
                f"{kind}{number}", f"{name}: {title}", width, height,
                lambda ax, own=own: paint(ax, own), **margins,  # type: ignore[misc]
            )  # fmt: skip
            panels.append(Panel(svg, name, mark.slot, aside if number == 0 else ""))
    return tuple(panels)


def kept_per_layer(found: Judged) -> Panels | None:
    """Density kept per layer, a panel per mask: variants that differ in their offset alone share one."""
    groups = [g for g in found.lineup.sparse if layers.densities(g)]
    if not groups:
        return None
    bottom = layers.floor(groups)
    masks = _masks(found)
    columns = min(6, max(4, len(masks)))  # small panels where there are many
    panels = by_method(
        found,
        "layers",
        lambda ax, own: layers.draw(ax, own, bottom),
        lambda g: bool(layers.densities(g)),
        methods=masks,
        aside="",
        title="share of weights kept in each layer, log scale",
        width=(880.0 + 20.0) / columns - 20.0,
        height=150.0,
        left=34.0,
        right=34.0,
    )
    named = groups[0].first.subject.layers
    numbered = ", ".join(f"{k + 1} {layer.name.removesuffix('.weight')}" for k, layer in enumerate(named))
    same = len({g.first.subject.model for g in groups}) == 1
    facts = [f"Layers: {numbered}."] if same and len(named) <= 12 else []
    if len(masks) < len(found.lineup.methods()):
        facts.append("An offset leaves the mask as it is: one panel stands for every offset of a mask.")
    return Panels(panels, tuple(facts), columns)


def _masks(found: Judged) -> list[Method]:
    """The methods, those with the same mask and the same densities once and under the mask's name."""
    kept: dict[str, list[Method]] = {}
    for method in found.lineup.methods():
        groups = method[2]
        seen = str([groups[0].mask, groups[0].tag, *((g.target, layers.densities(g)) for g in groups)])
        kept.setdefault(seen, []).append(method)
    return [
        own[0] if len(own) == 1 else (f"{own[0][2][0].mask} {own[0][2][0].tag}".strip(), *own[0][1:])
        for own in kept.values()
    ]


def savings(found: Judged) -> tuple[Panel, ...]:
    """Kept weights, executed MACs and bytes relative to dense."""
    lineup = found.lineup
    panels = []
    with style.drawing():
        for number, (quantity, (heading, about)) in enumerate(cost.TITLES.items()):
            rows = cost.rows(lineup, quantity)
            if not any(v is not None for row in rows for _, v in row.values):
                continue
            svg = figure(
                f"cost{number}", f"{heading} relative to dense, a row per method", PANEL, dots.height(len(rows)),
                lambda ax, rows=rows: dots.draw(ax, rows, unit="/"), left=dots.LEFT, right=14.0,  # type: ignore[misc]
            )  # fmt: skip
            panels.append(Panel(svg, heading, about=about))
    return tuple(panels)
