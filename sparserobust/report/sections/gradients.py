"""The figures of gradient norms: at initialisation, and while training."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.report.figures import dots, gradients, style
from sparserobust.report.figures.panels import NARROW, PANEL, Panel, Panels, figure
from sparserobust.report.figures.splits import Split, split
from sparserobust.report.look.marks import mark
from sparserobust.report.sections.section import Section
from sparserobust.report.text.names import tagged_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

START = (
    "A method that keeps the weights with the largest gradients must score high at initialisation, so the grey ticks "
    "give the same over all weights, free of selection. A mask that a method finds or moves while training is laid on "
    "the initial weights as it ended."
)
WHILE_TRAINING = "While training: mean and standard deviation over batches, first seed."


class GradientsSection(Section):
    """Gradient norms at initialisation relative to dense, and while training at one sparsity."""

    id: ClassVar[str] = "gradients"
    title: ClassVar[str] = "Gradients"
    place: ClassVar[float] = 90
    shows: ClassVar[Collection[str]] = frozenset(
        {"relative_to_dense", "l1_per_kept", "l1_unmasked", "layers_without_gradient"}
    )
    """The norms themselves stand relative to those of dense."""

    def build(self, findings: Findings) -> Panels | None:
        """At initialisation relative to dense, and while training at one sparsity."""
        lineup = findings.lineup
        wide: list[Panel] = []
        facts: list[str] = []
        rows = gradients.rows(lineup)
        if any(v is not None for row in rows for _, v in row.values):
            facts.append(START)
            about = "mean |gradient|, log scale; larger mark = sparser; grey: all weights, no mask"
            wide.append(
                _at_both_widths(
                    Panel(None, "At initialisation, relative to dense", about=about),
                    "gradient-start",
                    430,
                    dots.height(len(rows)),
                    lambda ax: dots.draw(ax, rows),
                    left=dots.LEFT,
                    right=8.0,
                )
            )
        small, large = _while_training(lineup)
        wide += large
        facts += [WHILE_TRAINING] if small or large else []
        facts += ["Grey lines are the curves of the other panels."] if small else []
        return Panels(tuple(small), tuple(facts), wide=tuple(wide)) if wide or small else None


def _while_training(lineup: Lineup) -> tuple[list[Panel], list[Panel]]:
    """(small panels, one large panel) of gradient norms while training; one of the two is empty, or both."""
    chosen = trained_groups(lineup)
    if not chosen:
        return [], []
    heading = f"While training{f', sparsity {chosen[-1].target:g}' if lineup.sparse else ''}"
    about = "epoch; mean |gradient| on kept weights, log scale"
    dense = [g for g in chosen if g.dense]
    curves = split([(tagged_name(g), mark(g), [g]) for g in chosen if not g.dense])
    if len(curves) == 1:
        names = [tagged_name(g) for g in chosen]
        panel = _at_both_widths(
            Panel(None, heading, about=about),
            "gradient-course",
            420,
            250,
            lambda ax: gradients.draw_training(ax, chosen, names),
            left=34.0,
            right=style.room(names, 92.0, 190.0),
        )
        return [], [panel]
    return [_small(dense, own, n, heading, about) for n, own in enumerate(curves)], []


def _small(dense: list[Group], curves: Split, number: int, heading: str, about: str) -> Panel:
    """One of several panels of gradient norms while training: its own curves in colour, the others grey."""
    own = [*dense, *(groups[0] for _, _, groups in curves.methods)]
    called = ["dense" for _ in dense] + [name for name, _, _ in curves.methods]
    right = style.room(called, 60.0, 0.45 * PANEL)
    names = [style.clipped(name, right) for name in called]
    svg = figure(
        f"gradient-course-part{number}", f"Gradient norm: {heading}, {curves.title}", PANEL, 190,
        lambda ax: gradients.draw_training(ax, own, names, others=[groups[0] for _, _, groups in curves.others]),
        left=34.0, right=right,
    )  # fmt: skip
    return Panel(svg, curves.title, about=f"{heading}; {about}" if number == 0 else "")


def _at_both_widths(
    panel: Panel, name: str, width: float, height: float, paint: Callable[[Axes], None], **margins: float
) -> Panel:
    """The panel with its figure drawn twice: at its width, and narrow."""
    title = f"Gradient norm: {panel.heading}"
    wide, narrow = (figure(f"{name}{w:g}", title, w, height, paint, **margins) for w in (width, NARROW))
    return replace(panel, svg=wide, narrow=narrow)


def trained_groups(lineup: Lineup) -> list[Group]:
    """Dense and the groups of the middle sparsity, as far as their training was recorded."""
    sparsities = [s for s in lineup.sparsities if any(g.first.history for g in lineup.at(s))]
    middle = lineup.at(sparsities[len(sparsities) // 2]) if sparsities else []
    chosen = [*lineup.dense, *(g for g in middle if g.made)]
    return [g for g in chosen if g.first.history is not None and g.first.history.epochs]
