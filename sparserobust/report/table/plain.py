"""Plain tables of subjects: columns are functions of a group, columns without any number are left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparserobust.analysis.estimates import RowEstimate, estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.text.names import row_name, row_tag
from sparserobust.report.text.numbers import DASH, target


@dataclass(frozen=True)
class Column:
    """A head of two lines: what it is, and the unit or the condition."""

    name: str
    about: str = ""


@dataclass(frozen=True)
class Head:
    """How a row of a table of subjects begins; `first` opens a new sparsity."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    first: bool


@dataclass(frozen=True)
class PlainRow(Head):
    """One subject's cells."""

    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class PlainTable:
    """A table of subjects; columns without any number are left out."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[PlainRow, ...]
    notes: tuple[str, ...] = ()


Build = Callable[[Group], Cell]


def plain_table(
    found: Findings, title: str, columns: list[tuple[Column, Build]], *, notes: tuple[str, ...] = ()
) -> PlainTable | None:
    """The table of these columns over all groups that have a network, None where no cell has a number."""
    groups = [group for group in found.lineup.groups if group.made]
    cells = {column: [build(g) for g in groups] for column, build in columns}
    kept = [column for column, own in cells.items() if any(c.text not in ("", DASH) or c.dim for c in own)]
    if not kept:
        return None
    shown_rows = [  # dense has no row where everything is about the difference to it
        i for i in range(len(groups)) if any(own[i].text or own[i].dim for own in (cells[c] for c in kept))
    ]
    rows = [
        PlainRow(**vars(head), cells=tuple(cells[column][i] for column in kept))
        for i, head in zip(shown_rows, heads([groups[i] for i in shown_rows]), strict=True)
    ]
    return PlainTable(title, tuple(kept), tuple(rows), notes)


def heads(groups: Sequence[Group]) -> list[Head]:
    """How the rows of these groups begin."""
    sparsities = [sparsity_text(group) for group in groups]
    return [
        Head(row_name(group), row_tag(group), mark(group), own, first=i > 0 and own != sparsities[i - 1])
        for i, (group, own) in enumerate(zip(groups, sparsities, strict=True))
    ]


def sparsity_text(group: Group) -> str:
    """The target sparsity of a row, "" for a dense one."""
    return "" if group.dense else target(group.target)


def scored(
    score: str,
    show: Callable[[float], str],
    *,
    evaluator: str | None = None,
    at: float | str | None = None,
    alert: Callable[[float], bool] = lambda _: False,
) -> Build:
    """A column that shows one score, of whichever evaluator measures it unless one is named."""

    def build(group: Group) -> Cell:
        return shown(estimate(group, score, evaluator=evaluator, at=at), show, alert)

    return build


def shown(
    e: RowEstimate, show: Callable[[float], str], alert: Callable[[float], bool] = lambda _: False
) -> Cell:
    """The value as `show` writes it, or a dash with its reason."""
    if e.value is None:
        return missing(e.reason)
    return Cell(show(e.value), alert=alert(e.value))
