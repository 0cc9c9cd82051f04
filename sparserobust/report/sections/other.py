"""Every score that no section answers for, third parties' among them, by the evaluator that measured it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import measured, ok
from sparserobust.records import ScoreSpec
from sparserobust.registry import evaluators
from sparserobust.report.sections.section import ClosingSection, Standing
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.attacks import attack_names
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import bracket, count, significant
from sparserobust.report.text.remarks import capital, sentence

OF_THE_TABLE = "top1"
"""The score that the main table shows."""
COLUMNS_AT_ONCE = 5
NOT_INSTALLED = (
    "Measured by an evaluator that is not installed here; a section that comes with it is not shown."
)

At = float | str | None


@dataclass
class Measured:
    """What an evaluator measured that stands nowhere else.

    Attributes:
        title: the evaluator's.
        columns: (score, point) -> its unit and n.
        specs: of these scores, by name.
    """

    title: str
    columns: dict[tuple[str, At], str] = field(default_factory=dict)
    specs: dict[str, ScoreSpec] = field(default_factory=dict)


class OtherSection(ClosingSection):
    """Every score that no section on the page shows."""

    id: ClassVar[str] = "other"
    title: ClassVar[str] = "Other"
    place: ClassVar[float] = 120

    def build(self, findings: Findings, standing: Standing = frozenset()) -> tuple[PlainTable, ...] | None:
        """The tables, None where every score stands elsewhere."""
        tables: list[PlainTable] = []
        for name, own in not_standing(findings.lineup, standing).items():
            keys, defined = list(own.columns), set[str]()
            for start in range(0, len(keys), COLUMNS_AT_ONCE):
                some = keys[start : start + COLUMNS_AT_ONCE]
                columns = [
                    (Column(_title(score, at), own.columns[score, at]), _any_score(name, score, at))
                    for score, at in some
                ]
                new = [score for score in dict.fromkeys(score for score, _ in some) if score not in defined]
                defined.update(new)
                notes = [
                    f"{score}: {spec.about}."
                    for score in new
                    if (spec := own.specs.get(score)) and spec.about
                ]
                notes += _notes(findings.lineup, name) if start == 0 else []
                table = plain_table(findings, own.title, columns, notes=tuple(notes))
                if table is not None:
                    tables.append(table)
        return tuple(tables) or None


def definitions(found: Findings, standing: Standing) -> tuple[tuple[str, str], ...]:
    """(score, what it is) of every score that stands here and says so."""
    words: dict[str, str] = {}
    for own in not_standing(found.lineup, standing).values():
        for score, spec in own.specs.items():
            if spec.about:
                names_a_score = "_" in spec.about.split()[0]
                meaning = spec.about if names_a_score else capital(spec.about)
                words[score if score not in words else f"{score} ({own.title})"] = f"{meaning}."
    return tuple(words.items())


def not_standing(lineup: Lineup, standing: Standing) -> dict[str, Measured]:
    """By evaluator what it measured that stands neither in a section nor in the main table."""
    found: dict[str, Measured] = {}
    titles = _titles(lineup)
    for place, run in enumerate(lineup.runs):
        for name in run.outcomes:
            outcome = ok(run, name)
            for score in outcome.scores if outcome is not None else ():
                of_the_table = score.name == OF_THE_TABLE and measured(run, score.name) is outcome
                if outcome is None or of_the_table or (place, name, score.name) in standing:
                    continue
                own = found.setdefault(name, Measured(titles[name]))
                n = f"n = {count(score.n)}" if score.n is not None else ""
                about = ", ".join(part for part in (score.unit, n) if part)
                own.columns.setdefault((score.name, score.at), about)
                own.specs.update({spec.name: spec for spec in outcome.measures if spec.name == score.name})
    return found


def _titles(lineup: Lineup) -> dict[str, str]:
    """What each evaluator is called, its name behind a title that several have."""
    given = {name: outcome.title or name for run in lineup.runs for name, outcome in run.outcomes.items()}
    every = list(given.values())
    own = {name: title if every.count(title) == 1 else f"{title} ({name})" for name, title in given.items()}
    return {**own, **attack_names(lineup)}


def _title(score: str, at: At) -> str:
    return score if at is None else f"{score} at {at:g}" if isinstance(at, float) else f"{score}, {at}"


def _any_score(evaluator: str, score: str, at: At) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, score, evaluator=evaluator, at=at)
        if e.value is None:
            return missing(e.reason)
        return Cell(significant(e.value, 4), bracket(e.low, e.high, _digits(e.value)))

    return build


def _digits(value: float) -> int:
    text = significant(value, 4)
    return len(text.partition(".")[2]) if "×" not in text else 4


def _notes(lineup: Lineup, evaluator: str) -> list[str]:
    """Whose it is: whether that is installed, its source, and its verdicts with the rows they are about.

    The verdicts of attacks stand with them.
    """
    outcomes = [(g, o) for g in lineup.groups for run in g.runs if (o := ok(run, evaluator)) is not None]
    own = [(group, outcome) for group, outcome in outcomes if outcome.attack is None]
    notes = list(dict.fromkeys(f"Source: {o.source}" for _, o in own if o.source))
    verdicts: dict[str, list[str]] = {}
    for group, outcome in own:
        if outcome.verdict is not None:
            verdicts.setdefault(sentence(outcome.verdict), []).append(row_title(group))
    if not _is_installed(evaluator):
        notes.append(NOT_INSTALLED)
    return notes + [f"{', '.join(dict.fromkeys(who))}: {verdict}." for verdict, who in verdicts.items()]


def _is_installed(evaluator: str) -> bool:
    """Whether this installation has the evaluator, also where a setting was added to its name (`<name>-l2`)."""
    return any(evaluator == name or evaluator.startswith(f"{name}-") for name in evaluators.names())
