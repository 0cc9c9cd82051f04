"""`check_evaluator`: the evaluator contract, for one evaluator."""

from __future__ import annotations

import copy
import json
import math
import re
from dataclasses import fields, replace

import numpy as np
import torch
from torch import nn

from sparserobust.apply import sparsify
from sparserobust.data import Data
from sparserobust.data.bundle import ImageTensors
from sparserobust.records import Outcome
from sparserobust.registry import evaluators as registry
from sparserobust.scoring import Evaluator, FixedBudgetAttack
from sparserobust.subject import Subject
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe, train
from sparserobust.weights.plan import sha256_of

TOLERANCE = 1e-5
RECIPE = Recipe(name="kit", source="the conformance kit", optimizer="adam", lr=0.01, batch_size=16, epochs=20)
"""Until both networks are right about nearly all images, so that an attack has something to change."""
_TRAINED: dict[str, Subject] = {}


def check_evaluator(evaluator: Evaluator, *, tolerance: float = TOLERANCE) -> None:
    """Raises AssertionError, naming the clause, unless the evaluator keeps the contract.

    It is a frozen dataclass that states its name, its source and exactly one headline score, can be made again from
    its settings and keeps nothing of a run. On a trained network with BatchNorm and on a residual one it is ok or
    skipped with a reason, gives each declared score an n or an exact value inside its interval, results per example
    for every example, the same for the same seed and for another batch size or order (unless it says that its random
    draws follow the batch), leaves the model and the random states as they were, and fails neither where the model is
    always wrong, nor in float64, nor on batches of one. An attack with a budget of 0 changes nothing.

    Args:
        evaluator: an instance; choose settings that finish in seconds.
        tolerance: how far values may move with the batch size, absolutely and relative to their size.
    """
    check_statement(evaluator)
    data, label = small_data(), evaluator.label
    for number, network in enumerate(small_networks()):
        subject = _trained(network, data)
        outcome = _unchanged(evaluator, subject, data)
        assert outcome.status in ("ok", "skipped"), f"{label} failed: {outcome.reason}"
        if outcome.status == "skipped":
            continue
        _check_scores(evaluator, outcome)
        _check_alike(label, "a second time", outcome, evaluator(subject, data, seed=0), 0.0)
        if not getattr(evaluator, "draws_by_batch", False):
            _check_alike(
                label, "with batches of 7", outcome, evaluator(subject, data, seed=0, batch_size=7), tolerance
            )
            _check_order(evaluator, subject, data)
        assert Outcome.model_validate_json(outcome.model_dump_json()) == outcome, (
            f"{label}: the record changes on disk"
        )
        if number == 0:
            _check_extremes(evaluator, subject, data)


def check_statement(evaluator: Evaluator) -> None:
    """Raises AssertionError unless the evaluator states what it is, and holds settings alone; nothing is measured."""
    own = type(evaluator)
    assert isinstance(evaluator, Evaluator), f"{own.__name__} must derive from sparserobust.scoring.Evaluator"
    name = getattr(own, "name", None)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(name)), (
        f"{own.__name__} must state its name, lower case with hyphens, got {name!r}: name: ClassVar = ..."
    )
    own_entry = f"{own.__module__}:{own.__qualname__}"
    entries = [
        known for known in registry.names() for _, e in registry.declared(known) if e.value == own_entry
    ]
    assert not entries or name in entries, (
        f"{own.__name__} is called {name!r}, its entry point {entries[0]!r}"
    )
    assert evaluator.source, f"{name} must name its source: paper, section, equation, or 'ours'"
    written = own.__doc__ or ""  # a dataclass without one gets its signature
    assert not f"{written}(".startswith(("(", f"{own.__name__}(")), (
        f"{name} needs a docstring, whose first line `sparserobust list` shows"
    )
    specs = evaluator.score_specs
    assert isinstance(specs, tuple), (
        f"{name} must declare its scores as a tuple: (ScoreSpec(...),), with the comma"
    )
    bare = [own_name for own_name, value in vars(own).items() if _is_bare(own, own_name, value)]
    assert not bare, (
        f"{bare[0]} of {name} is no setting: annotate it, {bare[0]}: TYPE = ... (ClassVar for a fact)"
    )
    assert len({spec.name for spec in specs}) == len(specs), f"{name} declares a score twice"
    headlines = [spec.name for spec in specs if spec.headline]
    assert len(headlines) == 1, f"{name} must declare exactly one headline score, got {headlines}"
    given = {field.name: getattr(evaluator, field.name) for field in fields(evaluator)}
    assert own(**given) == evaluator, (
        f"{name} made again from its settings is another one: keep them as given"
    )
    try:
        json.dumps(evaluator.resolved(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"resolved() of {name} must hold what JSON does: {error}") from None


def _trained(network: nn.Module, data: Data) -> Subject:
    """A sparse subject of the network that is right about nearly all images; trained once in a process."""
    key = sha256_of(network.state_dict())
    if key not in _TRAINED:
        _TRAINED[key] = sparsify(network, "random", 0.5, data)
        train(_TRAINED[key], data, recipe=RECIPE)
    return copy.deepcopy(_TRAINED[key])


def _is_bare(own: type, name: str, value: object) -> bool:
    """Whether a class holds a plain public value that is neither annotated nor a fact that its bases know."""
    known = name in vars(own).get("__annotations__", {}) or any(
        name in vars(base) for base in own.__mro__[1:]
    )
    plain = not callable(value) and not isinstance(value, property | classmethod | staticmethod)
    return not name.startswith("_") and plain and not known and name != "name"


def _check_extremes(evaluator: Evaluator, subject: Subject, data: Data) -> None:
    """Networks and data at the edges, which an author seldom tries."""
    label = evaluator.label
    assert isinstance(data.test, ImageTensors)
    images, labels = data.test.slice(torch.arange(6))
    with torch.no_grad():
        wrong = (subject.model.eval()(images).argmax(dim=1) + 1) % data.num_classes
    never = evaluator(subject, (images, wrong))
    assert never.status != "failed", f"{label} fails where the model is right about nothing: {never.reason}"
    single = evaluator(subject, (images, labels), batch_size=1)
    assert single.status != "failed", f"{label} fails on batches of one: {single.reason}"
    double = copy.deepcopy(subject)
    double.model.double()
    outcome = evaluator(double, (images.double(), labels))
    assert outcome.status != "failed", f"{label} fails in float64: {outcome.reason}"
    if isinstance(evaluator, FixedBudgetAttack):
        nothing = replace(evaluator, eps=(0.0,))(subject, (images, labels))
        assert nothing.status == "ok", f"{label} fails with eps 0: {nothing.reason}"
        clean = float(nothing.per_example["correct"].mean())
        robust = nothing.score("robust_accuracy", at=0.0).value
        assert robust == clean, f"{label} with eps 0 leaves {robust}, the clean accuracy is {clean}"


def _unchanged(evaluator: Evaluator, subject: Subject, data: Data) -> Outcome:
    """The outcome, after comparing the model and the random states with what they were."""
    model = subject.model.train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    random_states = torch.get_rng_state(), np.random.get_state(legacy=False)
    held = repr(vars(evaluator))
    outcome = evaluator(subject, data, seed=0)
    assert repr(vars(evaluator)) == held, (
        f"{evaluator.label} keeps something of a run on itself; keep it on its Measurement"
    )
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key]), f"{evaluator.label} changed {key}"
    assert all(m.training for m in model.modules()), f"{evaluator.label} changed the mode of a submodule"
    assert all(p.grad is None for p in model.parameters()), f"{evaluator.label} left gradients behind"
    assert all(p.requires_grad for p in model.parameters()), f"{evaluator.label} changed requires_grad"
    same = torch.equal(random_states[0], torch.get_rng_state())
    same &= str(random_states[1]) == str(np.random.get_state(legacy=False))
    assert same, f"{evaluator.label} moved a global random state"
    return outcome


def _check_scores(evaluator: Evaluator, outcome: Outcome) -> None:
    declared = {spec.name: spec for spec in evaluator.score_specs}
    assert outcome.scores, f"{evaluator.label} is ok without any score"
    headlines = [score.name for score in outcome.scores if score.headline]
    assert len(headlines) == 1, f"{evaluator.label} must give exactly one headline score, got {headlines}"
    for score in outcome.scores:
        where = f"{evaluator.label}: {score.name}" + (f" at {score.at}" if score.at is not None else "")
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
    """Results per example follow the examples when their order changes."""
    assert isinstance(data.test, ImageTensors)
    images, labels = data.test.slice(torch.arange(len(data.test)))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))
    straight = evaluator(subject, (images, labels))
    shuffled = evaluator(subject, (images[order], labels[order]))
    for key, array in straight.per_example.items():
        moved, other = array[..., order.numpy()], shuffled.per_example[key]
        alike = moved == other if array.dtype == bool else np.isclose(moved, other, rtol=1e-4, atol=1e-5)
        assert alike.all(), (
            f"{evaluator.label}: {int((~alike).sum())} of {key} change with the order of the examples"
        )
