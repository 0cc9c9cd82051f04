"""What a section of the report is: an anchor, a title, a place, what it shows of the findings, and a template."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, TypeAlias

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.readings import measured
from sparserobust.records import Outcome, Run

Standing: TypeAlias = frozenset[tuple[int, str, str]]
"""Scores that stand in a section: (place of the run in the line-up, evaluator, score)."""


class Section(ABC):
    """One section of the page, ours or a third party's: a class behind an entry point in `sparserobust.sections`.

    The template finds what `build` returned as `part`, and macros as `m`: `m.plain(table)` writes a table,
    `m.panel(figure)`, `m.figures(panels)` and `m.grids(grids)` write figures. It is escaped. The page puts it
    into an element with the anchor.

    Attributes:
        id: its anchor and the name of its entry point.
        title: its short name in the navigation.
        place: where it stands on the page, by tens, so that another one fits in between: ours from 10 to 140.
        shows: the scores that stand here, and so not among the other measurements.
        needs: evaluators or scores; without a record of each of them the section is not built.
        template: the template itself; where it is empty, `<id>.j2` beside the module.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    place: ClassVar[float] = 115
    shows: ClassVar[Collection[str]] = frozenset()
    needs: ClassVar[Collection[str]] = frozenset()
    template: ClassVar[str] = ""

    @abstractmethod
    def build(self, findings: Findings) -> Any:
        """What the template places, None where the records have nothing for it."""

    def heading(self, part: Any) -> str:
        """The short name of this part."""
        return self.title

    def stands_here(self, score: str, outcome: Outcome, run: Run, lineup: Lineup) -> bool:
        """Whether one of the scores that it shows stands here of this outcome.

        That of the evaluator measuring it first does, and of attacks that of every one.
        """
        first = measured(run, score)
        return first is outcome or (
            outcome.attack is not None and first is not None and first.attack is not None
        )


class ClosingSection(Section):
    """A section about what the others leave: it is built after them, wherever it stands."""

    @abstractmethod
    def build(self, findings: Findings, standing: Standing = frozenset()) -> Any:
        """What the template places, None where nothing is left.

        Args:
            findings: all of them.
            standing: the scores that stand in the others.
        """
