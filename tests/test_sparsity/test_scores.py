"""Scores against the definition, and what scoring must leave alone."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.func import functional_call
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sparserobust import sparsify
from sparserobust.sparsity import scores
from sparserobust.weights.plan import effective_weights, prunable_modules, sha256_of


def stream(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def double(model: nn.Module, problem, n: int = 32, seed: int = 0):
    images, labels = problem(n, seed=seed)
    return model.double().eval(), images.double(), labels


def test_snip_is_the_derivative_with_respect_to_an_explicit_mask(network, problem):
    """SNIP, eq. 5: |dL(c * w) / dc| at c = 1, by autograd on the mask itself, in float64."""
    model, images, labels = double(network, problem)
    weights = effective_weights(model)
    masks = {name: torch.ones_like(w, requires_grad=True) for name, w in weights.items()}
    loss = F.cross_entropy(
        functional_call(model, {n: masks[n] * w for n, w in weights.items()}, (images,)), labels
    )
    gradients = torch.autograd.grad(loss, list(masks.values()))
    ours = scores.snip(model, [(images, labels)], stream())
    for score, gradient in zip(ours.values(), gradients, strict=True):
        torch.testing.assert_close(score, gradient.abs(), atol=1e-14, rtol=1e-9)
        assert score.max() > 0


def test_snip_over_several_batches_equals_one_batch(network, problem):
    model, images, labels = double(network, problem)
    one = scores.snip(model, [(images, labels)], stream())
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 5), (5, 6), (6, 32))]
    several = scores.snip(model, parts, stream())
    for name in one:
        torch.testing.assert_close(several[name], one[name], atol=1e-14, rtol=1e-9)


def test_magnitude_is_the_absolute_weight(network):
    for name, score in scores.magnitude(network, [], stream()).items():
        assert torch.equal(score, prunable_modules(network)[name].weight.abs())


def test_random_scores_are_uniform_positive_and_repeat(network):
    drawn = torch.cat([s.flatten() for s in scores.random(network, [], stream(1)).values()])
    again = torch.cat([s.flatten() for s in scores.random(network, [], stream(1)).values()])
    other = torch.cat([s.flatten() for s in scores.random(network, [], stream(2)).values()])
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, other)
    assert float(drawn.min()) > 0
    assert float(drawn.max()) <= 1
    assert float(drawn.mean()) == pytest.approx(0.5, abs=4 / (12 * len(drawn)) ** 0.5)


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
@pytest.mark.parametrize("method", ["snip", "random", "magnitude", "dctps", "freezenet"])
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
    sparsify(network, method, 0.5, data)
    after = state()
    names = ("weights and buffers", "modes", "requires_grad", ".grad", "torch RNG", "random", "numpy RNG")
    assert [name for name, a, b in zip(names, before, after, strict=True) if a != b] == []


def test_batchnorm_scores_with_running_statistics_whatever_the_mode(make_network, problem):
    training, evaluating = make_network("conv").train(), make_network("conv").eval()
    data = problem(40)
    a, b = (sparsify(model, "snip", 0.8, data).plan for model in (training, evaluating))
    assert all(torch.equal(a[name].mask, b[name].mask) for name in a)


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
