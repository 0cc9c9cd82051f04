"""Puts the page together: findings, then frozen dataclasses, then the template that only places text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparserobust.analysis.findings import Findings, analyse
from sparserobust.records import SCHEMA_VERSION, Run
from sparserobust.records.files import write_atomic
from sparserobust.report.look.environment import environment, file_text
from sparserobust.report.look.theme import variables
from sparserobust.report.sections.installed import NotShown
from sparserobust.report.sections.shown import Shown, show_all
from sparserobust.report.table.notes import table_notes
from sparserobust.report.table.rows import MainTable, main_table
from sparserobust.report.text.badge import Badge, badge
from sparserobust.report.text.numbers import NBSP, plural
from sparserobust.report.text.spans import Paragraph
from sparserobust.report.text.threat import threat_model, title
from sparserobust.report.text.verdict import verdict


@dataclass(frozen=True)
class Page:
    """Everything the template places.

    Attributes:
        sections: those that have something to show, in order.
        not_shown: those that are installed and could not be shown.
    """

    title: str
    date: str
    runs: str
    version: str
    schema: int
    threat: list[str]
    badge: Badge
    verdict: list[Paragraph]
    table: MainTable
    table_notes: tuple[list[Any], list[Any]]
    variables: Any
    css: Any
    sections: tuple[Shown, ...]
    not_shown: tuple[NotShown, ...]

    @property
    def nav(self) -> list[tuple[str, str]]:
        """(anchor, short title) of each section."""
        return [("table", "Table"), *((own.section.id, own.heading) for own in self.sections)]

    def __contains__(self, section: str) -> bool:
        """Whether a section stands on the page, by its anchor."""
        return any(own.section.id == section for own in self.sections)

    def __getitem__(self, section: str) -> Any:
        """What a section shows, by its anchor.

        Raises:
            KeyError: it is not on the page.
        """
        return {own.section.id: own.part for own in self.sections}[section]


def write_report(
    runs: Sequence[Run],
    path: str | os.PathLike[str],
    *,
    title: str | None = None,
    complain: Callable[[str], None] | None = None,
) -> Path:
    """Writes the comparison of these runs as one self-contained HTML file; returns its path.

    Args:
        runs: what was measured; seeds of one method and sparsity are grouped.
        path: of the file; its folder is made if missing, and the file is complete or not written at all.
        title: of the page, made from the records when not given.
        complain: is called with a line for each section that could not be shown, which the page says at its end.

    Raises:
        ConfigError: no runs.
    """
    page = build(analyse(runs), heading=title)
    content = _text(page).encode("utf-8", errors="replace")
    if complain is not None:
        for own in page.not_shown:
            complain(f"section {own.id} of {own.distribution} could not be shown: {own.reason}")
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, content)
    return file


def render(runs: Sequence[Run], *, title: str | None = None) -> str:
    """The page as text; the same records give the same text."""
    return _text(build(analyse(runs), heading=title))


def _text(page: Page) -> str:
    text = environment().get_template("look/templates/report.html.j2").render(page=page)
    return re.sub(r"(?<=\d) %", f"{NBSP}%", text)


def build(found: Findings, *, heading: str | None = None) -> Page:
    """The page's content."""
    from markupsafe import Markup

    table = main_table(found)
    sections, not_shown = show_all(found)
    return Page(
        title=heading or title(found.lineup),
        date=_date(found.runs),
        runs=_count(found.runs),
        version=max(run.environment.sparserobust for run in found.runs),
        schema=SCHEMA_VERSION,
        threat=threat_model(found.lineup),
        badge=badge(found),
        verdict=verdict(found),
        table=table,
        table_notes=table_notes(table),
        variables=Markup(variables()),
        css=Markup(file_text("look/templates/report.css")),
        sections=sections,
        not_shown=not_shown,
    )


def _date(runs: Sequence[Run]) -> str:
    """The day of the newest record: the page has no clock of its own."""
    return max(run.environment.created for run in runs)[:10]


def _count(runs: Sequence[Run]) -> str:
    return f"run {runs[0].id}" if len(runs) == 1 else plural(len(runs), "run")
