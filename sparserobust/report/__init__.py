"""From findings to one HTML file: `write_report`, the terminal's `summary_table`, and the figures on an axis.

`text` puts findings into words, `table` and `figures` show them, `sections` put both together, `look` has colours and
templates, `terminal` plain text. Nothing here needs torch; matplotlib and jinja2 are imported when something is drawn
or written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from sparserobust.report.figures.cost import plot_cost as plot_cost
    from sparserobust.report.figures.distance import (
        plot_success_against_distance as plot_success_against_distance,
    )
    from sparserobust.report.figures.eps import plot_accuracy_against_eps as plot_accuracy_against_eps
    from sparserobust.report.figures.frontier import plot_frontier as plot_frontier
    from sparserobust.report.figures.gradients import plot_gradient_norms as plot_gradient_norms
    from sparserobust.report.figures.layers import plot_weights_per_layer as plot_weights_per_layer
    from sparserobust.report.figures.mistakes import plot_mistakes_by_margin as plot_mistakes_by_margin
    from sparserobust.report.figures.training import plot_training as plot_training
    from sparserobust.report.page import write_report as write_report
    from sparserobust.report.terminal.summary import summary_table as summary_table
    from sparserobust.report.text.remarks import sentence as sentence

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "page": ["write_report"],
        "terminal.summary": ["summary_table"],
        "text.remarks": ["sentence"],
        "figures.eps": ["plot_accuracy_against_eps"],
        "figures.distance": ["plot_success_against_distance"],
        "figures.frontier": ["plot_frontier"],
        "figures.layers": ["plot_weights_per_layer"],
        "figures.gradients": ["plot_gradient_norms"],
        "figures.cost": ["plot_cost"],
        "figures.mistakes": ["plot_mistakes_by_margin"],
        "figures.training": ["plot_training"],
    },
)
