"""From records to one HTML file: `write_report`, the terminal's `summary_table`, and the figures on an axis.

Nothing here needs torch; matplotlib and jinja2 are imported when something is drawn or written.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparserobust.report.figures.cost import plot_cost as plot_cost
    from sparserobust.report.figures.distance import (
        plot_success_against_distance as plot_success_against_distance,
    )
    from sparserobust.report.figures.eps import plot_accuracy_against_eps as plot_accuracy_against_eps
    from sparserobust.report.figures.frontier import plot_frontier as plot_frontier
    from sparserobust.report.figures.gradients import plot_gradient_norms as plot_gradient_norms
    from sparserobust.report.figures.layers import plot_weights_per_layer as plot_weights_per_layer
    from sparserobust.report.figures.training import plot_training as plot_training
    from sparserobust.report.page import write_report as write_report
    from sparserobust.report.summary import summary_table as summary_table

_HOME = {
    "write_report": "page",
    "summary_table": "summary",
    "plot_accuracy_against_eps": "figures.eps",
    "plot_success_against_distance": "figures.distance",
    "plot_frontier": "figures.frontier",
    "plot_weights_per_layer": "figures.layers",
    "plot_gradient_norms": "figures.gradients",
    "plot_cost": "figures.cost",
    "plot_training": "figures.training",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
