"""Scores against the definition, and what scoring must leave alone."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sparserobust import list_methods, registry, sparsify
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.sparsity import scores
from sparserobust.sparsity.allocation import kept_count
from sparserobust.uses import prunable_slots
from sparserobust.weights.plan import sha256_of


def test_magnitude_is_the_absolute_weight(network, scoring_model_at):
    for name, score in scores.magnitude(scoring_model_at(network)).items():
        assert torch.equal(score, prunable_slots(network)[name].values.abs())


def test_random_scores_are_uniform_positive_and_repeat(network, scoring_model_at):
    drawn, again, other = (
        torch.cat([s.flatten() for s in scores.random(scoring_model_at(network, seed=seed)).values()])
        for seed in (1, 1, 2)
    )
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, other)
    assert float(drawn.min()) > 0
    assert float(drawn.max()) <= 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=4 / (12 * len(drawn)) ** 0.5)


METHODS = [
    name
    for name in list_methods()
    if name != "dense" and not issubclass(registry.methods.load(name), PruneDuringTraining)
]
STEPS = {"snip-it": 2, "iter-snip": 3, "force": 3, "synflow": 3}
"""Few events each: several are needed, no more."""


class Listed(Dataset):
    """Not made of tensors; draws from every global stream, as random augmentation does."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        torch.rand(1), np.random.rand(), random.random()
        return self.images[index], int(self.labels[index])


@pytest.mark.parametrize("form", ["tensors", "dataset", "loader", "shuffled loader"])
@pytest.mark.parametrize("method", METHODS)
def test_scoring_changes_nothing(network, problem, method, form):
    images, labels = problem(40)
    data = {
        "tensors": (images, labels),
        "dataset": Listed(images, labels),
        "loader": DataLoader(TensorDataset(images, labels), batch_size=7),
        "shuffled loader": DataLoader(TensorDataset(images, labels), batch_size=7, shuffle=True),
    }[form]
    modules = list(network.modules())
    for module in modules[::2]:
        module.training = False
    parameters = list(network.parameters())
    parameters[0].grad = torch.full_like(parameters[0], 3.0)
    parameters[1].requires_grad_(False)
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)

    def state() -> tuple[object, ...]:
        return (
            sha256_of(network.state_dict()),
            [module.training for module in modules],
            [p.requires_grad for p in parameters],
            [None if p.grad is None else sha256_of({"g": p.grad}) for p in parameters],
            torch.get_rng_state().tolist(),
            random.getstate(),
            [np.asarray(part).tolist() for part in np.random.get_state()],
        )

    before = state()
    sparsify(network, method, 0.6, data, **({"steps": STEPS[method]} if method in STEPS else {}))
    after = state()
    names = ("weights and buffers", "modes", "requires_grad", ".grad", "torch RNG", "random", "numpy RNG")
    assert [name for name, a, b in zip(names, before, after, strict=True) if a != b] == []


def test_the_mask_does_not_depend_on_how_the_same_examples_come(network, problem):
    images, labels = problem(40)
    forms = [
        (images, labels),
        Listed(images, labels),
        DataLoader(TensorDataset(images, labels), batch_size=7),
    ]
    plans = [sparsify(copy.deepcopy(network), "snip", 0.8, form, score_samples=40).plan for form in forms]
    for name in plans[0]:
        assert torch.equal(plans[0][name].mask, plans[1][name].mask)
        assert torch.equal(plans[0][name].mask, plans[2][name].mask)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_network_of_any_precision_is_scored_and_stays_in_it(network, problem, method, dtype):
    subject = sparsify(
        network.to(dtype), method, 0.6, problem(40), **({"steps": STEPS[method]} if method in STEPS else {})
    )
    assert subject.kept == kept_count(subject.prunable, 0.6) + sum(subject.rescued.values())
    assert {p.dtype for p in subject.model.parameters()} == {dtype}
