"""Surgery is Algorithm 1 of the paper: a dense simulation of it in numpy gives the same masks and weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sparserobust.errors import ConfigError
from sparserobust.methods.network_surgery import update_probability
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject
from sparserobust.testing import check_method
from sparserobust.training.attached import Attached

ALWAYS = {"gamma": 0.0}


def two_layers(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 5, bias=False), nn.Linear(5, 4, bias=False)).double()


def pulled(weights, places):
    """A loss with its minimum elsewhere at every time: gradients that push weights through the thresholds."""
    return sum((w - p).square().sum() / 2 for w, p in zip(weights, places, strict=True))


def test_masks_and_weights_are_those_of_a_dense_simulation_of_algorithm_1(make_pruner):
    model, lr, margin, epochs, steps = two_layers(), 0.2, 0.1, 6, 4
    pruner = make_pruner(
        model,
        "dynamic-network-surgery",
        0.6,
        epochs,
        steps_per_epoch=steps,
        lr=lr,
        era=(1, 5),
        margin=margin,
        **ALWAYS,
    )
    training, attached = (
        pruner.training,
        Attached(pruner, Subject(pruner.training.model, pruner.training.weights, "t", "t")),
    )
    stream = np.random.default_rng(0)
    W = [w.detach().numpy().copy() for w in model.parameters()]
    T = [np.ones(w.shape, bool) for w in W]
    returned = 0
    for step in range(1, epochs * steps + 1):
        places = [stream.normal(size=w.shape) for w in W]
        training.optimizer.zero_grad()
        pulled(list(model.parameters()), [torch.from_numpy(p) for p in places]).backward()
        attached.step()
        W = [
            w - lr * (w * t - p) if step <= 5 * steps else w - lr * (w * t - p) * t
            for w, t, p in zip(W, T, places, strict=True)
        ]
        if steps <= step <= 5 * steps:
            if step == steps:
                mean, deviation = [np.abs(w).mean() for w in W], [np.abs(w).std() for w in W]
            ratio = (1 - margin) / (1 + margin)
            if step in (4, 5, 9, 13, 17, 20):  # when surgery begins, first of each epoch, last
                c = np.sort(
                    np.concatenate(
                        [
                            ((np.abs(w) * np.where(t, 1, ratio) - m) / d).ravel()
                            for w, t, m, d in zip(W, T, mean, deviation, strict=True)
                        ]
                    )
                )[-training.k]
            new = []
            for w, t, m, d in zip(W, T, mean, deviation, strict=True):
                a = m + c * d
                b = a * (1 + margin) / (1 - margin)
                slack = 1e-9  # the weight at the bound itself
                new.append(np.where(np.abs(w) < a - slack, False, np.where(np.abs(w) >= b - slack, True, t)))
            returned += sum(int((n & ~t).sum()) for n, t in zip(new, T, strict=True))
            T = new
        for mask, t, value, w in zip(training.masks.values(), T, model.parameters(), W, strict=True):
            assert np.array_equal(mask.numpy(), t), step
            assert np.allclose(value.detach().numpy(), w * t, atol=1e-12), step
        if step % steps == 0:
            attached.end_epoch()
    assert returned > 10
    assert training.kept == kept_count(50, 0.6)


def surgery_on(make_pruner, weights, sparsity, **params):
    """One linear layer with these weights, about to begin surgery."""
    model = nn.Linear(len(weights), 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([weights]))
    pruner = make_pruner(
        model, "dynamic-network-surgery", sparsity, 1, steps_per_epoch=100, era=(0, 1), **params
    )
    return model, Attached(pruner, Subject(pruner.training.model, pruner.training.weights, "t", "t"))


def push(model, attached, gradient):
    model.weight.grad = torch.tensor([gradient])
    attached.step()
    return attached.training.masks["weight"][0].tolist()


def test_a_pruned_weight_comes_back_with_its_surrogates_value_once_it_exceeds_the_upper_threshold(
    make_pruner,
):
    model, attached = surgery_on(make_pruner, [1.0, 2.0, 3.0, 4.0], 0.5, lr=1.0, margin=0.1, **ALWAYS)
    still = [0.0, 0.0, 0.0, 0.0]
    assert push(model, attached, still) == [False, False, True, True]  # a = 3, b = 3 * 1.1 / 0.9 = 3.67
    assert model.weight.tolist() == [[0.0, 0.0, 3.0, 4.0]]
    assert push(model, attached, [0.0, -1.5, 0.0, 0.0]) == [False, False, True, True]  # 3.5 is in between
    assert model.weight.tolist() == [[0.0, 0.0, 3.0, 4.0]]
    assert push(model, attached, [0.0, -0.25, 0.0, 0.0]) == [False, True, True, True]
    assert model.weight.tolist() == [[0.0, 3.75, 3.0, 4.0]]
    assert push(model, attached, [0.0, 0.5, 0.0, 0.0]) == [False, True, True, True]  # above a, it stays
    assert push(model, attached, [0.0, 0.5, 0.0, 0.0]) == [False, False, True, True]
    assert model.weight.tolist() == [[0.0, 0.0, 3.0, 4.0]]


def test_a_surrogate_moves_as_the_weight_would_under_sgd_with_momentum_and_decay(make_pruner):
    model, attached = surgery_on(
        make_pruner, [0.1, 0.2, 50.0, 60.0], 0.5, lr=0.1, momentum=0.9, speed=3.0, **ALWAYS
    )
    attached.training.optimizer.param_groups[0]["weight_decay"] = 0.01
    twin = None
    stream = torch.Generator().manual_seed(0)
    for step in range(8):
        if step == 1:
            start = attached.pruner.surrogates["weight"][0, :2].clone()
            twin = nn.Parameter(start)
            sgd = torch.optim.SGD([twin], 0.3, momentum=0.9, weight_decay=0.01)
        gradient = torch.randn(4, generator=stream)
        assert push(model, attached, gradient.tolist()) == [False, False, True, True]
        if twin is not None:
            twin.grad = gradient[:2].clone()
            sgd.step()
            assert torch.allclose(attached.pruner.surrogates["weight"][0, :2], twin, rtol=1e-5)
            assert not attached.pruner.surrogates["weight"][0, 2:].any()


def test_updates_become_rarer_as_the_probability_says(make_pruner, monkeypatch):
    assert update_probability(0, 1e-4, 1.0) == 1
    assert update_probability(10_000, 1e-4, 1.0) == 0.5
    assert update_probability(9, 1 / 3, 2.0) == pytest.approx(1 / 16)
    model = two_layers()
    pruner = make_pruner(
        model, "dynamic-network-surgery", 0.5, 1, steps_per_epoch=3000, era=(0, 1), gamma=0.01
    )
    updates = []
    monkeypatch.setattr(pruner, "_update", lambda exactly: updates.append(pruner.training.step))
    for pruner.training.step in range(1, 3001):
        pruner.after_step()
    halves = [sum(step <= 300 for step in updates), sum(step > 300 for step in updates)]
    expected = [sum(1 / (1 + 0.01 * i) for i in span) for span in (range(1, 301), range(301, 3001))]
    assert halves == pytest.approx(expected, rel=0.15)
    assert updates[-1] == 3000


def test_a_threshold_of_its_own_keeps_layers_alike_and_a_common_one_the_largest(make_pruner):
    kept = {}
    for threshold in ("deviation", "magnitude"):
        model = two_layers()
        with torch.no_grad():
            model[0].weight.mul_(0.01)
        pruner = make_pruner(
            model, "dynamic-network-surgery", 0.7, 1, era=(0, 1), threshold=threshold, **ALWAYS
        )
        pruner.training.step = 1
        pruner.after_step()
        kept[threshold] = int(pruner.training.masks["0.weight"].sum())
        assert pruner.training.kept == 15
    assert kept["magnitude"] == 0
    assert kept["deviation"] >= 5


def test_the_masks_stay_after_the_era_and_weights_came_back_in_it(train_bars):
    masks = []
    subject = train_bars(
        "dynamic-network-surgery",
        0.8,
        era=(2, 6),
        watch=lambda p, before: before or masks.append({n: m.clone() for n, m in p.training.masks.items()}),
        recipe={"lr": 0.2},
    )
    assert all(mask.all() for mask in masks[0].values())
    back = sum(int((masks[i + 1][name] & ~masks[i][name]).sum()) for i in range(1, 5) for name in masks[0])
    assert back > 5
    for later in masks[6:]:
        assert all(torch.equal(later[name], mask) for name, mask in masks[5].items())
    assert subject.kept == kept_count(subject.prunable, 0.8)
    assert subject.history.chosen_epoch >= 6


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"margin": 1.0}, r"margin of dynamic-network-surgery must be a number in \[0, 1\), got 1"),
        ({"gamma": -1.0}, "gamma of dynamic-network-surgery must be a number, at least 0, got -1"),
        ({"power": float("nan")}, "power of dynamic-network-surgery must be a number, at least 0, got nan"),
        ({"era": (3, 9)}, "era must begin before it ends, within the 8 epochs, got 3 to 9"),
        ({"threshold": "mean"}, "threshold of dynamic-network-surgery must be one of deviation, magnitude"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "dynamic-network-surgery", 0.9, 8, **params)


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize("params", [{"allocation": "erk", "offset": "frozen", "gamma": 0.1}])
def test_the_laws_hold_with_another_allocation_and_offset(params):
    check_method("dynamic-network-surgery", **params)
