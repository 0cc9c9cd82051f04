"""A record that is not what was written is refused, or says for good that it was edited."""

from __future__ import annotations

import json

import pytest

from sparserobust.errors import RecordError
from sparserobust.records import load_run

from .factory import KEPT, make_run


@pytest.fixture
def saved(tmp_path):
    return make_run().save(tmp_path)


def edit(path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_measured_record_carries_the_sha256_of_its_content(saved):
    assert len(json.loads(saved.read_text())["content_sha256"]) == 64
    assert load_run(saved).integrity == "measured"


def test_one_edited_digit_is_refused(saved):
    edit(saved, '"majority_share":0.2', '"majority_share":0.3')
    with pytest.raises(RecordError, match="was edited after writing: .* accept it with --accept-edited"):
        load_run(saved)


def test_an_accepted_edit_stays_known_when_it_is_saved_again(saved, tmp_path):
    edit(saved, '"majority_share":0.2', '"majority_share":0.3')
    run = load_run(saved, accept_edited=True)
    assert run.integrity == "edited"
    assert run.data.majority_share == 0.3
    again = load_run(run.save(tmp_path / "again"))
    assert again == run
    assert again.integrity == "edited"


def test_an_edited_record_cannot_call_itself_measured(saved, tmp_path):
    edit(saved, '"majority_share":0.2', '"majority_share":0.3')
    path = load_run(saved, accept_edited=True).save(tmp_path / "again")
    edit(path, '"integrity":"edited"', '"integrity":"measured"')
    with pytest.raises(RecordError, match="was edited"):
        load_run(path)
    assert load_run(path, accept_edited=True).integrity == "edited"


@pytest.mark.parametrize("seal", ["0" * 64, "", None, 3])
def test_another_sha256_or_none_is_refused(saved, seal):
    raw = json.loads(saved.read_text())
    saved.write_text(json.dumps(raw | {"content_sha256": seal}))
    with pytest.raises(RecordError, match="was edited after writing|has no sha256"):
        load_run(saved)
    del raw["content_sha256"]
    saved.write_text(json.dumps(raw))
    with pytest.raises(RecordError, match="has no sha256; measure again"):
        load_run(saved)
    assert load_run(saved, accept_edited=True).integrity == "edited"


def test_another_layout_of_the_same_content_is_no_edit(saved):
    raw = json.loads(saved.read_text())
    saved.write_text(json.dumps(dict(reversed(raw.items())), indent=2))
    assert load_run(saved) == make_run()


def test_a_record_of_version_1_is_unverified_and_stays_so(tmp_path):
    run = load_run(KEPT / "v1" / "diverged.json")
    assert run.integrity == "unverified"
    again = load_run(run.save(tmp_path))
    assert again == run
    assert again.integrity == "unverified"


def test_a_record_cannot_pass_for_one_of_version_1(saved):
    raw = json.loads(saved.read_text())
    saved.write_text(json.dumps(raw | {"schema_version": 1}))
    with pytest.raises(RecordError, match="is damaged"):
        load_run(saved)
