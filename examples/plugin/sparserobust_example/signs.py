"""A report section: the share of positive weights in every row."""

from __future__ import annotations

from typing import ClassVar

from sparserobust.report import Column, Findings, PlainTable, Section, plain_table, scored


class Signs(Section):
    """Signs of the kept weights, beside what each row is."""

    id: ClassVar = "signs"
    title: ClassVar = "Weight signs"
    needs: ClassVar = frozenset({"weight-signs"})
    shows: ClassVar = frozenset({"positive"})

    def build(self, findings: Findings) -> PlainTable | None:
        """The table that `signs.j2` places."""
        column = Column("positive", "% of kept weights")
        return plain_table(
            findings, "Weight signs", [(column, scored("positive", lambda share: f"{100 * share:.1f}"))]
        )
