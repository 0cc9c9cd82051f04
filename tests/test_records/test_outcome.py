"""Records hold what they are given, compare by value, and their scores are found by name and point."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sparserobust.errors import RecordError
from sparserobust.records import Outcome, Remark, Score, Table, raised, remark, said

from .factory import fgsm, make_run, plain


@pytest.fixture
def run():
    return make_run()


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


# -- arrays -----------------------------------------------------------------------------------------------


@given(bits=st.lists(st.booleans(), max_size=70), rows=st.integers(1, 3))
def test_bits_of_any_length_and_shape_come_back(bits, rows):
    array = np.array(bits * rows, dtype=bool).reshape(rows, len(bits))
    outcome = Outcome(evaluator="x", status="ok", per_example={"correct": array})
    back = Outcome.model_validate_json(outcome.model_dump_json()).per_example["correct"]
    assert back.dtype == bool
    assert np.array_equal(back, array)


def test_a_thousand_bits_take_less_than_two_hundred_bytes():
    outcome = Outcome(evaluator="x", status="ok", per_example={"correct": np.ones(1000, dtype=bool)})
    assert len(json.dumps(plain(outcome)["per_example"])) < 250


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "must not be NaN; use infinity"), (-np.inf, "must not be minus infinity")]
)
def test_values_per_example_that_a_file_cannot_hold_are_refused(value, text):
    with pytest.raises(ValidationError, match=text):
        Outcome(evaluator="x", status="ok", per_example={"distance": np.array([1.0, value])})


# -- remarks ----------------------------------------------------------------------------------------------


def test_a_text_becomes_a_remark_in_its_authors_own_words():
    outcome = Outcome(evaluator="x", status="skipped", reason="no weights", verdict="hm")
    assert outcome.reason == said("no weights") == remark("said", text="no weights")
    assert str(outcome.verdict) == "hm"
    assert Score(name="a", value=1, warnings=("dark",)).warnings == (said("dark"),)


def test_an_exception_becomes_its_type_and_a_message_of_one_short_line():
    told = raised(RuntimeError("a\n  b" + "c" * 1000))
    assert told.facts["error"] == "RuntimeError"
    assert told.facts["message"] == "a b" + "c" * 497
    assert str(raised(KeyError("x"))) == "KeyError: 'x'"


@pytest.mark.parametrize("code", ["", "Not-Found", "not_found", "-x", "two words"])
def test_a_code_is_lower_case_with_hyphens(code):
    with pytest.raises(ValidationError, match="code"):
        Remark(code=code)


def test_an_outcome_has_the_warnings_of_its_scores_each_once(run):
    outcome = run.outcomes["fgsm"]
    assert outcome.warnings == (remark("no-gradient", images=2, of=11),)
    twice = (*outcome.scores, outcome.curve("robust_accuracy")[1])
    assert outcome.model_copy(update={"scores": twice}).warnings == outcome.warnings


# -- looking up scores ------------------------------------------------------------------------------------


def test_scores_are_looked_up_by_name_and_point(run):
    outcome = run.outcomes["fgsm"]
    assert outcome.score("robust_accuracy", at=0.1).value == 0.5
    assert outcome.score("robust_accuracy", at=0.1 + 0.1).value == 1 / 3
    assert [s.at for s in outcome.curve("robust_accuracy")] == [0.1, 0.2]
    assert run.outcomes["fgsm"].tables["layers"].column("kept") == [3.0, 0.5]


def test_without_a_point_a_score_is_the_headline_or_at_the_headlines_budget():
    outcome = fgsm()
    assert outcome.scores[0].at == 0.1  # the first one is another
    assert outcome.score("robust_accuracy").at == 0.2
    assert outcome.score("attack_success_rate").at == 0.2
    assert outcome.score("median_l2").at is None


def test_without_a_headline_a_score_is_the_first_one():
    scores = tuple(score.model_copy(update={"headline": False}) for score in fgsm().scores)
    outcome = fgsm().model_copy(update={"scores": scores})
    assert outcome.score("robust_accuracy").at == 0.1
    assert outcome.score("attack_success_rate").at == 0.1


@pytest.mark.parametrize(
    ("name", "at", "text"),
    [
        (
            "robust_acuracy",
            None,
            r"outcome of 'fgsm' \(ok\) has no score 'robust_acuracy'; did you mean 'robust_accuracy'\?",
        ),
        ("zzz", None, r"has no score 'zzz'; it has robust_accuracy, attack_success_rate, median_l2"),
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


# -- what is missing --------------------------------------------------------------------------------------


def test_a_score_without_a_value_needs_a_reason():
    with pytest.raises(ValidationError, match="score 'nll' has no value; say the reason"):
        Score(name="nll", value=None)
    assert Score(name="nll", value=None, reason=remark("loss-not-finite")).value is None


@pytest.mark.parametrize("status", ["skipped", "failed"])
def test_an_outcome_that_is_not_ok_needs_a_reason(status):
    with pytest.raises(ValidationError, match=f"outcome of 'x' is {status}; say the reason"):
        Outcome(evaluator="x", status=status)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(ValidationError, match="finite number"):
        Score(name="nll", value=value)
    with pytest.raises(ValidationError, match="finite number"):
        Table(columns=("a",), rows=((value,),))
