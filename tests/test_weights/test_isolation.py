"""A model under examination stays as it was, whatever is done to it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from sparserobust.weights.isolation import Guard, examined, isolated
from sparserobust.weights.plan import sha256_of


def vandalise(model: nn.Module) -> None:
    """Everything that a careless evaluator may do."""
    first = next(model.parameters())
    first.data.mul_(3)  # past autograd's version counter
    with torch.no_grad():
        list(model.parameters())[1].add_(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(5)
            module.num_batches_tracked += 3
        module.training = not module.training
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
        parameter.requires_grad_(not parameter.requires_grad)
    torch.manual_seed(99)
    np.random.seed(99)
    random.seed(99)


def fingerprint(model: nn.Module) -> tuple[object, ...]:
    return (
        sha256_of(model.state_dict()),
        [module.training for module in model.modules()],
        [p.requires_grad for p in model.parameters()],
        [None if p.grad is None else p.grad.tolist() for p in model.parameters()],
        torch.get_rng_state().tolist(),
        random.getstate(),
        [np.asarray(part).tolist() for part in np.random.get_state()],
    )


@pytest.fixture
def mixed(make_network) -> nn.Module:
    """Modes, gradients and requires_grad differ from module to module."""
    model = make_network("conv")
    model.body[1].eval()
    parameters = list(model.parameters())
    parameters[0].grad = torch.full_like(parameters[0], 2.0)
    parameters[2].requires_grad_(False)
    return model


@pytest.mark.parametrize("guarded", [isolated, examined])
def test_everything_is_as_before(mixed, guarded):
    before = fingerprint(mixed)
    gradient = next(mixed.parameters()).grad
    with guarded(mixed):
        vandalise(mixed)
    assert fingerprint(mixed) == before
    assert next(mixed.parameters()).grad is gradient


@pytest.mark.parametrize("guarded", [isolated, examined])
def test_everything_is_as_before_after_an_exception(mixed, guarded):
    before = fingerprint(mixed)

    def fail() -> None:
        with guarded(mixed):
            vandalise(mixed)
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert fingerprint(mixed) == before


def test_a_gradient_changed_in_place_is_put_back(mixed):
    before = fingerprint(mixed)
    with isolated(mixed):
        next(mixed.parameters()).grad.zero_()
    assert fingerprint(mixed) == before


def test_examined_is_evaluation_mode_without_parameter_gradients(mixed):
    with examined(mixed):
        assert not any(module.training for module in mixed.modules())
        assert not any(p.requires_grad for p in mixed.parameters())


def test_nan_weights_are_restored_as_nan(mixed):
    with torch.no_grad():
        next(mixed.parameters()).view(-1)[0] = torch.nan
    guard = Guard(mixed)
    with torch.no_grad():
        next(mixed.parameters()).zero_()
    guard.restore()
    assert bool(next(mixed.parameters()).view(-1)[0].isnan())
