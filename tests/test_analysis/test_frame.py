"""The rows of a comparison as a data frame: the numbers of the report's main table, and nothing made up."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from sparserobust.analysis import Findings, analyse
from sparserobust.errors import ConfigError
from sparserobust.report.table.cells import Cell
from sparserobust.report.table.rows import Row, main_table
from sparserobust.report.text.numbers import DASH, count, fixed, kib, percent, points, realised

from ..test_report.factorial import factorial
from ..test_report.factory import accuracy, attacked, first, flops, history, not_made, run, storage

DENSE = run("dense", 0.0, *attacked(190, 100), storage(0.0, 1.0, 40960.0), flops(1192960.0))
SNIP = run("snip", 0.9, *attacked(180, 80), storage(0.9, 0.1, 5000.0), flops(119296.0))


def table_rows(found: Findings) -> list[Row]:
    """Those of the report's main table by their place in the line-up."""
    rows = [row for section in main_table(found).sections for row in section.rows]
    return sorted(rows, key=lambda row: int(row.anchor.removeprefix("row-")))


def shows(cell: Cell, value: float, written) -> bool:
    """Whether a cell of the table shows this value, or none where there is none."""
    return cell.text in ("", DASH) if pd.isna(value) else cell.text == written(value)


def agree(found: Findings) -> None:
    frame, rows = found.to_frame(), table_rows(found)
    assert len(frame) == len(rows) == len(found.lineup.groups)
    attacked_at_all = found.lineup.robustness is not None
    for own, row in zip(frame.itertuples(), rows, strict=True):
        assert row.sparsity == ("" if pd.isna(own.sparsity) else realised(own.sparsity))
        assert own.dense == row.dense
        assert shows(row.clean, own.clean_accuracy, percent)
        value, difference = (
            (own.robust_accuracy, own.robust_difference)
            if attacked_at_all
            else (own.clean_accuracy, own.clean_difference)
        )
        assert shows(row.primary, value, percent)
        assert shows(row.difference, difference, points)
        assert shows(row.distance, own.median_l2, lambda value: fixed(value, 2))
        assert shows(row.stored, own.stored_bytes, kib)
        assert shows(row.macs, own.executed_macs, count)


@pytest.mark.parametrize(
    "runs",
    [
        None,
        [DENSE, SNIP],
        [SNIP],
        [run("dense", 0.0, accuracy(first(190))), run("snip", 0.9, accuracy(first(150)))],
        [DENSE, run("snip", 0.9, *attacked(15, 5)), not_made(run("grasp", 0.9, *attacked(180, 80)))],
        [DENSE, run("snip", 0.9, *attacked(180, 80), training="none")],
    ],
    ids=["factorial", "two", "no-dense", "no-attack", "collapsed-and-not-made", "untrained"],
)
def test_every_number_is_that_of_the_main_table(runs):
    agree(analyse(runs or factorial()))


def test_every_number_is_the_estimate_to_the_last_digit_with_its_interval():
    found = analyse(factorial())
    for place, own in enumerate(found.to_frame().to_dict("records")):
        for name, estimate in (
            ("clean_accuracy", found.clean.values[place]),
            ("robust_accuracy", found.primary.values[place]),
            ("clean_difference", found.clean.differences.get(place)),
            ("robust_difference", found.primary.differences.get(place)),
        ):
            value, low, high = (estimate.value, estimate.low, estimate.high) if estimate else [None] * 3
            for column, expected in ((name, value), (f"{name}_low", low), (f"{name}_high", high)):
                assert pd.isna(own[column]) if expected is None else own[column] == expected
        assert own["trust"] == found.trust[place].state


def test_a_row_says_what_it_is_and_what_its_numbers_mean():
    frame = analyse([DENSE, SNIP]).to_frame()
    own = frame.iloc[1]
    assert (own.label, own.method, own.title, own.model, own.data) == (
        "snip 0.9",
        "snip",
        "SNIP",
        "mlp5",
        "digits",
    )
    assert (own.sparsity, own.target_sparsity, own.seeds, own.networks) == (pytest.approx(0.9), 0.9, 1, 1)
    assert (own.clean_accuracy, own.robust_accuracy) == (0.9, 0.4)
    assert (own.attacks, own.norm, own.eps) == ("fgsm", "linf", 0.1)
    assert own.robust_difference == pytest.approx(-0.1)
    assert (own.robust_difference_result, own.trust) == ("lower", "no-red-flag")
    assert own.robust_difference_low < -0.1 < own.robust_difference_high < 0
    assert (own.stored_bytes, own.dense_macs, own.executed_macs) == (5000, 1192960, 119296)


def test_the_reference_has_no_difference_to_itself():
    frame = analyse([DENSE, SNIP]).to_frame()
    assert frame.dense.tolist() == [True, False]
    differences = [column for column in frame.columns if "difference" in column]
    assert frame.loc[0, differences].isna().all()
    assert frame.loc[1, differences].notna().all()


def test_what_was_not_measured_is_missing_and_never_0():
    frame = analyse([run("snip", 0.9, accuracy(first(180)))]).to_frame()
    missing = {column for column in frame.columns if frame[column].isna().all()}
    assert missing >= {
        "robust_accuracy", "robust_accuracy_low", "attacks", "norm", "eps", "robust_difference",
        "robust_difference_result", "clean_difference", "median_l2", "stored_bytes", "dense_bytes", "executed_macs",
        "dense_macs",
    }  # fmt: skip
    assert frame.clean_accuracy.tolist() == [0.9]


def test_a_collapsed_row_has_no_robustness_and_a_row_without_a_network_no_sparsity():
    runs = [DENSE, run("snip", 0.9, *attacked(15, 5)), not_made(run("grasp", 0.9, *attacked(180, 80)))]
    frame = analyse(runs).to_frame().set_index("method")
    assert frame.trust.to_dict() == {"dense": "no-red-flag", "snip": "collapsed", "grasp": "cannot-choose"}
    assert frame.loc[["snip", "grasp"], ["robust_accuracy", "robust_difference"]].isna().all(axis=None)
    assert frame.loc["snip", "clean_accuracy"] == pytest.approx(0.075)
    assert pd.isna(frame.loc["grasp", "sparsity"])
    assert (frame.loc["grasp", "seeds"], frame.loc["grasp", "networks"]) == (1, 0)


def test_seeds_are_one_row_and_what_was_changed_or_differs_is_said_by_name():
    changed = {"allocation": "epl", "offset": "frozen"}
    runs = [run("snip", 0.9, *attacked(180, 80), seed=seed, changed=changed) for seed in range(3)]
    runs += [run("grasp", 0.9, accuracy(first(170)), trained=history(name)) for name in ("digits", "snip-it")]
    frame = analyse(runs).to_frame().set_index("method")
    assert frame.loc["snip", ["changed", "tag", "seeds"]].tolist() == ["allocation=epl,offset=frozen", "", 3]
    assert frame.loc["grasp", "tag"].tolist() == ["recipe=digits", "recipe=snip-it"]


def test_frames_of_several_comparisons_are_concatenated_as_they_are():
    frames = [analyse([DENSE, SNIP]).to_frame(), analyse([run("snip", 0.9)]).to_frame()]
    frame = pd.concat(frames, ignore_index=True)
    assert (frame.dtypes == frames[0].dtypes).all()
    assert frame.robust_accuracy.notna().tolist() == [True, True, False]


def test_without_pandas_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"needs pandas.*; pip install 'sparserobust\[frames\]'$"):
        analyse([DENSE]).to_frame()
