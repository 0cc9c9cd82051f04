"""Whether signal still reaches the logits, in the forward graph and among trainable weights."""

from __future__ import annotations

from sparserobust.report.cells import Cell
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import (
    DASH,
    count,
    fixed,
    percent,
    realised,
)
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table, scored
from sparserobust.report.readings import ok


def connectivity(found: Judged) -> PlainTable | None:
    """Collapsed layers, connection, effective sparsity and paths, of both graphs."""
    name = "connectivity"
    columns: list[tuple[Column, Build]] = []
    for at in ("forward", "trainable"):
        columns += [
            (
                Column("collapsed layers", at),
                scored(name, "collapsed_layers", count, at=at, alert=lambda v: v > 0),
            ),
            (Column("connected", at), scored(name, "connected", _yes, at=at, alert=lambda v: v < 1)),
            (Column("effective sparsity", at), scored(name, "effective_sparsity", realised, at=at)),
            (Column("log₁₀ paths", at), scored(name, "log10_paths", fixed, at=at)),
        ]
    columns.append((Column("constant units", "still emit a bias"), _constant_units))
    return plain_table(found, "Connectivity", columns)


def _yes(value: float) -> str:
    return "yes" if value >= 1 else "no" if value == 0 else f"{percent(value, 0)} % of seeds"


def _constant_units(group: Group) -> Cell:
    totals = []
    for run in group.runs:
        outcome = ok(run, "connectivity")
        table = outcome.tables.get("layers") if outcome is not None else None
        if table is not None and "constant_units" in table.columns:
            totals.append(sum(float(v) for v in table.column("constant_units") if isinstance(v, int | float)))
    if not totals:
        return Cell(DASH, reason="not measured")
    mean = sum(totals) / len(totals)
    return Cell(count(mean) if mean == round(mean) else fixed(mean))
