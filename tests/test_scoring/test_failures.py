"""One evaluator's failure is its own, and is named."""

from __future__ import annotations

import pytest

import sparserobust as sr
from evaluators import Accuracy
from sparserobust.errors import ConfigError
from sparserobust.records import Outcome, remark, said
from sparserobust.scoring import Batch, Skip

from .doubles import evaluator_of, value


def explode(*_: object) -> None:
    raise ZeroDivisionError("on\npurpose")


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
def test_an_evaluator_that_raises_is_failed_and_the_others_go_on(make_network, problem, stage):
    bad = evaluator_of("bad", **{stage: explode})
    run = sr.evaluate(
        make_network("conv"), problem(20), [bad, Accuracy(), evaluator_of("good")], batch_size=8
    )
    assert run.outcomes["bad"].status == "failed"
    assert run.outcomes["bad"].reason == remark("raised", error="ZeroDivisionError", message="on purpose")
    assert run.outcomes["bad"].scores == ()
    assert run.outcomes["accuracy"].status == "ok"
    assert value(run.outcomes["good"], "examples") == 20


def test_a_failed_evaluator_is_asked_no_more(make_network, problem):
    calls = []

    def once(batch: Batch) -> None:
        calls.append(len(batch))
        explode()

    sr.evaluate(make_network("conv"), problem(20), [evaluator_of("bad", update=once)], batch_size=8)
    assert calls == [8]


@pytest.mark.parametrize("stage", ["begin", "update", "finish"])
def test_skipping_carries_the_reason(make_network, problem, stage):
    def skip(*_: object) -> None:
        raise Skip("needs colour images")

    outcome = evaluator_of("colour", **{stage: skip})(make_network("conv"), problem(8))
    assert (outcome.status, outcome.reason) == ("skipped", said("needs colour images"))


def test_a_result_that_is_no_outcome_of_this_evaluator_is_a_failure(make_network, problem):
    other = Outcome(evaluator="accuracy", status="ok")
    for result in (None, 0.9, other):
        outcome = evaluator_of("odd", finish=lambda context, r=result: r)(make_network("conv"), problem(8))
        assert outcome.status == "failed"
        assert "finish() of 'odd' must return its Outcome" in outcome.reason.facts["message"]


def test_a_score_that_was_not_declared_is_a_failure(make_network, problem):
    odd = evaluator_of("odd", finish=lambda context: odd.outcome(scores=(odd.score("beauty", 1.0),)))
    outcome = odd(make_network("conv"), problem(8))
    undeclared = "evaluator 'odd' does not declare score 'beauty'; it declares examples"
    assert undeclared in outcome.reason.facts["message"]


def test_an_evaluator_without_a_source_does_not_take_the_others_down(make_network, problem):
    nameless = evaluator_of("nameless")
    del type(nameless).source
    run = sr.evaluate(make_network("conv"), problem(8), [nameless, Accuracy()])
    assert run.outcomes["accuracy"].status == "ok"


def test_two_evaluators_of_one_name_are_refused(make_network, problem):
    with pytest.raises(ConfigError, match="each evaluator can be used once"):
        sr.evaluate(make_network("conv"), problem(8), [Accuracy(), Accuracy(bins=3)])
