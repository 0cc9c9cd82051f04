"""Records of version 1 load as records of version 2, with all their numbers and without their sentences."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from sparserobust.records import (
    DIFFERENCE,
    SCHEMA_VERSION,
    ChosenBecause,
    Run,
    load_run,
)
from sparserobust.records.migrations import migrated

from .factory import KEPT, kept

REPORTS = Path(__file__).parents[2] / "reports"
COMMITTED = sorted(REPORTS.glob("*/*/run.json"))
KEPT_1 = sorted((KEPT / "v1").glob("*.json"))
DIFFERENCES = ("overfitting_gap", "masking_gap", "attack_slack", "residual_gap", "transfer_gap")


def holds(now: object, before: object) -> bool:
    """Whether everything that was there still is; what has been added to records since may be there too."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(key in now and holds(now[key], value) for key, value in before.items())
    if isinstance(before, list) and isinstance(now, list):
        return len(now) == len(before) and all(map(holds, now, before))
    return now == before


def bits(raw: dict) -> dict:
    """A JSON array per example as it was in version 1."""
    return (
        raw if "bits" in raw else raw | {"values": [None if v is None else float(v) for v in raw["values"]]}
    )


def assert_loses_nothing(file: Path) -> None:
    raw, run = json.loads(file.read_text("utf-8")), load_run(file)
    now = json.loads(run.model_dump_json())
    assert (now["schema_version"], now["integrity"]) == (SCHEMA_VERSION, "unverified")
    for key in ("seed", "environment", "passes", "dense"):
        assert now[key] == raw[key]
    assert (run.history is None) == (raw["history"] is None)
    if run.history is not None:
        said = {"chosen_because": now["history"]["chosen_because"]}
        assert holds(now["history"], raw["history"] | said)
        assert said["chosen_because"] in get_args(ChosenBecause)
    for key in raw["subject"].keys() - {"warnings", "not_made"}:
        assert holds(now["subject"][key], raw["subject"][key])
    assert len(now["subject"]["warnings"]) == len(raw["subject"]["warnings"])
    for key in raw["data"]:
        assert now["data"][key] == raw["data"][key]
    assert now["outcomes"].keys() == raw["outcomes"].keys()
    for name, before in raw["outcomes"].items():
        after = now["outcomes"][name]
        for key in ("evaluator", "status", "axis", "pictures", "settings", "source", "passes", "seconds"):
            assert after[key] == before[key]
        assert after["per_example"] == {key: bits(value) for key, value in before["per_example"].items()}
        for key, table in before["tables"].items():
            if key != "probes":
                assert after["tables"][key] == table
        assert (after["reason"] is None) == (before["reason"] is None)
        assert (after["verdict"] is None) == (before["verdict"] is None)
        assert len(after["scores"]) == len(before["scores"])
        for one, two in zip(before["scores"], after["scores"], strict=True):
            for key in ("name", "value", "at", "n", "higher_is_better", "headline"):
                assert one[key] == two[key]
            for end in ("ci_low", "ci_high"):
                assert (one[end] is None) == (two[end] is None)
                if one[end] is not None and one[end] != two[end]:
                    assert two[end] in (-1, 0, 1, one["value"])


@pytest.mark.parametrize("file", KEPT_1, ids=lambda file: file.stem)
def test_a_kept_record_loses_no_number_and_is_the_same_when_saved_again(file, tmp_path):
    assert_loses_nothing(file)
    run = load_run(file)
    assert load_run(run.save(tmp_path)) == run


@pytest.mark.skipif(not COMMITTED, reason="the reports are not here")
@pytest.mark.parametrize("step", [60, pytest.param(1, marks=pytest.mark.slow)])
def test_every_committed_record_loads_and_loses_no_number(step):
    older = [file for file in COMMITTED if json.loads(file.read_text("utf-8"))["schema_version"] == 1]
    assert len(older) > 250
    for file in older[::step]:
        assert_loses_nothing(file)


@pytest.mark.skipif(not COMMITTED, reason="the reports are not here")
def test_no_sentence_of_a_committed_record_is_left_in_words():
    for file in COMMITTED:
        run = load_run(file)
        remarks = [*run.subject.warnings, run.subject.not_made]
        for outcome in run.outcomes.values():
            remarks += [outcome.reason, outcome.verdict, *outcome.warnings]
            remarks += [score.reason for score in outcome.scores]
        assert "said" not in {one.code for one in remarks if one is not None}, file
        assert all(outcome.title and outcome.measures for outcome in run.outcomes.values())


def test_what_is_given_is_not_changed():
    raw = kept("v1/warnings")
    before = copy.deepcopy(raw)
    migrated(raw)
    migrated(raw)
    assert raw == before


def test_all_evaluators_promise_what_they_measured_in_the_same_units():
    for file in KEPT_1:
        for name, outcome in load_run(file).outcomes.items():
            promised = {spec.name: spec for spec in outcome.measures}
            for score in outcome.scores:
                assert promised[score.name].unit == score.unit, (file, name, score.name)
                assert (score.unit == DIFFERENCE) == (score.name in (*DIFFERENCES, "temperature_gap"))


def test_intervals_are_clipped_and_widened():
    raw = kept("v1/everything")
    scores = raw["outcomes"]["accuracy"]["scores"]
    scores[0] |= {"value": 0.5, "ci_low": -0.25, "ci_high": 1.5}
    scores[1] |= {"value": 0.5, "ci_low": np.nextafter(0.5, 1), "ci_high": 0.75}
    top1, top5 = Run.model_validate(migrated(raw)).outcomes["accuracy"].scores[:2]
    assert (top1.ci_low, top1.ci_high) == (0, 1)
    assert (top5.ci_low, top5.ci_high) == (0.5, 0.75)
