"""One evaluator's failure is its own, and is named."""

from __future__ import annotations

import re

import pytest

import sparserobust as sr
from evaluators import Accuracy
from sparserobust.errors import ConfigError, PluginError
from sparserobust.records import Outcome, said
from sparserobust.scoring import Batch, Context, Evaluator, Skip

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
    reason = run.outcomes["bad"].reason
    assert (reason.code, reason.facts["error"]) == ("raised", "ZeroDivisionError")
    assert re.fullmatch(r"on purpose \(test_failures.py, line \d+\)", reason.facts["message"])
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


def test_a_fault_of_a_plugin_is_said_with_its_place(trained, problem):
    def fault(batch: Batch) -> None:
        raise KeyError("images")

    outcome = evaluator_of("n", update=fault)(trained, problem(8))
    assert re.fullmatch(r"KeyError: 'images' \(test_failures.py, line \d+\)", str(outcome.reason))
    refused = evaluator_of("n", update=lambda batch: batch.images.nope)(trained, problem(8))
    assert "(test_failures.py, line" in str(refused.reason)


def test_a_begin_that_returns_nothing_is_said_to(trained, problem):
    class Nothing(Evaluator):
        name = "nothing"

        def begin(self, context: Context) -> None:
            return None

    assert str(Nothing()(trained, problem(8)).reason) == (
        "PluginError: begin() of 'nothing' must return a Measurement, got NoneType"
    )


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda e: e.score("examples", 1.0, n=-3), "score 'examples' of 'n': n: Input should be greater"),
        (lambda e: e.outcome(scores=e.score("examples", 1.0)), "outcome of 'n': scores"),
        (lambda e: e.outcome(colour=1), "outcome of 'n': colour: Extra inputs are not permitted, got 1"),
        (lambda e: e.score("exmples", 1.0), "does not declare score 'exmples'; it declares examples"),
        (lambda e: e.score("examples", None), "score 'examples' of 'n': score 'examples' has no value"),
    ],
)
def test_what_no_record_can_hold_is_one_line_without_an_address(made, text):
    with pytest.raises(PluginError) as refused:
        made(evaluator_of("n"))
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "http" not in str(refused.value)
