"""Every score that no section answers for, third parties' among them, by the evaluator that measured it."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from sparserobust.analysis.checks import diagnosed
from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import measured, ok
from sparserobust.records import Outcome, Run, ScoreSpec
from sparserobust.report import sections
from sparserobust.report.sections import attacks, optimality
from sparserobust.report.sections.believe import OF_THE_WATCHED
from sparserobust.report.sections.section import Section
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.attacks import attack_names
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import bracket, count, significant
from sparserobust.report.text.remarks import capital, sentence

SHOWS = frozenset({"top1", "train_top1", "overfitting_gap"})
"""Scores of the main table and of the courses of training."""
OF_ATTACKS = attacks.SHOWS | optimality.SHOWS | OF_THE_WATCHED
"""Scores that the sections show of attacks alone."""
COLUMNS_AT_ONCE = 5

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


def other_measurements(found: Findings) -> tuple[PlainTable, ...] | None:
    """The tables, None where every score stands elsewhere."""
    tables: list[PlainTable] = []
    for name, own in unclaimed(found.lineup).items():
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
                f"{score}: {spec.about}." for score in new if (spec := own.specs.get(score)) and spec.about
            ]
            notes += _notes(found.lineup, name) if start == 0 else []
            table = plain_table(found, own.title, columns, notes=tuple(notes))
            if table is not None:
                tables.append(table)
    return tuple(tables) or None


SECTION = Section(id="other", place=120, title="Other", build=other_measurements)


def definitions(found: Findings) -> tuple[tuple[str, str], ...]:
    """(score, what it is) of every score that stands here and says so."""
    words: dict[str, str] = {}
    for own in unclaimed(found.lineup).values():
        for score, spec in own.specs.items():
            if spec.about:
                names_a_score = "_" in spec.about.split()[0]
                meaning = spec.about if names_a_score else capital(spec.about)
                words[score if score not in words else f"{score} ({own.title})"] = f"{meaning}."
    return tuple(words.items())


def unclaimed(lineup: Lineup) -> dict[str, Measured]:
    """By evaluator what it measured that no section answers for."""
    found: dict[str, Measured] = {}
    titles, watched = _titles(lineup), diagnosed(lineup)
    for run in lineup.runs:
        for name in run.outcomes:
            outcome = ok(run, name)
            for score in outcome.scores if outcome is not None else ():
                if outcome is None or _stands_elsewhere(run, outcome, score.name, watched):
                    continue
                own = found.setdefault(name, Measured(titles[name]))
                n = f"n = {count(score.n)}" if score.n is not None else ""
                about = ", ".join(part for part in (score.unit, n) if part)
                own.columns.setdefault((score.name, score.at), about)
                own.specs.update({spec.name: spec for spec in outcome.measures if spec.name == score.name})
    return found


def _stands_elsewhere(run: Run, outcome: Outcome, score: str, watched: str) -> bool:
    """Whether a section shows this score of this outcome: a section shows that of the evaluator measuring it first."""
    if score in OF_THE_WATCHED:
        return outcome.evaluator == watched
    if score in OF_ATTACKS:
        return outcome.attack is not None
    first = measured(run, score)
    alike = outcome.attack is not None and first is not None and first.attack is not None
    return score in answered_for() and (first is outcome or alike)


@cache
def answered_for() -> frozenset[str]:
    """The scores that any module of the sections says it shows."""
    modules = [
        import_module(f"{sections.__name__}.{found.name}")
        for found in pkgutil.iter_modules(sections.__path__)
    ]
    shown: frozenset[str] = frozenset()
    return shown.union(*(getattr(module, "SHOWS", shown) for module in modules))


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
    """The evaluator's source, and its verdicts with the rows they are about; those of attacks stand with them."""
    outcomes = [(g, o) for g in lineup.groups for run in g.runs if (o := ok(run, evaluator)) is not None]
    own = [(group, outcome) for group, outcome in outcomes if outcome.attack is None]
    notes = list(dict.fromkeys(f"Source: {o.source}" for _, o in own if o.source))
    verdicts: dict[str, list[str]] = {}
    for group, outcome in own:
        if outcome.verdict is not None:
            verdicts.setdefault(sentence(outcome.verdict), []).append(row_title(group))
    return notes + [f"{', '.join(dict.fromkeys(who))}: {verdict}." for verdict, who in verdicts.items()]
