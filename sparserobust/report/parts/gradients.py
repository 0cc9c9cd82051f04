"""The figures of gradient norms: at initialisation, and while training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sparserobust.report.figures import dots, gradients, style
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.parts.panels import NARROW, Panel, Panels, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def gradient_norms(found: Judged) -> Panels | None:
    """At initialisation relative to dense, and while training at one sparsity."""
    lineup = found.lineup
    panels = []
    rows = gradients.rows(lineup)
    with style.drawing():
        if any(v is not None for row in rows for _, v in row.values):
            about = "mean |gradient|, log scale; larger mark = sparser; grey: all weights, no mask"
            panels.append(
                _twins(
                    Panel(None, "At initialisation, relative to dense", about=about),
                    "gradient-start",
                    430,
                    dots.height(len(rows)),
                    lambda ax: dots.draw(ax, rows),
                    left=dots.LEFT,
                    right=8.0,
                )
            )
        chosen = trained_groups(lineup)
        if chosen:
            at = f", sparsity {chosen[-1].target:g}" if lineup.sparse else ""
            panels.append(
                _twins(
                    Panel(
                        None, f"While training{at}", about="epoch; mean |gradient| on kept weights, log scale"
                    ),
                    "gradient-course",
                    420,
                    250,
                    lambda ax: gradients.draw_training(ax, chosen),
                    left=34.0,
                    right=92.0,
                )
            )
    return Panels(tuple(panels)) if panels else None


def _twins(
    panel: Panel, name: str, width: float, height: float, paint: Callable[[Axes], None], **margins: float
) -> Panel:
    """The panel with its figure drawn twice: at its width, and narrow."""
    title = f"Gradient norm: {panel.heading}"
    wide, narrow = (figure(f"{name}{w:g}", title, w, height, paint, **margins) for w in (width, NARROW))
    return replace(panel, svg=wide, twin=narrow)


def trained_groups(lineup: Lineup) -> list[Group]:
    """Dense and the groups of the middle sparsity, as far as their training was recorded."""
    sparsities = [s for s in lineup.sparsities if any(g.first.history for g in lineup.at(s))]
    middle = lineup.at(sparsities[len(sparsities) // 2]) if sparsities else []
    return [g for g in [*lineup.dense, *middle] if g.first.history is not None and g.first.history.epochs]
