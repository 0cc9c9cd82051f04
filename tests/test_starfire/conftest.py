"""A small network, and trainings of it that are watched."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import sparserobust as sr
from sparserobust.methods.starfire_era import StarfireEra
from sparserobust.training import Recipe, train

RECIPE = Recipe(
    name="here", source="these tests", optimizer="sgd", lr=0.05, momentum=0.9, batch_size=16, epochs=8
)


class Plain(nn.Module):
    """Two 3x3 convolutions, a 1x1 one, pooled to 2x2, flattened, two linear layers; 8x8x1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 10, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(10)
        self.last = nn.Conv2d(10, 8, 1)
        self.hidden = nn.Linear(32, 12)
        self.head = nn.Linear(12, 4)

    def forward(self, images):
        x = F.leaky_relu(self.norm(self.second(F.leaky_relu(self.first(images), 0.1))), 0.1)
        x = F.avg_pool2d(F.leaky_relu(self.last(x), 0.1), 4).flatten(1)
        return self.head(F.leaky_relu(self.hidden(x), 0.1))


@pytest.fixture
def plain():
    """The class of the network that is trained where no other is named."""
    return Plain


@pytest.fixture
def trained(problem, monkeypatch):
    """trained(name, sparsity, ...): the subject after 8 epochs of 4 steps; `watch` sees its state after each step."""

    def run(name, sparsity=0.8, *, model=Plain, watch=None, **params):
        torch.manual_seed(0)
        subject = sr.sparsify(model(), name, sparsity, **params)
        original = StarfireEra.after_step

        def after_step(self):
            original(self)
            if watch is not None:
                watch(self.training)

        with monkeypatch.context() as patch:
            patch.setattr(StarfireEra, "after_step", after_step)
            train(subject, problem(64), recipe=RECIPE)
        return subject

    return run
