"""Whether signal still reaches the logits, in the forward graph and among trainable weights."""

from __future__ import annotations

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.analysis.readings import measured
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table, scored
from sparserobust.report.text.numbers import count, fixed, percent, realised

SCORES = frozenset({"connected", "collapsed_layers", "effective_sparsity", "log10_paths"})
"""The scores that stand here."""


def connectivity(found: Findings) -> PlainTable | None:
    """Collapsed layers, connection, effective sparsity and paths, of both graphs."""
    columns: list[tuple[Column, Build]] = []
    for at in ("forward", "trainable"):
        columns += [
            (
                Column("collapsed layers", at),
                scored("collapsed_layers", count, at=at, alert=lambda v: v > 0),
            ),
            (Column("connected", at), scored("connected", _yes, at=at, alert=lambda v: v < 1)),
            (Column("effective sparsity", at), scored("effective_sparsity", realised, at=at)),
            (Column("log₁₀ paths", at), scored("log10_paths", fixed, at=at)),
        ]
    columns.append((Column("constant units", "still emit a bias"), _constant_units))
    return plain_table(found, "Connectivity", columns)


def _yes(value: float) -> str:
    return "yes" if value >= 1 else "no" if value == 0 else f"{percent(value, 0)} % of seeds"


def _constant_units(group: Group) -> Cell:
    totals = []
    for run in group.runs:
        outcome = measured(run, "connected")
        table = outcome.tables.get("layers") if outcome is not None else None
        if table is not None and "constant_units" in table.columns:
            totals.append(sum(float(v) for v in table.column("constant_units") if isinstance(v, int | float)))
    if not totals:
        return missing(None)
    mean = sum(totals) / len(totals)
    return Cell(count(mean) if mean == round(mean) else fixed(mean))
