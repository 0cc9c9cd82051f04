"""A run as a data frame: one row per score, every evaluator in it, and what is not known missing."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from sparserobust.errors import ConfigError
from sparserobust.records import remark

from ..test_report.factory import accuracy, attacked, failed, first, not_made, run, skipped, storage
from .factory import make_run

SUBJECT = ["label", "method", "sparsity", "target_sparsity", "seed"]


def test_every_score_is_a_row_with_the_numbers_of_the_record():
    one = run("snip", 0.9, *attacked(180, 80), storage(0.9, 0.1), seed=3)
    frame = one.to_frame()
    scores = [(name, score) for name, outcome in one.outcomes.items() for score in outcome.scores]
    assert len(frame) == len(scores)
    for (_, row), (name, score) in zip(frame.iterrows(), scores, strict=True):
        assert (row.evaluator, row.score, row["at"]) == (name, score.name, score.at)
        assert (row.value, row.unit, row.headline, row.status) == (
            score.value,
            score.unit,
            score.headline,
            "ok",
        )
        for column in ("n", "ci_low", "ci_high", "higher_is_better"):
            value = getattr(score, column)
            assert pd.isna(row[column]) if value is None else row[column] == value


def test_the_first_columns_say_which_network_it_is():
    frame = make_run().to_frame()
    assert list(frame.columns[:5]) == SUBJECT
    assert frame[SUBJECT].drop_duplicates().values.tolist() == [
        ["snip[allocation=epl] 0.8", "snip", 0.8, 0.8, 4]
    ]


def test_skipped_and_failed_evaluators_have_a_row_without_a_value_and_the_codes_of_their_reasons():
    frame = run(
        "snip", 0.9, accuracy(first(180)), skipped("transfer", remark("no-other")), failed("pgd", "it broke")
    ).to_frame()
    rows = frame[frame.status != "ok"].set_index("evaluator")
    assert rows.status.to_dict() == {"transfer": "skipped", "pgd": "failed"}
    assert rows.reason.to_dict() == {"transfer": "no-other", "pgd": "said"}
    assert rows[["score", "at", "value", "n", "ci_low", "ci_high", "headline"]].isna().all(axis=None)


def test_a_score_without_a_value_is_missing_and_says_why():
    frame = make_run().to_frame()
    row = frame[frame.score == "median_l2"].iloc[0]
    assert pd.isna(row.value)
    assert (row.status, row.reason) == ("ok", "not-found")


def test_a_network_that_was_not_made_has_no_realised_sparsity():
    frame = not_made(run("grasp", 0.9, accuracy(first(180)))).to_frame()
    assert frame.sparsity.isna().all()
    assert (frame.target_sparsity == 0.9).all()
    assert frame.value.isna().all()


def test_frames_of_several_runs_are_concatenated_as_they_are():
    """One has every value and one has none, which pandas otherwise warns of and types anew."""
    runs = [
        run("dense", 0.0, *attacked(190, 100)),
        not_made(run("grasp", 0.9, accuracy(first(180)))),
        run(None, 0.9, failed("pgd", "it broke"), label="mine"),
    ]
    frame = pd.concat([one.to_frame() for one in runs], ignore_index=True)
    assert len(frame) == sum(len(one.to_frame()) for one in runs)
    assert (frame.dtypes == runs[0].to_frame().dtypes).all()
    robust = frame[(frame.score == "robust_accuracy") & (frame["at"] == 0.1)]
    assert robust.value.tolist() == [0.5]


def test_a_run_without_outcomes_is_a_frame_without_rows():
    frame = run("snip", 0.9).to_frame()
    assert len(frame) == 0
    assert (frame.dtypes == make_run().to_frame().dtypes).all()


def test_without_pandas_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError) as caught:
        make_run().to_frame()
    assert str(caught.value) == (
        "a data frame needs pandas, which is not installed; pip install 'sparserobust[frames]'"
    )
