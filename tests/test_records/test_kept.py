"""Records that this version saved load as what they are, and are saved again byte for byte; those of version 2 too."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.errors import RecordError
from sparserobust.records import SCHEMA_VERSION, AttackFacts, SubjectRecord, load_run, remark, said
from sparserobust.records.migrations import migrated_subject

from .factory import KEPT, kept, make_run

FILES = sorted((KEPT / "v3").glob("*.json"))


def of(name: str):
    return load_run(KEPT / "v3" / f"{name}.json")


def test_there_are_kept_records_of_every_version():
    found = {folder.name: [*folder.glob("*.json")] for folder in KEPT.iterdir()}
    assert found.keys() == {f"v{version}" for version in range(1, SCHEMA_VERSION + 1)}
    assert all(found.values())
    for version, files in found.items():
        assert {kept(f"{version}/{file.stem}")["schema_version"] for file in files} == {int(version[1:])}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_record_that_is_saved_again_has_the_same_bytes(file, tmp_path):
    assert load_run(file).save(tmp_path).read_bytes() == file.read_bytes()


def test_a_measured_record():
    run, made = of("measured"), make_run()
    made = made.model_copy(update={"subject": made.subject.model_copy(update={"normalization": None})})
    assert run == made  # which is of before there were constants
    assert (run.integrity, run.id) == ("measured", made.id)
    fgsm = run.outcomes["fgsm"]
    assert fgsm.attack == AttackFacts(
        norm="linf", goal="fixed-budget", access="white-box", needs_gradient=True, headline=0.2
    )
    assert fgsm.score("attack_success_rate").value == 0.5
    assert fgsm.verdict == remark("not-audited")
    assert fgsm.warnings == (remark("no-gradient", images=2, of=11),)
    assert np.flatnonzero(fgsm.per_example["robust"][1]).tolist() == [3]
    assert fgsm.per_example["distance"][1:4].tolist() == [0.1234568, np.inf, 1e-12]
    assert run.outcomes["gradient-masking"].audit.state == "upper-bound"
    assert run.subject.changed[0].words == "EPL"


def test_an_edited_and_an_unverified_record():
    assert of("edited").integrity == "edited"
    assert of("edited").data.majority_share == 0.3
    run = of("unverified")
    assert run.integrity == "unverified"
    assert run.outcomes["blend"].attack.goal == "minimum-distance"
    assert run.outcomes["choosy"].reason == said("only on Tuesdays")


def test_a_network_that_was_not_made_and_a_training_that_diverged():
    why = of("cannot-choose").subject.not_made
    assert (why.code, why.facts["weights"]) == ("cannot-choose", 25100)
    run = of("diverged")
    assert (run.history.status, len(run.history.epochs), run.subject.training) == ("diverged", 2, "recorded")


@pytest.mark.parametrize("file", sorted((KEPT / "v2").glob("*.json")), ids=lambda file: file.stem)
def test_a_record_of_version_2_is_the_same_but_for_what_is_outside(file):
    now, of_today = load_run(file).subject, of(file.stem).subject
    of_weights = {"exclude": (), "outside": None, "outside_parameters": None}
    whole = tuple(layer.model_copy(update={"parts": ()}) for layer in of_today.layers)
    assert now == of_today.model_copy(update=of_weights | {"layers": whole})
    assert load_run(file).model_copy(update={"subject": of_today}) == of(file.stem)


def test_what_version_2_said_of_the_mask_is_not_taken_for_a_share_of_weights():
    """Where it left nothing out, nothing is outside; of anything else it did not say whether it is a weight."""
    raw = kept("v2/measured")["subject"]
    assert raw["outside"] == 0.25
    for old, outside, parameters in ((0.25, None, None), (0.0, 0.0, ()), (None, None, None)):
        now = SubjectRecord.model_validate(migrated_subject(raw | {"outside": old}, version=2))
        assert (now.outside, now.outside_parameters) == (outside, parameters)


def test_an_edited_record_of_version_2_is_refused(tmp_path):
    text = (KEPT / "v2" / "measured.json").read_text("utf-8")
    (tmp_path / "run.json").write_text(
        text.replace('"kept":2', '"kept":3').replace('"rescued":1', '"rescued":0')
    )
    with pytest.raises(RecordError, match="was edited after writing"):
        load_run(tmp_path)
