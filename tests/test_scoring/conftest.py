"""A network that gets most of the problem right, trained once."""

from __future__ import annotations

import copy

import pytest
from torch import nn

import sparserobust as sr
from sparserobust.training import Recipe


@pytest.fixture(scope="module")
def trained_once(make_network, problem) -> nn.Module:
    model = make_network("conv")
    recipe = Recipe(name="t", source="tests", optimizer="adam", lr=0.01, batch_size=16, epochs=6)
    sr.train(model, problem(64), recipe=recipe)
    return model.train()


@pytest.fixture
def trained(trained_once) -> nn.Module:
    """A network in training mode that gets most, not all, of the problem right."""
    return copy.deepcopy(trained_once)
