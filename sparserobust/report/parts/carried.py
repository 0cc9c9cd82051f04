"""Adversarial images carried over between the dense and a sparse network, both ways."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.cells import Cell, percent_cell
from sparserobust.report.estimates import estimate
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import DASH, count, points, signed_bracket
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table
from sparserobust.report.readings import headline_point, ok

TRANSFER = "transfer"
COLUMNS = (
    ("white_box", "sparse, own images", "broken, %"),
    ("transfer_in", "sparse, from dense", "broken, %"),
    ("dense_white_box", "dense, own images", "broken, %"),
    ("transfer_out", "dense, from sparse", "broken, %"),
)


@dataclass(frozen=True)
class Carried:
    """The table at one budget, the same at every other one, and what the evaluator says of each network."""

    table: PlainTable
    others: tuple[PlainTable, ...]


def carried_over(found: Judged) -> Carried | None:
    """The part, None where nothing was carried over."""
    outcomes = [o for run in found.lineup.runs if (o := ok(run, TRANSFER)) is not None]
    points_ = sorted(
        {float(s.at) for o in outcomes for s in o.curve("transfer_gap") if isinstance(s.at, float)}
    )
    if not points_:
        return None
    stated = next(
        (p for o in outcomes if (p := headline_point(o, "transfer_in_success_rate")) is not None), None
    )
    eps = stated if stated is not None else points_[0]
    tables = {point: _table(found, point) for point in points_}
    main = tables.pop(eps)
    if main is None:
        return None
    return Carried(main, tuple(table for table in tables.values() if table is not None))


def _table(found: Judged, eps: float) -> PlainTable | None:
    columns = [(Column("both right", "images"), _both(eps))]
    columns += [(Column(name, about), _rate(score, eps)) for score, name, about in COLUMNS]
    columns.append((Column("from dense minus own", "points, paired, 95 %"), _gap(eps)))
    return plain_table(found, f"Images carried over, ε = {eps:g}", columns)


def _both(eps: float) -> Build:
    def build(group: Group) -> Cell:
        if group.dense:
            return Cell("")
        sizes = sorted(
            {s.n for run in group.runs if (o := ok(run, TRANSFER)) for s in o.curve("transfer_gap")
             if s.at == eps and s.n is not None}
        )  # fmt: skip
        if not sizes:
            return Cell(DASH, reason=estimate(group, TRANSFER, "transfer_gap", at=eps).reason)
        return Cell(count(sizes[0]) if len(sizes) == 1 else f"{count(sizes[0])} to {count(sizes[-1])}")

    return build


def _rate(score: str, eps: float) -> Build:
    def build(group: Group) -> Cell:
        if group.dense:
            return Cell("")
        return percent_cell(estimate(group, TRANSFER, f"{score}_success_rate", at=eps))

    return build


def _gap(eps: float) -> Build:
    """The paired difference, in red where images of the dense network surely break more than the network's own."""

    def build(group: Group) -> Cell:
        if group.dense:
            return Cell("")
        e = estimate(group, TRANSFER, "transfer_gap", at=eps)
        if e.value is None:
            return Cell(DASH, reason=e.reason)
        interval = signed_bracket(e.low, e.high) if e.low is not None and e.high is not None else ""
        return Cell(points(e.value), interval, alert=e.low is not None and e.low > 0)

    return build
