"""Every score of every evaluator that has no section of its own, third parties' among them."""

from __future__ import annotations

from sparserobust.records import Run
from sparserobust.report.cells import Cell
from sparserobust.report.estimates import estimate
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import (
    DASH,
    bracket,
    count,
    significant,
)
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table
from sparserobust.report.readings import ok
from sparserobust.report.threat import KNOWN

SHOWN_ELSEWHERE = {
    "saliency",
    "connectivity",
    "gradient-norm",
    "flops",
    "storage",
    "transfer",
    "gradient-masking",
}
ACCURACY_SHOWN = {"top1", "train_top1", "overfitting_gap"}
COLUMNS_AT_ONCE = 5


def other_measurements(found: Judged) -> tuple[PlainTable, ...]:
    """Every score of every evaluator that has no section of its own."""
    runs = found.lineup.runs
    names = [name for run in runs for name, o in run.outcomes.items() if o.status == "ok"]
    tables: list[PlainTable] = []
    for name in dict.fromkeys(n for n in names if n not in SHOWN_ELSEWHERE | KNOWN):
        keys = _score_keys(runs, name)
        for start in range(0, len(keys), COLUMNS_AT_ONCE):
            columns = [
                (Column(_score_title(score, at), about), _any_score(name, score, at, about.partition(",")[0]))
                for score, at, about in keys[start : start + COLUMNS_AT_ONCE]
            ]
            table = plain_table(found, name, columns, notes=_notes(found.lineup, name) if start == 0 else ())
            if table is not None:
                tables.append(table)
    return tuple(tables)


def _score_keys(runs: list[Run], evaluator: str) -> list[tuple[str, float | str | None, str]]:
    keys: dict[tuple[str, float | str | None], str] = {}
    for run in runs:
        outcome = ok(run, evaluator)
        for score in outcome.scores if outcome is not None else ():
            if evaluator != "accuracy" or score.name not in ACCURACY_SHOWN:
                n = f"n = {count(score.n)}" if score.n is not None else ""
                keys.setdefault((score.name, score.at), ", ".join(part for part in (score.unit, n) if part))
    return [(name, at, about) for (name, at), about in keys.items()]


def _score_title(score: str, at: float | str | None) -> str:
    return score if at is None else f"{score} at {at:g}" if isinstance(at, float) else f"{score}, {at}"


def _any_score(evaluator: str, score: str, at: float | str | None, unit: str) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, evaluator, score, at=at)
        if e.value is None:
            return Cell(DASH, reason=e.reason)
        low, high = e.low, e.high
        if unit == "fraction":  # Student's interval over seeds knows no bounds
            low, high = (None if end is None else min(1.0, max(0.0, end)) for end in (low, high))
        return Cell(significant(e.value, 4), bracket(low, high, _digits(e.value)))

    return build


def _digits(value: float) -> int:
    text = significant(value, 4)
    return len(text.partition(".")[2]) if "×" not in text else 4


def _notes(lineup: Lineup, evaluator: str) -> tuple[str, ...]:
    """The evaluator's source, and its verdicts with the rows they are about."""
    outcomes = [(g, o) for g in lineup.groups for run in g.runs if (o := ok(run, evaluator)) is not None]
    notes = list(dict.fromkeys(f"Source: {o.source}" for _, o in outcomes if o.source))
    verdicts: dict[str, list[str]] = {}
    for group, outcome in outcomes:
        if outcome.verdict:
            verdicts.setdefault(outcome.verdict, []).append(group.title)
    notes += [f"{', '.join(dict.fromkeys(who))}: {verdict}." for verdict, who in verdicts.items()]
    return tuple(notes)
