"""`check_evaluator`: the evaluator contract, for one evaluator."""

from __future__ import annotations

import math

import numpy as np
import torch

from sparserobust.apply import sparsify
from sparserobust.data import Data
from sparserobust.data.bundle import ImageTensors
from sparserobust.records import Outcome
from sparserobust.scoring import Evaluator
from sparserobust.subject import Subject
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import train

TOLERANCE = 1e-5


def check_evaluator(evaluator: Evaluator, *, tolerance: float = TOLERANCE) -> None:
    """Raises AssertionError, naming the clause, unless the evaluator keeps the contract.

    On a trained network with BatchNorm and on a residual one: it is ok or skipped with a reason, declares
    its scores with exactly one headline, gives each an n or an exact value inside its interval, gives the
    same result for the same seed and for another batch size or order (unless it says that its random draws follow
    the batch), and leaves the model and the random states as they were.

    Args:
        evaluator: an instance; choose settings that finish in seconds.
        tolerance: how far values may move with the batch size, absolutely and relative to their size.
    """
    data = small_data()
    name = evaluator.name
    headlines = [spec.name for spec in evaluator.scores if spec.headline]
    assert len(headlines) == 1, f"{name} must declare exactly one headline score, got {headlines}"
    assert evaluator.source, f"{name} must name its source"
    for network in small_networks():
        subject = sparsify(network, "random", 0.5, data)
        train(subject, data, epochs=3, recipe="digits")
        outcome = _unchanged(evaluator, subject, data)
        assert outcome.status in ("ok", "skipped"), f"{name} failed: {outcome.reason}"
        if outcome.status == "skipped":
            continue
        _check_scores(evaluator, outcome)
        _check_alike(name, "a second time", outcome, evaluator(subject, data, seed=0), 0.0)
        if not getattr(evaluator, "draws_by_batch", False):
            _check_alike(
                name, "with batches of 7", outcome, evaluator(subject, data, seed=0, batch_size=7), tolerance
            )
            _check_order(evaluator, subject, data)
        assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome, (
            f"{name}: the record changes on disk"
        )


def _unchanged(evaluator: Evaluator, subject: Subject, data: Data) -> Outcome:
    """The outcome, after comparing the model and the random states with what they were."""
    model = subject.model.train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    random_states = torch.get_rng_state(), np.random.get_state(legacy=False)
    outcome = evaluator(subject, data, seed=0)
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key]), f"{evaluator.name} changed {key}"
    assert all(m.training for m in model.modules()), f"{evaluator.name} changed the mode of a submodule"
    assert all(p.grad is None for p in model.parameters()), f"{evaluator.name} left gradients behind"
    assert all(p.requires_grad for p in model.parameters()), f"{evaluator.name} changed requires_grad"
    same = torch.equal(random_states[0], torch.get_rng_state())
    same &= str(random_states[1]) == str(np.random.get_state(legacy=False))
    assert same, f"{evaluator.name} moved a global random state"
    return outcome


def _check_scores(evaluator: Evaluator, outcome: Outcome) -> None:
    declared = {spec.name: spec for spec in evaluator.scores}
    assert outcome.scores, f"{evaluator.name} is ok without any score"
    for score in outcome.scores:
        where = f"{evaluator.name}: {score.name}" + (f" at {score.at}" if score.at is not None else "")
        assert score.name in declared, f"{where} is not declared"
        assert score.unit == declared[score.name].unit, f"{where} has another unit than declared"
        assert score.at is None or declared[score.name].axis, f"{where} has a point but declares no axis"
        if score.value is not None and score.ci_low is not None and score.ci_high is not None:
            slack = 1e-12 + 1e-9 * abs(score.value)
            inside = score.ci_low - slack <= score.value <= score.ci_high + slack
            assert inside, f"{where} = {score.value} lies outside its interval"
            assert score.n, f"{where} has an interval but no n"


def _check_alike(name: str, how: str, first: Outcome, second: Outcome, tolerance: float) -> None:
    assert [(s.name, s.at) for s in first.scores] == [(s.name, s.at) for s in second.scores], f"{name}: {how}"
    for a, b in zip(first.scores, second.scores, strict=True):
        if a.value is None or b.value is None:
            assert a.value is b.value, f"{name} {how}: {a.name} is {a.value}, then {b.value}"
        else:
            close = math.isclose(a.value, b.value, rel_tol=tolerance, abs_tol=tolerance)
            assert close, f"{name} {how}: {a.name} at {a.at} is {a.value}, then {b.value}"


def _check_order(evaluator: Evaluator, subject: Subject, data: Data) -> None:
    """Boolean results per example follow the examples when their order changes."""
    assert isinstance(data.test, ImageTensors)
    images, labels = data.test.slice(torch.arange(len(data.test)))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    straight = evaluator(subject, (images, labels))
    shuffled = evaluator(subject, (images[order], labels[order]))
    for key, array in straight.per_example.items():
        if array.dtype == bool:
            moved = array[..., order.numpy()]
            differing = int((moved != shuffled.per_example[key]).sum())
            assert differing == 0, (
                f"{evaluator.name}: {differing} of {key} change with the order of the examples"
            )
