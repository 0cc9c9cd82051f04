"""Every difference to dense in full: discordant counts, p before and after Holm, the minimum detectable one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sparserobust.analysis.differences import Difference
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.report.table.cells import Cell
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.differences import difference_reason, result_text
from sparserobust.report.text.numbers import DASH, count, fixed, p_value, plural, points, signed_bracket


def against_dense(
    found: Findings, differences: Mapping[int, Difference], title: str, notes: tuple[str, ...] = ()
) -> PlainTable | None:
    """The table of these differences by place in the line-up, None where nothing could be paired."""
    if not any(d.value is not None for d in differences.values()):
        return None

    def shown(text: Callable[[Difference], str]) -> Build:
        def build(group: Group) -> Cell:
            d = differences.get(found.place(group))
            if d is None:
                return Cell("")
            return Cell(DASH, reason=difference_reason(d)) if d.value is None else Cell(text(d))

        return build

    by_image = any(d.unit == "images" for d in differences.values())
    tests = "McNemar mid-p" if by_image else "paired t"
    return plain_table(
        found,
        title,
        [
            (Column("paired on"), shown(lambda d: plural(d.n, d.unit.removesuffix("s")))),
            (Column("difference", "points, 95 %"), shown(_difference)),
            (
                Column("sparse correct, dense wrong", "images"),
                shown(lambda d: _count([own for own, _ in d.discordant])),
            ),
            (
                Column("dense correct, sparse wrong", "images"),
                shown(lambda d: _count([dense for _, dense in d.discordant])),
            ),
            (Column("p", tests), shown(lambda d: _p(d.p))),
            (Column("p after Holm", "over the table"), shown(lambda d: _p(d.p_holm))),
            (
                Column("minimum detectable difference", "points"),
                shown(lambda d: "" if d.smallest is None else fixed(100 * d.smallest)),
            ),
            (Column("against dense"), lambda g: _word(differences.get(found.place(g)))),
        ],
        notes=notes,
    )


def _word(d: Difference | None) -> Cell:
    return Cell("" if d is None else result_text(d), alert=d is not None and d.result == "not-ranked")


def _difference(d: Difference) -> str:
    interval = f" {signed_bracket(d.low, d.high)}" if d.low is not None and d.high is not None else ""
    return f"{points(d.value or 0.0)}{interval}"


def _count(images: list[int]) -> str:
    """A count of images, over several pairs of networks from the fewest to the most."""
    few, many = min(images, default=0), max(images, default=0)
    return count(few) if few == many else f"{count(few)} to {count(many)}"


def _p(p: float | None) -> str:
    return "" if p is None else p_value(p).removeprefix("p = ").removeprefix("p ")
