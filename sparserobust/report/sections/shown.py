"""The sections of a page, each built and written by itself: one that fails is named, and the others stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Lineup
from sparserobust.analysis.readings import measured, ok
from sparserobust.errors import PluginError
from sparserobust.records import Run
from sparserobust.report.look.closed import unclosed
from sparserobust.report.look.environment import placed
from sparserobust.report.sections.installed import NotShown, installed, not_shown
from sparserobust.report.sections.section import ClosingSection, Section, Standing

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Shown:
    """A section that stands on the page: what it shows, its short name, its HTML, and the scores that stand in it."""

    section: Section
    part: Any
    heading: str
    html: Markup
    standing: Standing


def show_all(found: Findings) -> tuple[tuple[Shown, ...], tuple[NotShown, ...]]:
    """(the sections with something to show in the order of the page, those that could not be shown)."""
    every, failed = installed()
    shown: dict[str, Shown] = {}
    for closing in (False, True):
        before = Standing().union(*(own.standing for own in shown.values()))
        for own in every:
            if isinstance(own.section, ClosingSection) is not closing:
                continue
            try:
                made = _shown(own.section, found, before)
            except (Exception, SystemExit) as error:
                failed.append(not_shown(own.section.id, own.distribution, error))
            else:
                if made is not None:
                    shown[own.section.id] = made
    order = [shown[own.section.id] for own in every if own.section.id in shown]
    return tuple(order), tuple(failed)


def _shown(section: Section, found: Findings, before: Standing) -> Shown | None:
    if not all(_recorded(name, found.runs) for name in section.needs):
        return None
    part = section.build(found, before) if isinstance(section, ClosingSection) else section.build(found)
    if part is None:
        return None
    html = placed(type(section), section.id, section.template, part)
    if tag := unclosed(html):
        raise PluginError(f"its template does not close what it opens: {tag}")
    return Shown(section, part, str(section.heading(part)), html, _standing(section, found.lineup))


def _standing(section: Section, lineup: Lineup) -> Standing:
    """The scores of the records that stand in a section."""
    return frozenset(
        (place, name, score)
        for place, run in enumerate(lineup.runs)
        for name, outcome in run.outcomes.items()
        for score in {own.name for own in outcome.scores}.intersection(section.shows)
        if section.stands_here(score, outcome, run, lineup)
    )


def _recorded(name: str, runs: Sequence[Run]) -> bool:
    """Whether some record has this evaluator's outcome, or this score."""
    return any(ok(run, name) is not None or measured(run, name) is not None for run in runs)
