"""Records as pandas DataFrames (extra `frames`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sparserobust.errors import ConfigError
from sparserobust.records.outcome import Outcome
from sparserobust.records.subject import SubjectRecord

if TYPE_CHECKING:
    from pandas import DataFrame

TEXT, NUMBER, COUNT, FLAG = "object", "float64", "Int64", "boolean"
"""Types of columns; the last two have room for what is missing."""
SUBJECT = {
    "label": TEXT,
    "method": TEXT,
    "sparsity": NUMBER,
    "target_sparsity": NUMBER,
    "seed": COUNT,
    "model": TEXT,
    "data": TEXT,
}
SCORES = {
    "evaluator": TEXT,
    "score": TEXT,
    "at": TEXT,
    "value": NUMBER,
    "unit": TEXT,
    "n": COUNT,
    "ci_low": NUMBER,
    "ci_high": NUMBER,
    "higher_is_better": FLAG,
    "headline": FLAG,
    "status": TEXT,
    "reason": TEXT,
}
"""`at` is the point on the score's axis: a number, or the name of a part."""


def data_frame(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> DataFrame:
    """The rows as a DataFrame whose columns have these types, also where all of a column is missing.

    Raises:
        ConfigError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise ConfigError(
            "a data frame needs pandas, which is not installed; pip install 'sparserobust[frames]'"
        ) from None
    held = list(rows)
    series = {
        name: pandas.Series([row.get(name) for row in held], dtype=kind) for name, kind in columns.items()
    }
    return pandas.DataFrame(series)


def score_frame(subject: SubjectRecord, data: str, outcomes: Mapping[str, Outcome]) -> DataFrame:
    """One row per score of the outcomes, one without a score for an outcome that has none."""
    about = {
        "label": subject.label,
        "method": subject.method,
        "model": subject.model,
        "data": data,
        "sparsity": subject.sparsity if subject.not_made is None else None,
        "target_sparsity": subject.target_sparsity,
        "seed": subject.seed,
    }
    rows = ({**about, **row} for outcome in outcomes.values() for row in _rows(outcome))
    return data_frame(SUBJECT | SCORES, rows)


def _rows(outcome: Outcome) -> Iterator[dict[str, Any]]:
    about = {"evaluator": outcome.evaluator, "status": outcome.status}
    if not outcome.scores:
        yield {**about, "reason": outcome.reason.code if outcome.reason is not None else None}
    for score in outcome.scores:
        yield {
            **about,
            "score": score.name,
            "at": score.at,
            "value": score.value,
            "unit": score.unit,
            "n": score.n,
            "ci_low": score.ci_low,
            "ci_high": score.ci_high,
            "higher_is_better": score.higher_is_better,
            "headline": score.headline,
            "reason": score.reason.code if score.reason is not None else None,
        }
