"""Thin ice on the page: bars by tenths of the dense margin, the two ends as a table, every count behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparserobust.report.cells import Cell
from sparserobust.report.figures import thin_ice
from sparserobust.report.groups import Group
from sparserobust.report.ice import TENTHS, Condition, conditions, ice
from sparserobust.report.judged import Judged
from sparserobust.report.marks import Mark
from sparserobust.report.numbers import DASH, bracket, count, percent, target
from sparserobust.report.parts.panels import Grid, by_method
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table
from sparserobust.stats import Part, mean_t, wilson

Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Counts:
    """One network under one condition: "12/46" with its interval, tenth by tenth; the first one is `named`."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    condition: str
    cells: tuple[Cell, ...]
    first: bool
    named: bool


@dataclass(frozen=True)
class ThinIce:
    """The figures, the table of both ends, and the counts behind them."""

    grids: tuple[Grid, ...]
    table: PlainTable | None
    counts: tuple[Counts, ...]
    seeds: bool


def thin_ice_part(found: Judged) -> ThinIce | None:
    """The part, None where no record holds margins of a dense network to compare with."""
    every = conditions(found.lineup)
    groups = [g for g in found.lineup.sparse if any(ice(g, condition) for condition in every)]
    if not groups:
        return None
    shown = every[:2]
    columns = [column for condition in shown for column in _columns(condition)]
    return ThinIce(
        grids=tuple(
            grid for k, c in enumerate(shown) if (grid := _grid(found, groups, c, f"ice{k}-")).panels
        ),
        table=plain_table(found, "Thin ice", columns),
        counts=_counts(groups, every),
        seeds=any(len(ice(g, every[0])) > 1 for g in groups),
    )


def _grid(found: Judged, groups: list[Group], condition: Condition, kind: str) -> Grid:
    end = thin_ice.top(groups, condition)
    panels = by_method(
        found,
        kind,
        lambda ax, own: thin_ice.draw(ax, own, condition, end=end),
        lambda g: bool(ice(g, condition)),
        aside="newly broken, %",
        title=f"share newly broken by tenths of the dense margin, {condition.name}",
        height=130.0,
        top=20.0,
    )
    return Grid(panels, f"{condition.name[:1].upper()}{condition.name[1:]}")


def _columns(condition: Condition) -> list[tuple[Column, Build]]:
    """Newly broken in all, on the thinnest tenth, and on the rest."""

    def build(cell: Callable[[list[Parts]], Cell]) -> Build:
        def of(group: Group) -> Cell:
            if group.dense:
                return Cell("")
            parts = ice(group, condition)
            return (
                cell(parts) if parts else Cell(DASH, reason="no dense network or no margins to compare with")
            )

        return of

    return [
        (Column("newly broken", f"{condition.short}, images"), build(_total)),
        (
            Column("thinnest tenth", f"{condition.short}, %"),
            build(lambda runs: _share([p[:1] for p in runs])),
        ),
        (Column("the rest", f"{condition.short}, %"), build(lambda runs: _share([p[1:] for p in runs]))),
    ]


def _total(runs: list[Parts]) -> Cell:
    lost = sorted(sum(part.lost for part in parts) for parts in runs)
    sizes = sorted(sum(part.n for part in parts) for parts in runs)
    return Cell(_range(lost), f"of {_range(sizes)}")


def _range(numbers: list[int]) -> str:
    few, many = numbers[0], numbers[-1]
    return count(few) if few == many else f"{count(few)} to {count(many)}"


def _share(runs: list[Parts]) -> Cell:
    """The share newly broken on these parts: with Wilson's interval, over several seeds their mean with Student's t."""
    totals = [(sum(part.lost for part in parts), sum(part.n for part in parts)) for parts in runs]
    totals = [(lost, n) for lost, n in totals if n]
    if not totals:
        return Cell(DASH, reason="the dense network gets too few images right")
    if len(totals) == 1:
        bounds = wilson(*totals[0])
        return Cell(percent(totals[0][0] / totals[0][1]), bracket(bounds.low, bounds.high, scale=100))
    e = mean_t([lost / n for lost, n in totals])
    return Cell(percent(e.value), "" if e.high is None else f"± {percent(e.high - e.value)}")


def _counts(groups: list[Group], every: list[Condition]) -> tuple[Counts, ...]:
    rows: list[Counts] = []
    for group in groups:
        opens, named = bool(rows), True
        for condition in every:
            if not (runs := ice(group, condition)):
                continue
            shared = min(len(parts) for parts in runs)
            cells = tuple(_tenth([parts[k] for parts in runs]) for k in range(shared))
            rows.append(
                Counts(
                    group.name, group.tag, group.mark, target(group.target), condition.name,
                    (*cells, *[Cell(DASH)] * (TENTHS - shared)), opens, named,
                )
            )  # fmt: skip
            opens = named = False
    return tuple(rows)


def _tenth(parts: list[Part]) -> Cell:
    """ "12/46 [16, 40]", over several seeds "21.7 % ± 3.0"."""
    if len(parts) == 1:
        bounds = parts[0].interval
        return Cell(
            f"{count(parts[0].lost)}/{count(parts[0].n)}", bracket(bounds.low, bounds.high, 0, scale=100)
        )
    share = _share([(part,) for part in parts])
    return Cell(f"{share.text} %", share.dim)
