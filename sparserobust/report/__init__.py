"""From findings to one HTML file: `write_report`, the terminal's `summary_table`, and the figures on an axis.

`text` puts findings into words, `table` and `figures` show them, `sections` put both together, `look` has colours and
templates, `terminal` plain text. Nothing here needs torch; matplotlib and jinja2 are imported when something is drawn
or written.

A section of your own is a class derived from `Section`, with a template, behind an entry point in
`sparserobust.sections`. What it is made of is here too: tables of rows (`plain_table`, `Column`, `Cell`, `scored`,
`estimate`) and figures (`figure`, `by_method`, `Panel`, `Panels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from sparserobust.analysis.estimates import estimate as estimate
    from sparserobust.analysis.findings import Findings as Findings
    from sparserobust.analysis.lineup import Group as Group
    from sparserobust.report.figures.cost import plot_cost as plot_cost
    from sparserobust.report.figures.distance import (
        plot_success_against_distance as plot_success_against_distance,
    )
    from sparserobust.report.figures.eps import plot_accuracy_against_eps as plot_accuracy_against_eps
    from sparserobust.report.figures.frontier import plot_frontier as plot_frontier
    from sparserobust.report.figures.gradients import plot_gradient_norms as plot_gradient_norms
    from sparserobust.report.figures.layers import plot_weights_per_layer as plot_weights_per_layer
    from sparserobust.report.figures.mistakes import plot_mistakes_by_margin as plot_mistakes_by_margin
    from sparserobust.report.figures.panels import Grid as Grid
    from sparserobust.report.figures.panels import Panel as Panel
    from sparserobust.report.figures.panels import Panels as Panels
    from sparserobust.report.figures.panels import by_method as by_method
    from sparserobust.report.figures.panels import figure as figure
    from sparserobust.report.figures.training import plot_training as plot_training
    from sparserobust.report.page import write_report as write_report
    from sparserobust.report.sections.section import Section as Section
    from sparserobust.report.table.cells import Cell as Cell
    from sparserobust.report.table.cells import missing as missing
    from sparserobust.report.table.cells import percent_cell as percent_cell
    from sparserobust.report.table.cells import points_cell as points_cell
    from sparserobust.report.table.plain import Column as Column
    from sparserobust.report.table.plain import PlainTable as PlainTable
    from sparserobust.report.table.plain import plain_table as plain_table
    from sparserobust.report.table.plain import scored as scored
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
        "figures.panels": ["Grid", "Panel", "Panels", "by_method", "figure"],
        "sections.section": ["Section"],
        "table.cells": ["Cell", "missing", "percent_cell", "points_cell"],
        "table.plain": [
            "Column",
            "Findings",
            "Group",
            "PlainTable",
            "estimate",
            "plain_table",
            "scored",
        ],
    },
)
