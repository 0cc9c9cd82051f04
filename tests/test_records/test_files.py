"""Records survive a file unchanged, and what is damaged or foreign is refused in one line."""

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

from sparserobust.errors import RecordError
from sparserobust.records import Run, SubjectRecord, load_run, remark

from .factory import kept, make_run, plain


@pytest.fixture
def run():
    return make_run()


def test_a_run_comes_back_as_it_was_saved(run, tmp_path):
    path = run.save(tmp_path / "new" / "a")
    assert path == tmp_path / "new" / "a" / "run.json"
    for back in (load_run(path), load_run(path.parent)):
        assert back == run
        assert back.id == run.id
        assert back.model_dump_json() == run.model_dump_json()
        arrays = back.outcomes["fgsm"].per_example
        original = run.outcomes["fgsm"].per_example
        for name in ("correct", "robust"):
            assert arrays[name].dtype == bool
            assert np.array_equal(arrays[name], original[name])
        np.testing.assert_allclose(arrays["distance"], original["distance"], rtol=1e-6)
        assert arrays["distance"][0] == 0
        assert arrays["distance"][2] == np.inf


def test_a_run_without_a_network_comes_back(run, tmp_path):
    why = remark("cannot-choose", weights=2, message="no score", layers=["a"])
    subject = run.subject.model_copy(update={"not_made": why, "weights_sha256": "", "layers": ()})
    path = run.model_copy(update={"subject": subject}).save(tmp_path)
    assert load_run(path).subject == subject


def test_the_file_is_strict_json(run, tmp_path):
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(run.save(tmp_path).read_text(), parse_constant=refuse)


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
        (b'{"kind": "sparserobust run"}', "has schema version None, expected 1 to 3"),
        (b'{"kind": "sparserobust run", "schema_version": 1}', "is damaged: .* as schema 1: .*subject"),
        (
            b'{"kind": "sparserobust run", "schema_version": 2}',
            "is damaged: .* as schema 2: .*subject",
        ),
        (
            b'{"kind": "sparserobust run", "schema_version": 3}',
            r"is damaged: subject: Field required \(\d+ problems\)",
        ),
        (b"[" * 100_000, "is not JSON|is not a record"),
    ],
)
def test_foreign_and_damaged_files_are_refused(tmp_path, content, text):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RecordError, match=text) as caught:
        load_run(tmp_path, accept_edited=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [0, 4, 2.0, "1", True, None])
def test_another_schema_version_is_refused_by_number(run, tmp_path, version):
    raw = plain(run) | {"schema_version": version}
    (tmp_path / "run.json").write_text(json.dumps(raw))
    with pytest.raises(
        RecordError,
        match=f"has schema version {version!r}, expected 1 to 3; read it with the sparserobust",
    ):
        load_run(tmp_path, accept_edited=True)


def test_cut_off_bits_are_refused_and_not_read_as_wrong_answers(run, tmp_path):
    raw = plain(run)
    raw["outcomes"]["fgsm"]["per_example"]["robust"]["bits"] = "AA=="  # 8 bits for 22
    (tmp_path / "run.json").write_text(json.dumps(raw))
    with pytest.raises(RecordError, match="is damaged: outcomes.fgsm.per_example.robust"):
        load_run(tmp_path, accept_edited=True)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The path of every node of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in inner for p in places(item, (*path, key)))]


RAW = {
    "2": plain(make_run()),
    **{f"1, {name}": kept(f"v1/{name}") for name in ("cut", "third-party", "masked", "cannot-choose")},
}
PLACES = [(name, place) for name, raw in RAW.items() for place in places(raw)[1:]]
JUNK = st.sampled_from(
    [
        None,
        10**400,
        1e308,
        "x",
        "",
        -1,
        2.5,
        True,
        [],
        {},
        ["x"],
        [None],
        {"shape": [2]},
        {"shape": [], "values": [1.0]},
        {"bits": "!!"},
        {"shape": None, "bits": "AA=="},
        {"code": "said"},
    ]
)


@settings(max_examples=400)
@given(place=st.sampled_from(PLACES), junk=JUNK, remove=st.booleans())
def test_whatever_is_damaged_the_file_loads_or_is_refused(tmp_path_factory, place, junk, remove):
    """Any node of the file replaced or removed: a Run or a RecordError of one line, nothing else."""
    name, path = place
    raw = copy.deepcopy(RAW[name])
    parent = raw
    for key in path[:-1]:
        parent = parent[key]
    if remove and isinstance(parent, dict):
        del parent[path[-1]]
    else:
        parent[path[-1]] = junk
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_text(json.dumps(raw))
    try:
        loaded: Run | str = load_run(file, accept_edited=True)
    except RecordError as error:
        loaded = str(error)
    assert isinstance(loaded, Run) or "\n" not in loaded


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

    monkeypatch.setattr(os, "fdopen", interrupted)
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
