"""Records that version 2 saved load as what they are, and are saved again byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.records import SCHEMA_VERSION, AttackFacts, load_run, remark, said

from .factory import KEPT, kept, make_run

FILES = sorted((KEPT / "v2").glob("*.json"))


def of(name: str):
    return load_run(KEPT / "v2" / f"{name}.json")


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
    run = of("measured")
    assert run == make_run()
    assert (run.integrity, run.id) == ("measured", make_run().id)
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
