"""Learning-compression finds the best sparse solution of a problem that is small enough to try them all."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from torch import nn

from sparserobust.errors import ConfigError
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject
from sparserobust.testing import check_method
from sparserobust.training.attached import Attached

SIZE, KEPT = 8, 3


def quadratic(seed):
    """1/2 (w - c)' hessian (w - c) with correlated weights: hessian and c."""
    stream = torch.Generator().manual_seed(seed)
    root = torch.randn(SIZE, SIZE, generator=stream, dtype=torch.float64)
    return root @ root.T / SIZE + 0.1 * torch.eye(SIZE), torch.randn(
        SIZE, generator=stream, dtype=torch.float64
    )


def best_on(hessian, c, support):
    """The least value with these weights only, and the weights."""
    places, weights = list(support), torch.zeros(SIZE, dtype=torch.float64)
    weights[places] = torch.linalg.solve(hessian[places][:, places], (hessian @ c)[places])
    return float((weights - c) @ hessian @ (weights - c)) / 2, weights


def compressed(make_pruner, hessian, c, **params):
    """What learning-compression ends with."""
    model = nn.Linear(SIZE, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(c)
    pruner = make_pruner(model, "learning-compression", 1 - KEPT / SIZE, 60, lr=0.15, era=(0, 60), **params)
    pruner.before_training()
    attached = Attached(pruner, Subject(pruner.training.model, pruner.training.weights, "t", "t"))
    for _ in range(60):
        for _ in range(30):
            attached.training.optimizer.zero_grad()
            gap = model.weight[0] - c
            (gap @ hessian @ gap / 2 + attached.penalty()).backward()
            attached.step()
        attached.end_epoch()
    assert pruner.settled
    return model.weight.detach()[0]


@pytest.mark.parametrize(
    "seeds", [(0, 1), pytest.param((2, 3, 4, 5), marks=pytest.mark.slow)], ids=["two", "four more"]
)
def test_it_ends_at_the_best_sparse_solution_where_magnitude_pruning_does_not(make_pruner, seeds):
    for seed in seeds:
        hessian, c = quadratic(seed)
        values = {support: best_on(hessian, c, support)[0] for support in combinations(range(SIZE), KEPT)}
        best = min(values, key=values.get)
        magnitude = tuple(sorted(c.abs().topk(KEPT).indices.tolist()))
        assert values[magnitude] > 1.04 * values[best]
        weights = compressed(make_pruner, hessian, c, mu=0.02, last_mu=5.0)
        assert tuple(weights.nonzero().squeeze(1).tolist()) == best
        assert torch.allclose(weights, best_on(hessian, c, best)[1], atol=5e-3)


def test_the_penalty_has_the_gradient_of_the_augmented_lagrangian(make_pruner, network):
    pruner = make_pruner(network, "learning-compression", 0.7, 12, era=(2, 12), mu=0.5, last_mu=8.0, every=2)
    training = pruner.training
    assert pruner.penalty() is None
    training.epoch = 2
    pruner.end_of_epoch()
    theta = {n: v.detach() * (v.detach().abs() >= bound(pruner)) for n, v in training.values.items()}
    multipliers = {name: torch.zeros_like(t) for name, t in theta.items()}
    for epoch, mu in [(2, 0.5), (4, 1.0), (6, 2.0), (8, 4.0), (10, 8.0)]:
        training.epoch = epoch
        if epoch > 2:
            pruner.end_of_epoch()
        gradients = torch.autograd.grad(pruner.penalty(), list(training.values.values()))
        for (name, value), gradient in zip(training.values.items(), gradients, strict=True):
            expected = mu * (value.detach() - theta[name]) - multipliers[name]
            assert torch.allclose(gradient, expected, atol=1e-5), (epoch, name)
        with torch.no_grad():  # a learning step
            for value in training.values.values():
                value += 0.05 * torch.randn_like(value)
        shifted = {n: v.detach() - multipliers[n] / mu for n, v in training.values.items()}
        least = torch.cat([s.abs().flatten() for s in shifted.values()]).topk(training.k).values[-1]
        for name, value in training.values.items():
            theta[name] = shifted[name] * (shifted[name].abs() >= least)
            multipliers[name] = multipliers[name] - mu * (value.detach() - theta[name])
    training.epoch = 12
    pruner.end_of_epoch()
    assert pruner.penalty() is None
    assert training.kept == training.k
    for name, value in training.values.items():
        assert torch.equal(value != 0, theta[name] != 0)
        assert torch.allclose(value, theta[name], atol=1e-5)


def bound(pruner):
    """The k-th largest weight."""
    every = torch.cat([value.detach().abs().flatten() for value in pruner.training.values.values()])
    return every.topk(pruner.training.k).values[-1]


def test_without_multipliers_it_is_the_quadratic_penalty(make_pruner, make_network):
    pruner = make_pruner(
        make_network(), "learning-compression", 0.7, 4, era=(0, 4), mu=1.0, last_mu=2.0, multipliers=False
    )
    pruner.before_training()
    for pruner.training.epoch in (1, 2):
        pruner.end_of_epoch()
        assert not any(multiplier.any() for multiplier in pruner.lambdas.values())
        assert int(sum((t != 0).sum() for t in pruner.targets.values())) == pruner.training.k


def test_mu_grows_by_one_factor_per_learning_step_from_the_authors_first_to_their_last(
    make_pruner, make_network
):
    pruner = make_pruner(make_network(), "learning-compression", 0.7, 800, era=(0, 800), every=20)
    assert pruner.count == 40
    mus = [pruner.mu(number) for number in range(40)]
    assert mus == pytest.approx([9e-5 * 1.1**j for j in range(40)], rel=0.002)


def test_weights_are_dense_before_the_end_of_the_era_and_nearer_to_sparse_with_each_step(train_bars):
    gaps, kept = [], []

    def look(pruner, before):
        if before and pruner.targets:
            sizes = torch.cat([v.detach().abs().flatten() for v in pruner.training.values.values()])
            smallest = sizes.sort().values[: -pruner.training.k]
            gaps.append(float(smallest.square().sum() / sizes.square().sum()))
        if not before:
            kept.append((pruner.training.kept == pruner.training.prunable, pruner.settled))

    subject = train_bars(
        "learning-compression", 0.8, era=(2, 12), mu=0.01, last_mu=1.0, watch=look, recipe={"epochs": 14}
    )
    assert kept == [(True, False)] * 11 + [(False, True)] * 3
    assert gaps[-1] < 0.1 * gaps[0]
    assert subject.kept == kept_count(subject.prunable, 0.8)
    assert subject.history.chosen_epoch >= 12


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"mu": 0.0}, "mu must be above 0 and not above last_mu, got 0 and 0.0037"),
        ({"mu": 0.1}, "mu must be above 0 and not above last_mu, got 0.1 and 0.0037"),
        ({"every": 0}, "every of learning-compression must be a whole number, at least 1, got 0"),
        ({"era": (5, 9)}, "era must begin before it ends, within the 8 epochs, got 5 to 9"),
        ({"offset": "frozen"}, "takes no frozen offset"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "learning-compression", 0.9, 8, **params)


@pytest.mark.usefixtures("kit")
def test_the_laws_hold_to_the_last_epoch_with_another_allocation_and_offset():
    check_method("learning-compression", era=(0, 8), every=3, allocation="epf", offset="dct")
