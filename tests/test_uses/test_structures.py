"""Multiply-adds, prunable weights, zeros and bytes of every kind of structure, as they follow by hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import ModuleType

import pytest
import torch

import sparserobust as sr
from sparserobust.uses import prunable, trace_uses
from tests.test_uses.structures import attention, computed, layers, recurrent, shared, transformers, wrappers
from tests.test_uses.structures.structure import Structure


def structures_in(module: ModuleType) -> dict[str, Callable[[], Structure]]:
    """Name -> function that makes it, of all public functions of a module."""
    return {
        name: make
        for name, make in inspect.getmembers(module, inspect.isfunction)
        if make.__module__ == module.__name__ and make.__annotations__.get("return") == "Structure"
    }


STRUCTURES = {
    name: make
    for module in (layers, recurrent, attention, transformers, shared, computed, wrappers)
    for name, make in structures_in(module).items()
}


@pytest.fixture(params=STRUCTURES)
def structure(request) -> Structure:
    torch.manual_seed(0)
    made = STRUCTURES[request.param]()
    made.model.eval()
    return made


def scores(model, structure, *evaluators):
    images = torch.rand(2, *structure.shape)
    outcomes = sr.evaluate(model, (images, torch.tensor([0, 1])), list(evaluators)).outcomes
    assert all(outcome.status == "ok" for outcome in outcomes.values()), outcomes
    return {
        s.name: s.value for outcome in outcomes.values() for s in outcome.scores if s.at in (None, "stored")
    }


def write_zeros(structure):
    """Writes zeros into every weight by hand, another share into each; name -> where it is not zero."""
    stream, support = torch.Generator().manual_seed(1), {}
    for number, name in enumerate(structure.weights):
        held = structure.held(name)
        support[name] = torch.rand(held.shape, generator=stream) < 0.8 / (1 + number % 5)
        with torch.no_grad():
            held.mul_(support[name])
        support[name] = held.detach() != 0
        if (mask := structure.weights[name].mask) is not None:
            support[name] &= mask.bool()
    return support


def test_there_are_many_structures():
    assert len(STRUCTURES) >= 60


def test_numbers_of_the_dense_network(structure):
    before = {name: tensor.clone() for name, tensor in structure.model.state_dict().items()}
    found = scores(structure.model, structure, "flops", "storage")
    assert found["dense_macs"] == structure.dense_macs
    assert found["dense_bytes"] == structure.dense_bytes
    uses = trace_uses(structure.model, structure.shape)
    assert uses.prunable == prunable(structure.model, structure.shape)
    assert set(uses.prunable) == set(structure.weights)
    assert uses.outside == structure.outside
    after = structure.model.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_zeros_in_the_weights_are_not_executed(structure):
    support = write_zeros(structure)
    found = scores(structure.model, structure, "flops", "storage")
    if structure.executed is None:
        by_hand = structure.besides + sum(w.macs(support[name]) for name, w in structure.weights.items())
    else:
        by_hand = structure.executed(structure.model)
    assert found["executed_macs"] == by_hand
    zeros = sum(int((~own).sum()) for own in support.values())
    assert found["zero_fraction"] == pytest.approx(
        zeros / sum(w.size for w in structure.weights.values()), abs=1e-12
    )
    assert found["dense_macs"] == structure.dense_macs
    assert found["dense_bytes"] == structure.dense_bytes
