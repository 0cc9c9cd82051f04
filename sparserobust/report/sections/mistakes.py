"""Errors by decile of the dense margin: bars, the lowest decile beside the rest as a table, every count behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.mistakes import DECILES, Condition, by_margin, conditions
from sparserobust.report.figures import mistakes as bars
from sparserobust.report.figures.panels import Grid, by_method
from sparserobust.report.look.marks import Mark, mark
from sparserobust.report.table.cells import Cell
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table, sparsity_text
from sparserobust.report.text.attacks import robust_budget, robust_name
from sparserobust.report.text.names import row_name, row_tag
from sparserobust.report.text.numbers import DASH, bracket, count, percent
from sparserobust.report.text.remarks import capital
from sparserobust.stats import Part, mean_t, wilson

Parts = tuple[Part, ...]


@dataclass(frozen=True)
class Counts:
    """One network under one condition: "12/46" with its interval, decile by decile; the first one is `named`."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    condition: str
    cells: tuple[Cell, ...]
    first: bool
    named: bool


@dataclass(frozen=True)
class Mistakes:
    """The figures, the table of both ends, and the counts behind them."""

    grids: tuple[Grid, ...]
    table: PlainTable | None
    counts: tuple[Counts, ...]
    seeds: bool


def mistakes(found: Findings) -> Mistakes | None:
    """The part, None where no record holds margins of a dense network to compare with."""
    every = conditions(found.lineup)
    groups = [g for g in found.lineup.sparse if any(by_margin(g, condition) for condition in every)]
    if not groups:
        return None
    shown = [condition for condition in every if condition.robust is None or condition.headline]
    columns = [column for condition in shown for column in _columns(condition)]
    grids = [_grid(found, groups, condition, f"deciles{k}-") for k, condition in enumerate(shown)]
    return Mistakes(
        grids=tuple(grid for grid in grids if grid.panels),
        table=plain_table(found, "Errors by dense-margin decile", columns),
        counts=_counts(groups, every, found.lineup),
        seeds=any(len(by_margin(g, every[0])) > 1 for g in groups),
    )


def condition_name(condition: Condition, lineup: Lineup) -> str:
    """ "clean images", "FGSM, ε = 0.1"."""
    robust = condition.robust
    return "clean images" if robust is None else f"{robust_name(robust, lineup)}, {robust_budget(robust)}"


def _grid(found: Findings, groups: list[Group], condition: Condition, kind: str) -> Grid:
    end, name = bars.top(groups, condition), condition_name(condition, found.lineup)
    panels = by_method(
        found,
        kind,
        lambda ax, own: bars.draw(ax, own, condition, end=end),
        lambda g: bool(by_margin(g, condition)),
        aside="newly misclassified, %",
        title=f"share newly misclassified by decile of the dense margin, {name}",
        height=130.0,
        top=20.0,
    )
    return Grid(panels, capital(name))


def _columns(condition: Condition) -> list[tuple[Column, Build]]:
    """Newly misclassified in all, in the lowest decile, and in the rest."""
    short = "clean" if condition.robust is None else "under attack"

    def build(cell: Callable[[list[Parts]], Cell]) -> Build:
        def of(group: Group) -> Cell:
            if group.dense:
                return Cell("")
            parts = by_margin(group, condition)
            return (
                cell(parts) if parts else Cell(DASH, reason="no dense network or no margins to compare with")
            )

        return of

    return [
        (Column("newly misclassified", f"{short}, images"), build(_total)),
        (Column("lowest decile", f"{short}, %"), build(lambda runs: _share([p[:1] for p in runs]))),
        (Column("other deciles", f"{short}, %"), build(lambda runs: _share([p[1:] for p in runs]))),
    ]


def _total(runs: list[Parts]) -> Cell:
    wrong = sorted(sum(part.misclassified for part in parts) for parts in runs)
    sizes = sorted(sum(part.n for part in parts) for parts in runs)
    return Cell(_range(wrong), f"of {_range(sizes)}")


def _range(numbers: list[int]) -> str:
    few, many = numbers[0], numbers[-1]
    return count(few) if few == many else f"{count(few)} to {count(many)}"


def _share(runs: list[Parts]) -> Cell:
    """The share newly misclassified in these parts: Wilson's interval, over several seeds Student's t of the mean."""
    totals = [(sum(part.misclassified for part in parts), sum(part.n for part in parts)) for parts in runs]
    totals = [(wrong, n) for wrong, n in totals if n]
    if not totals:
        return Cell(DASH, reason="the dense network gets too few images right")
    if len(totals) == 1:
        bounds = wilson(*totals[0])
        return Cell(percent(totals[0][0] / totals[0][1]), bracket(bounds.low, bounds.high, scale=100))
    e = mean_t([wrong / n for wrong, n in totals])
    return Cell(percent(e.value), "" if e.high is None else f"± {percent(e.high - e.value)}")


def _counts(groups: list[Group], every: list[Condition], lineup: Lineup) -> tuple[Counts, ...]:
    rows: list[Counts] = []
    for group in groups:
        opens, named = bool(rows), True
        for condition in every:
            if not (runs := by_margin(group, condition)):
                continue
            shared = min(len(parts) for parts in runs)
            cells = tuple(_decile([parts[k] for parts in runs]) for k in range(shared))
            rows.append(
                Counts(
                    row_name(group), row_tag(group), mark(group), sparsity_text(group),
                    condition_name(condition, lineup), (*cells, *[Cell(DASH)] * (DECILES - shared)), opens, named,
                )
            )  # fmt: skip
            opens = named = False
    return tuple(rows)


def _decile(parts: list[Part]) -> Cell:
    """ "12/46 [16, 40]", over several seeds "21.7 % ± 3.0"."""
    if len(parts) == 1:
        bounds = parts[0].interval
        return Cell(
            f"{count(parts[0].misclassified)}/{count(parts[0].n)}",
            bracket(bounds.low, bounds.high, 0, scale=100),
        )
    share = _share([(part,) for part in parts])
    return Cell(f"{share.text} %", share.dim)
