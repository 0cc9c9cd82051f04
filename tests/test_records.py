"""Records survive a file unchanged, and what is damaged, foreign or impossible is refused."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sparserobust import load_run
from sparserobust.errors import RecordError
from sparserobust.records import (
    DataRecord,
    Environment,
    EpochRecord,
    History,
    LayerRecord,
    Outcome,
    Picture,
    Run,
    Score,
    SubjectRecord,
    Table,
)
from sparserobust.records import run as run_module


def make_run() -> Run:
    robust = np.zeros((2, 11), dtype=bool)
    robust[0, ::2] = robust[1, 3] = True
    outcome = Outcome(
        evaluator="fgsm",
        status="ok",
        scores=(
            Score(name="robust_accuracy", value=0.3, at=0.1, n=11, ci_low=0.1, ci_high=0.5, headline=True),
            Score(name="robust_accuracy", value=1 / 3, at=0.2, n=11),
            Score(name="median_l2", value=None, reason="not found: 6 of 11"),
        ),
        per_example={
            "correct": np.arange(11) % 3 == 0,
            "robust": robust,
            "distance": np.array([0.0, 0.123456789, np.inf, 1e-12, 3.0]),
            "nothing": np.zeros(0, dtype=bool),
        },
        axis=(0.1, 0.2),
        tables={"layers": Table(columns=("layer", "kept", "note"), rows=(("a", 3.0, None), ("b", 0.5, "x")))},
        pictures=(Picture(role="clean", index=0, caption="3", png="aGk="),),
        settings={"eps": [0.1, 0.2], "backend": "native", "nested": {"a": None}},
        passes={"forward": 22},
        seconds=0.25,
    )
    epoch = EpochRecord(
        epoch=1, loss=1.5, train_accuracy=0.5, val_accuracy=None, learning_rate=0.1, sparsity=(0.5,),
        gradient_mean=1e-9, gradient_std=0.0, gradient_unmasked_mean=1.0, gradient_unmasked_std=0.1, seconds=0.1,
    )  # fmt: skip
    history = History(
        recipe="r", settings={"lr": 0.1}, seed=0, data="digits", layers=("a",), epochs=(epoch,), chosen_epoch=1,
        chosen_because="last", status="completed", steps=3, examples=11, batch_size=4, device="cpu", threads=1,
    )  # fmt: skip
    return Run(
        subject=SubjectRecord(
            label="snip 0.9", model="mlp5", parameters=10, method="snip", sparsity=0.9, kept=1, prunable=10,
            layers=(LayerRecord(name="a", shape=(5, 2), numel=10, kept=1),), weights_sha256="ab",
        ),
        data=DataRecord(
            name="digits", split="test", n=11, num_classes=10, input_shape=(1, 8, 8), majority_share=0.2, sha256="cd"
        ),
        seed=0,
        outcomes={
            "fgsm": outcome,
            "storage": Outcome(evaluator="storage", status="skipped", reason="no weights"),
            "flops": Outcome(evaluator="flops", status="failed", reason="RuntimeError: x"),
        },
        history=history,
        environment=Environment(
            sparserobust="0", python="3", packages={"torch": "2"}, device="cpu", device_name="x", threads=1,
            batch_size=256, created="2020-01-01", seconds=1.0,
        ),
        passes={"forward": 11},
    )  # fmt: skip


@pytest.fixture
def run() -> Run:
    return make_run()


def plain(run: Run) -> dict:
    return json.loads(run.model_dump_json())


def test_a_run_comes_back_as_it_was_saved(run, tmp_path):
    path = run.save(tmp_path / "new" / "a")
    assert path == tmp_path / "new" / "a" / "run.json"
    for back in (load_run(path), load_run(path.parent)):
        assert back == run
        assert back.id == run.id
        assert back.model_dump_json() == run.model_dump_json()
        arrays = back.outcomes["fgsm"].per_example
        original = run.outcomes["fgsm"].per_example
        for name in ("correct", "robust", "nothing"):
            assert arrays[name].dtype == bool
            assert np.array_equal(arrays[name], original[name])
        np.testing.assert_allclose(arrays["distance"], original["distance"], rtol=1e-6)
        assert arrays["distance"][0] == 0
        assert arrays["distance"][2] == np.inf
        assert back.outcomes["fgsm"].tables["layers"].column("kept") == [3.0, 0.5]


@given(bits=st.lists(st.booleans(), max_size=70), rows=st.integers(1, 3))
def test_bits_of_any_length_and_shape_come_back(bits, rows):
    array = np.array(bits * rows, dtype=bool).reshape(rows, len(bits))
    outcome = Outcome(evaluator="x", status="ok", per_example={"correct": array})
    back = Outcome.model_validate_json(outcome.model_dump_json()).per_example["correct"]
    assert back.dtype == bool
    assert np.array_equal(back, array)


def test_a_thousand_bits_take_less_than_two_hundred_bytes():
    outcome = Outcome(evaluator="x", status="ok", per_example={"correct": np.ones(1000, dtype=bool)})
    assert len(json.dumps(plain_outcome(outcome)["per_example"])) < 250


def plain_outcome(outcome: Outcome) -> dict:
    return json.loads(outcome.model_dump_json())


def test_the_file_is_strict_json(run, tmp_path):
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(run.save(tmp_path).read_text(), parse_constant=refuse)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_scores_that_are_not_finite_are_refused(value):
    with pytest.raises(ValidationError, match="finite number"):
        Score(name="nll", value=value)
    with pytest.raises(ValidationError, match="finite number"):
        Table(columns=("a",), rows=((value,),))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_settings_that_are_not_finite_never_become_broken_json(run, value, tmp_path):
    """JSON has no NaN: refused when the record is made, or written as something that reads back."""
    try:
        changed = run.model_copy(
            update={
                "subject": SubjectRecord.model_validate(run.subject.model_dump() | {"params": {"x": value}})
            }
        )
    except ValidationError:
        return
    text = changed.save(tmp_path).read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert load_run(tmp_path) == changed


def test_nan_per_example_is_refused():
    with pytest.raises(ValidationError, match="must not be NaN; use infinity for 'not found'"):
        Outcome(evaluator="x", status="ok", per_example={"distance": np.array([1.0, np.nan])})


def test_a_score_without_a_value_needs_a_reason():
    with pytest.raises(ValidationError, match="score 'nll' has no value; say the reason"):
        Score(name="nll", value=None)
    assert Score(name="nll", value=None, reason="undefined").value is None


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_an_outcome_that_is_not_ok_needs_a_reason(status):
    with pytest.raises(ValidationError, match=f"outcome of 'x' is {status}; say the reason"):
        Outcome(evaluator="x", status=status)


def test_records_are_frozen_and_refuse_unknown_fields(run):
    with pytest.raises(ValidationError, match="frozen"):
        run.seed = 3
    with pytest.raises(ValidationError, match="Extra inputs"):
        Score(name="a", value=1, colour="red")


def test_records_compare_by_value(run):
    assert run == make_run()
    assert hash(run) == hash(make_run())
    assert run != run.model_copy(update={"seed": 1})
    assert Score(name="a", value=1) != "a"


def test_the_id_names_weights_label_seed_and_data(run):
    changed = [
        run.model_copy(update={"subject": run.subject.model_copy(update={key: value})})
        for key, value in (("weights_sha256", "x"), ("label", "x"), ("seed", 9))
    ]
    changed.append(run.model_copy(update={"data": run.data.model_copy(update={"sha256": "x"})}))
    assert len({run.id, *(r.id for r in changed)}) == 5
    assert run.model_copy(update={"seed": 3}).id == run.id


# -- looking up scores ------------------------------------------------------------------------------------


def test_scores_are_looked_up_by_name_and_point(run):
    outcome = run.outcomes["fgsm"]
    assert outcome.score("robust_accuracy").at == 0.1
    assert outcome.score("robust_accuracy", at=0.2).value == 1 / 3
    assert outcome.score("robust_accuracy", at=0.1 + 0.1).value == 1 / 3
    assert [s.at for s in outcome.curve("robust_accuracy")] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("name", "at", "text"),
    [
        (
            "robust_acuracy",
            None,
            r"outcome of 'fgsm' \(ok\) has no score 'robust_acuracy'; did you mean 'robust_accuracy'\?",
        ),
        ("zzz", None, r"has no score 'zzz'; it has robust_accuracy, median_l2"),
        ("robust_accuracy", 0.3, r"score 'robust_accuracy' was not measured at 0.3; it was at 0.1, 0.2"),
    ],
)
def test_a_score_that_is_not_there_is_named(run, name, at, text):
    with pytest.raises(RecordError, match=text):
        run.outcomes["fgsm"].score(name, at=at)


def test_a_skipped_outcome_says_so_when_asked_for_a_score(run):
    with pytest.raises(
        RecordError,
        match=r"outcome of 'storage' \(skipped, because no weights\) has no score 'x'; it has no scores",
    ):
        run.outcomes["storage"].score("x")


# -- files that are not what they should be ---------------------------------------------------------------


def test_an_unreadable_path_is_refused(tmp_path):
    with pytest.raises(
        RecordError, match=r"run.json cannot be read \(No such file or directory\); name a run.json"
    ):
        load_run(tmp_path)
    with pytest.raises(RecordError, match="cannot be read"):
        load_run(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON .* it may be damaged"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[1, 2]", "is not a record of this library"),
        (b"3", "is not a record of this library"),
        (b'{"a": 1}', "is not a record of this library"),
        (b'{"kind": "something else", "schema_version": 1}', "is not a record of this library"),
        (b'{"kind": "sparserobust run"}', "has schema version None, expected 1"),
        (
            b'{"kind": "sparserobust run", "schema_version": 1}',
            r"is damaged: subject: Field required \(\d+ problems\)",
        ),
        (b"[" * 100_000, "is not JSON|is not a record"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, content, text):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RecordError, match=text) as caught:
        load_run(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_schema_version_is_refused_by_number(run, tmp_path, version):
    raw = plain(run) | {"schema_version": version}
    (tmp_path / "run.json").write_text(json.dumps(raw))
    with pytest.raises(
        RecordError, match=f"has schema version {version!r}, expected 1; read it with the sparserobust"
    ):
        load_run(tmp_path)


def test_cut_off_bits_are_refused_and_not_read_as_wrong_answers(run, tmp_path):
    raw = plain(run)
    raw["outcomes"]["fgsm"]["per_example"]["robust"]["bits"] = "AA=="  # 8 bits for 22
    (tmp_path / "run.json").write_text(json.dumps(raw))
    with pytest.raises(RecordError, match="is damaged"):
        load_run(tmp_path)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The path of every node of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


RAW = plain(make_run())
PLACES = places(RAW)[1:]
JUNK = st.sampled_from(
    [
        None,
        10**400,
        "x",
        -1,
        2.5,
        True,
        [],
        {},
        ["x"],
        [None],
        {"shape": [2]},
        {"bits": "!!"},
        {"shape": None, "bits": "AA=="},
    ]
)


@settings(max_examples=200)
@given(place=st.sampled_from(PLACES), junk=JUNK, remove=st.booleans())
def test_whatever_is_damaged_the_file_loads_or_is_refused(tmp_path_factory, place, junk, remove):
    """Any node of the file replaced or removed: a Run or a RecordError of one line, nothing else."""
    raw = copy.deepcopy(RAW)
    parent = raw
    for key in place[:-1]:
        parent = parent[key]
    if remove and isinstance(parent, dict):
        del parent[place[-1]]
    else:
        parent[place[-1]] = junk
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_text(json.dumps(raw))
    try:
        loaded: Run | str = load_run(file)
    except RecordError as error:
        loaded = str(error)
    assert isinstance(loaded, Run) or "\n" not in loaded


def test_a_run_without_a_network_comes_back_and_files_from_before_there_were_any_still_load(run, tmp_path):
    subject = run.subject.model_copy(
        update={"not_made": "cannot choose 1 weight: no score", "weights_sha256": ""}
    )
    path = run.model_copy(update={"subject": subject}).save(tmp_path)
    assert load_run(path).subject == subject
    raw = json.loads(path.read_text())
    del raw["subject"]["not_made"]
    path.write_text(json.dumps(raw))
    assert load_run(path).subject.not_made is None


# -- atomic writing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["replace", "chmod"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(run, tmp_path, monkeypatch, failing):
    old = run.save(tmp_path).read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Path, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        run.model_copy(update={"seed": 9}).save(tmp_path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_bytes() == old


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(run, tmp_path, monkeypatch):
    old = run.save(tmp_path).read_bytes()
    real = os.fdopen

    def interrupted(handle, mode):
        file = real(handle, mode)
        file.write(b'{"kind": "spar')
        file.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module.os, "fdopen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.model_copy(update={"seed": 9}).save(tmp_path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]
    assert load_run(tmp_path).seed == 0
    assert (tmp_path / "run.json").read_bytes() == old


def test_a_saved_file_has_the_usual_permissions(run, tmp_path):
    usual = tmp_path / "usual"
    usual.write_text("")
    assert run.save(tmp_path).stat().st_mode == usual.stat().st_mode
