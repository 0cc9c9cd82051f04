"""Transfer attacks: adversarial images made on the dense network shown to a sparse one, and the other way round."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.analysis.readings import measured
from sparserobust.records import Outcome, Run
from sparserobust.report.table.cells import Cell, missing, percent_cell, points_cell
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.numbers import count

GAP = "transfer_gap"
COLUMNS = (
    ("white_box_success_rate", "sparse, own images", "broken, %"),
    ("transfer_in_success_rate", "sparse, from dense", "broken, %"),
    ("dense_white_box_success_rate", "dense, own images", "broken, %"),
    ("transfer_out_success_rate", "dense, from sparse", "broken, %"),
)
SCORES = frozenset({GAP, *(score for score, _, _ in COLUMNS)})
"""The scores that stand here."""


@dataclass(frozen=True)
class Transfer:
    """The table at one budget, and the same at every other one."""

    table: PlainTable
    others: tuple[PlainTable, ...]


def transfer_part(found: Findings) -> Transfer | None:
    """The part, None where no images were transferred."""
    outcomes = [o for run in found.lineup.runs if (o := outcome_of(run)) is not None]
    budgets = sorted({float(s.at) for o in outcomes for s in o.curve(GAP) if isinstance(s.at, float)})
    if not budgets:
        return None
    stated = [float(s.at) for o in outcomes for s in o.scores if s.headline and isinstance(s.at, float)]
    eps = next((own for own in stated if own in budgets), budgets[0])
    tables = {budget: _table(found, budget) for budget in budgets}
    main = tables.pop(eps)
    if main is None:
        return None
    return Transfer(main, tuple(table for table in tables.values() if table is not None))


def outcome_of(run: Run) -> Outcome | None:
    """Where the run's images were transferred."""
    return measured(run, GAP)


def _table(found: Findings, eps: float) -> PlainTable | None:
    columns = [(Column("both right", "images"), _both(eps))]
    columns += [(Column(name, about), _rate(score, eps)) for score, name, about in COLUMNS]
    columns.append((Column("from dense minus own", "points, paired, 95 %"), _gap(eps)))
    return plain_table(found, f"Transfer attacks, ε = {eps:g}", columns)


def _both(eps: float) -> Build:
    def build(group: Group) -> Cell:
        if group.dense:
            return Cell("")
        sizes = sorted(
            {s.n for run in group.runs if (o := outcome_of(run)) for s in o.curve(GAP)
             if s.at == eps and s.n is not None}
        )  # fmt: skip
        if not sizes:
            return missing(estimate(group, GAP, at=eps).reason)
        return Cell(count(sizes[0]) if len(sizes) == 1 else f"{count(sizes[0])} to {count(sizes[-1])}")

    return build


def _rate(score: str, eps: float) -> Build:
    def build(group: Group) -> Cell:
        return Cell("") if group.dense else percent_cell(estimate(group, score, at=eps))

    return build


def _gap(eps: float) -> Build:
    """The paired difference, in red where images of the dense network surely break more than the network's own."""

    def build(group: Group) -> Cell:
        if group.dense:
            return Cell("")
        e = estimate(group, GAP, at=eps)
        return points_cell(e, alert=e.low is not None and e.low > 0)

    return build
