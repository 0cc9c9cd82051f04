"""A mistyped name says what was meant and what there is, and stays a KeyError for all that looks for one."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

from sparserobust.errors import NotInRecord, RecordError
from sparserobust.records import Outcome, Run, Table, load_run

from .factory import make_run, plain

HAS = "it has fgsm, gradient-masking, storage, flops"


@pytest.fixture
def run() -> Run:
    return make_run()


def test_a_mistyped_outcome_names_the_run_what_was_meant_and_what_there_is(run):
    with pytest.raises(NotInRecord) as caught:
        run.outcomes["fgms"]
    said = f"run of snip[allocation=epl] 0.8 has no outcome 'fgms'; did you mean 'fgsm'? {HAS}"
    assert str(caught.value) == said


def test_a_name_that_is_like_none_says_what_there_is(run):
    with pytest.raises(NotInRecord, match=rf"has no outcome 'zzz'; {HAS}$"):
        run.outcomes["zzz"]
    with pytest.raises(NotInRecord, match=rf"has no outcome 0; {HAS}$"):
        run.outcomes[0]


def test_results_per_example_and_tables_say_the_same(run):
    with pytest.raises(
        NotInRecord,
        match=r"no results per example 'corect'; did you mean 'correct'\? it has correct, robust, distance$",
    ):
        run.outcomes["fgsm"].per_example["corect"]
    with pytest.raises(NotInRecord, match=r"no table 'layer'; did you mean 'layers'\? it has layers$"):
        run.outcomes["fgsm"].tables["layer"]
    with pytest.raises(NotInRecord, match="no table 'layers'; it has none$"):
        run.outcomes["storage"].tables["layers"]


def test_it_is_a_key_error_and_one_of_ours(run):
    for kind in (KeyError, RecordError):
        with pytest.raises(kind):
            run.outcomes["fgms"]
    assert run.outcomes.get("fgms") is None
    assert "fgms" not in run.outcomes
    assert run.outcomes.get("fgsm") is run.outcomes["fgsm"]


def test_the_error_survives_pickling_as_between_processes(run):
    with pytest.raises(NotInRecord) as caught:
        run.outcomes["fgms"]
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        copy.copy,
        lambda run: pickle.loads(pickle.dumps(run)),
        lambda run: run.model_copy(update={"seed": 1}),
        lambda run: Run.model_validate_json(run.model_dump_json()),
        lambda run: Run.model_validate(run.model_dump()),
        lambda run: Run(**{name: getattr(run, name) for name in Run.model_fields}),
    ],
)
def test_copies_say_it_as_well(run, copied):
    with pytest.raises(NotInRecord, match="did you mean 'fgsm'"):
        copied(run).outcomes["fgms"]
    with pytest.raises(NotInRecord, match="did you mean 'correct'"):
        copied(run).outcomes["fgsm"].per_example["corect"]


def test_a_loaded_run_says_it_and_its_file_has_the_bytes_of_the_one_before(run, tmp_path):
    before = run.save(tmp_path / "a").read_bytes()
    loaded = load_run(tmp_path / "a")
    assert loaded == run
    assert loaded.save(tmp_path / "b").read_bytes() == before
    with pytest.raises(NotInRecord, match="did you mean 'fgsm'"):
        loaded.outcomes["fgms"]


def test_a_record_holds_what_a_plain_dict_would(run):
    assert list(plain(run)["outcomes"]) == ["fgsm", "gradient-masking", "storage", "flops"]
    assert json.loads(run.model_dump_json())["outcomes"]["storage"]["per_example"] == {}
    table = Table(columns=("a",), rows=((1.0,),))
    outcome = Outcome(
        evaluator="x", status="ok", per_example={"correct": np.ones(3, bool)}, tables={"t": table}
    )
    assert outcome.tables == {"t": table}
    assert {**outcome.per_example}.keys() == {"correct"}
