"""Puts the page together: records, then frozen dataclasses, then the template that only places text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparserobust.records import SCHEMA_VERSION, Run
from sparserobust.records.run import write_atomic
from sparserobust.report.badge import Badge, badge
from sparserobust.report.groups import Lineup, arrange
from sparserobust.report.judged import Judged, judged
from sparserobust.report.notes import table_notes
from sparserobust.report.numbers import NBSP, plural
from sparserobust.report.parts import panels
from sparserobust.report.parts.attacks import attack_by_attack
from sparserobust.report.parts.believe import believe
from sparserobust.report.parts.caps import distance_caps
from sparserobust.report.parts.connectivity import connectivity
from sparserobust.report.parts.curves import against_distance, against_eps
from sparserobust.report.parts.frontier import against_sparsity
from sparserobust.report.parts.glossary import glossary
from sparserobust.report.parts.gradients import gradient_norms
from sparserobust.report.parts.other import other_measurements
from sparserobust.report.parts.paired import paired
from sparserobust.report.parts.repeat import repeat
from sparserobust.report.parts.saliency import saliency
from sparserobust.report.parts.saved import multiply_adds, stored_bytes
from sparserobust.report.parts.training import training
from sparserobust.report.rows import MainTable, main_table
from sparserobust.report.spans import Paragraph
from sparserobust.report.theme import variables
from sparserobust.report.threat import threat_model, title
from sparserobust.report.verdict import verdict

if TYPE_CHECKING:
    from jinja2 import Environment

_TITLES = {
    "believe": "Can we believe it",
    "paired": "Against dense",
    "attacks": "Attacks",
    "frontier": "Frontier",
    "eps": "Against ε",
    "distance": "Against distance",
    "saliency": "Saliency",
    "layers": "Layers",
    "gradients": "Gradients",
    "saved": "What it saved",
    "training": "Training",
    "other": "Other",
    "repeat": "Repeat",
    "glossary": "Glossary",
}


@dataclass(frozen=True)
class Page:
    """Everything the template places."""

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
    parts: dict[str, Any] = field(default_factory=dict)

    @property
    def sections(self) -> list[str]:
        """The sections that have something to show, in order."""
        return [name for name, part in self.parts.items() if part is not None]

    @property
    def nav(self) -> list[tuple[str, str]]:
        """(anchor, short title) of each section."""
        titles = _TITLES | ({"eps": f"Against {self['eps'].budget}"} if "eps" in self.sections else {})
        return [("table", "Table"), *((name, titles[name]) for name in self.sections)]

    def __getitem__(self, section: str) -> Any:
        """A section by name."""
        return self.parts[section]

    @property
    def trust(self) -> Any:
        """The section that explains the badge, None without one."""
        return self.parts.get("believe")


def write_report(runs: Sequence[Run], path: str | os.PathLike[str], *, title: str | None = None) -> Path:
    """Writes the comparison of these runs as one self-contained HTML file; returns its path.

    Args:
        runs: what was measured; seeds of one method and sparsity are grouped.
        path: of the file; its folder is made if missing, and the file is complete or not written at all.
        title: of the page, made from the records when not given.

    Raises:
        ConfigError: no runs.
    """
    content = render(runs, title=title).encode("utf-8")
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, content)
    return file


def render(runs: Sequence[Run], *, title: str | None = None) -> str:
    """The page as text; the same records give the same text."""
    text = _environment().get_template("report.html.j2").render(page=build(runs, heading=title))
    return re.sub(r"(?<=\d) %", f"{NBSP}%", text)


def build(runs: Sequence[Run], *, heading: str | None = None) -> Page:
    """The page's content."""
    from markupsafe import Markup

    lineup = arrange(runs)
    found = judged(lineup)
    table = main_table(found)
    return Page(
        title=heading or title(lineup),
        date=_date(lineup),
        runs=_count(lineup),
        version=max(run.environment.sparserobust for run in lineup.runs),
        schema=SCHEMA_VERSION,
        threat=threat_model(lineup),
        badge=badge(found),
        verdict=verdict(found),
        table=table,
        table_notes=table_notes(table),
        variables=Markup(variables()),
        css=Markup(_template_text("report.css")),
        parts=_parts(found, table),
    )


def _parts(found: Judged, table: MainTable) -> dict[str, Any]:
    """Every section by name, in the order of the page; None where the records have nothing for it."""
    layers, connected = panels.kept_per_layer(found), connectivity(found)
    tables = [t for t in (stored_bytes(found), multiply_adds(found)) if t is not None]
    saved = (panels.savings(found), tables) if tables else None
    return {
        "believe": believe(found),
        "paired": paired(found),
        "attacks": attack_by_attack(found),
        "frontier": against_sparsity(found),
        "eps": against_eps(found),
        "distance": _some(against_distance(found), distance_caps(found)),
        "saliency": saliency(found),
        "layers": _some(layers, connected),
        "gradients": gradient_norms(found),
        "saved": saved,
        "training": training(found),
        "other": _some(other_measurements(found)),
        "repeat": repeat(found),
        "glossary": glossary(table),
    }


def _some(*parts: Any) -> tuple[Any, ...] | None:
    """The parts of a section, None where all are empty."""
    return parts if any(parts) else None


def _date(lineup: Lineup) -> str:
    """The day of the newest record: the page has no clock of its own."""
    return max(run.environment.created for run in lineup.runs)[:10]


def _count(lineup: Lineup) -> str:
    runs = lineup.runs
    return f"run {runs[0].id}" if len(runs) == 1 else plural(len(runs), "run")


@cache
def _template_text(name: str) -> str:
    return (resources.files("sparserobust.report") / "templates" / name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(_template_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
