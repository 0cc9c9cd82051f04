"""Every method and evaluator that is registered passes the conformance kit; ones that break it do not."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from sparserobust import registry, runner
from sparserobust.methods.snip import SNIP
from sparserobust.records import ScoreSpec
from sparserobust.scoring import Evaluator, Measurement
from sparserobust.testing import check_evaluator, check_method

FAST = {"carlini-wagner": {"binary_search_steps": 1, "steps": 40, "stepsize": 0.2}}
LOOSE = {"carlini-wagner": 1e-2}
"""Adam amplifies the last bit of a gradient over 40 steps; all others agree to 1e-5."""


@pytest.mark.parametrize("name", registry.methods.names())
def test_every_method_keeps_the_laws(name):
    check_method(name)


@pytest.mark.parametrize("offset", ["zero", "frozen", "dct"])
@pytest.mark.parametrize("allocation", ["global", "uniform", "erk", "epl", "epf"])
def test_any_allocation_goes_with_any_offset(allocation, offset):
    check_method("random", allocation=allocation, offset=offset)


@pytest.mark.parametrize("name", registry.evaluators.names())
def test_every_evaluator_keeps_the_contract(name):
    evaluator = runner.build_evaluator(name, FAST.get(name))
    check_evaluator(evaluator, tolerance=LOOSE.get(name, 1e-5))


class Careless(Evaluator):
    """Writes behind autograd's back, and its score depends on the batch size."""

    name = "careless"
    source = "none"
    scores = (ScoreSpec(name="batches", unit="count", headline=True),)

    def begin(self, context):
        evaluator = self

        class Counting(Measurement):
            count = 0

            def update(self, batch):
                self.count += 1

            def finish(self):
                return evaluator.outcome(scores=(evaluator.score("batches", self.count),))

        return Counting()


def test_an_evaluator_whose_score_depends_on_the_batch_size_is_caught():
    with pytest.raises(AssertionError, match="careless with batches of 7: batches at None is 1.0, then 9.0"):
        check_evaluator(Careless())


@dataclass(frozen=True, kw_only=True)
class Greedy(SNIP):
    """Keeps one weight too many."""

    name: ClassVar[str] = "greedy"

    def choose(self, importance, sparsity, generator):
        choice = super().choose(importance, sparsity, generator)
        mask = next(m for m in choice.masks.values() if not m.all())
        mask.view(-1)[int((~mask).view(-1).int().argmax())] = True
        return choice


def test_a_method_that_keeps_one_weight_too_many_is_caught(monkeypatch):
    monkeypatch.setattr(registry.Registry, "load", lambda self, name: Greedy)
    with pytest.raises(AssertionError, match="greedy keeps .* weights, expected exactly"):
        check_method("greedy")
