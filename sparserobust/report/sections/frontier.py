"""The frontier: robust and clean accuracy over the density kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.estimates import clean_accuracy
from sparserobust.analysis.findings import Findings
from sparserobust.report.figures import frontier, style
from sparserobust.report.figures.panels import NARROW, PANEL, Panel, Panels, figure, places
from sparserobust.report.figures.splits import Split, methods, split
from sparserobust.report.sections.section import Section

ABOUT = "density kept, log scale; sparser to the right"


@dataclass(frozen=True)
class Quantity:
    """What is drawn: its name in ids, how it is read, and its width where all curves share a panel."""

    kind: str
    value: frontier.Value
    clean: bool
    width: float


class FrontierSection(Section):
    """Robust and clean accuracy over density, small multiples for many curves."""

    id: ClassVar[str] = "frontier"
    title: ClassVar[str] = "Frontier"
    place: ClassVar[float] = 40

    def build(self, findings: Findings) -> Panels | None:
        """Both over the density kept, None with fewer than two sparsities."""
        lineup = findings.lineup
        if len(lineup.sparsities) < 2:
            return None
        wanted = [Quantity("clean", clean_accuracy, True, 300.0)]
        if lineup.robustness is not None:
            wanted.insert(0, Quantity("robust", frontier.robust_value(lineup), False, 550.0))
        wanted = [q for q in wanted if any(q.value(g).value is not None for g in lineup.sparse)]
        if not wanted:
            return None
        curves = split(methods(lineup))
        many = len(curves) > 1
        panels = tuple(
            _small(findings, q, number, own) if many else _large(findings, q, own)
            for q in wanted
            for number, own in enumerate(curves)
        )
        over = f"over {lineup.seeds} seeds" if lineup.seeds > 1 else "over images"
        facts = (f"Bands are pointwise 95 % intervals {over}.",)
        if many:
            return Panels(panels, (*facts, "Grey lines are the curves of the other panels."))
        return Panels((), facts, wide=panels)


def _large(found: Findings, q: Quantity, curves: Split) -> Panel:
    """All curves in one panel, drawn wide and narrow."""
    heading = frontier.heading(found.lineup, clean=q.clean)
    svgs = [_drawn(found, q, curves, f"frontier-{q.kind}{w:g}", heading, w, 330) for w in (q.width, NARROW)]
    return Panel(svgs[0], heading, narrow=svgs[1], about=ABOUT)


def _small(found: Findings, q: Quantity, number: int, curves: Split) -> Panel:
    """One of several panels: its own curves in colour, the others grey."""
    heading = frontier.heading(found.lineup, clean=q.clean)
    svg = _drawn(
        found, q, curves, f"frontier-{q.kind}-part{number}", f"{curves.title}: {heading}", PANEL, 230
    )
    first = number == 0
    aside = "clean accuracy, %" if q.clean else "robust accuracy, %"
    return Panel(
        svg, curves.title, aside=aside if first else "", about=f"{heading}; {ABOUT}" if first else ""
    )


def _drawn(
    found: Findings, q: Quantity, curves: Split, name: str, title: str, width: float, height: float
) -> object:
    suspicious, collapsed = places(found, "artefact"), places(found, "collapsed")
    labels_as: frontier.Labels = "brief" if curves.title else "full" if width > 400 else "names"
    last = [(name, found.lineup.place(groups[-1])) for name, _, groups in curves.methods]
    texts = [
        frontier.end_text(name, 50.0, gone=i in collapsed, doubtful=i in suspicious, labels_as=labels_as)
        for name, i in last
    ]
    right = style.room(texts, 130.0 if width > 400 else 84.0, 0.45 * width)
    return figure(
        name,
        f"{title}, over the density kept",
        width,
        height,
        lambda ax: frontier.draw(
            ax,
            found.lineup,
            q.value,
            curves,
            suspicious=suspicious,
            collapsed=collapsed,
            labels_as=labels_as,
            room=right,
        ),
        right=right,
        bottom=22.0,
    )
