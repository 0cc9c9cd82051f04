"""Frozen weights that decay by one factor, against torch's own optimizers on tensors without a gradient."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from sparserobust.errors import ConfigError
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.attach import SparseWeights

STEPS = 50
MAKERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": lambda groups: SGD(groups, 0.1, weight_decay=0.3),
    "momentum": lambda groups: SGD(groups, 0.05, momentum=0.9, weight_decay=0.04),
    "dampening": lambda groups: SGD(groups, 0.05, momentum=0.8, dampening=0.4, weight_decay=0.2),
    "nesterov": lambda groups: SGD(groups, 0.05, momentum=0.9, nesterov=True, weight_decay=0.04),
    "maximize": lambda groups: SGD(groups, 1e-3, momentum=0.9, maximize=True, weight_decay=2.0),
    "adamw": lambda groups: AdamW(groups, 0.02, weight_decay=0.8),
    "adam decoupled": lambda groups: Adam(groups, 0.02, weight_decay=0.8, decoupled_weight_decay=True),
}


def shadows_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """A copy of every prunable weight, as a parameter whose gradient is zero for ever."""
    shadows = {name: nn.Parameter(weight.clone()) for name, weight in effective_weights(model).items()}
    for shadow in shadows.values():
        shadow.grad = torch.zeros_like(shadow)
    return shadows


def step(model: nn.Module, optimizer: Optimizer, batch: tuple[Tensor, Tensor]) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    optimizer.step()


def masks_of(model: nn.Module, density: float = 0.3) -> dict[str, Tensor]:
    stream = torch.Generator().manual_seed(1)
    return {n: torch.rand(w.shape, generator=stream) < density for n, w in effective_weights(model).items()}


@pytest.mark.parametrize(
    ("dtype", "rtol", "schedule"),
    [
        pytest.param(torch.float32, 1e-5, True, marks=pytest.mark.slow),
        (torch.float64, 1e-12, True),
        pytest.param(torch.float64, 1e-12, False, marks=pytest.mark.slow),
    ],
    ids=["float32, falling rate", "float64, falling rate", "float64, constant rate"],
)
@pytest.mark.parametrize("kind", list(MAKERS))
def test_frozen_weights_move_as_the_optimizer_moves_a_tensor_without_gradient(
    network, problem, kind, dtype, rtol, schedule
):
    """50 steps of training beside 50 steps on copies with zero gradient. Each step of the copies rounds once
    or twice, 50 x 1e-7 in float32, while ours is one product of W0 with a factor kept in float64."""
    network.to(dtype)
    images, labels = problem(16)
    batch = (images.to(dtype), labels)
    masks, shadows = masks_of(network), shadows_of(network)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)
    optimizers = [MAKERS[kind](network.parameters()), MAKERS[kind](shadows.values())]
    schedulers = [torch.optim.lr_scheduler.StepLR(o, 17, 0.3) for o in optimizers] if schedule else []
    handle = weights.hold(optimizers[0])
    for _ in range(STEPS):
        step(network, optimizers[0], batch)
        optimizers[1].step()
        for scheduler in schedulers:
            scheduler.step()
    handle.remove()
    for name, weight in effective_weights(network).items():
        off = ~masks[name]
        torch.testing.assert_close(weight[off], shadows[name].detach()[off], rtol=rtol, atol=0)
        assert 0.01 < abs(weights.decay.gamma[name]) < 0.9


def test_each_parameter_group_decays_by_its_own_settings(make_network, problem):
    """Another rate, decay and momentum per group, and one group without decay, which stays bit for bit."""
    network = make_network("residual")
    masks, shadows = masks_of(network), shadows_of(network)
    names = list(shadows)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)

    def grouped(of: dict[str, Tensor], others: list[Tensor]) -> Optimizer:
        groups = [
            {"params": [of[names[0]], of[names[1]]], "lr": 0.02, "weight_decay": 0.5},
            {"params": [of[names[2]]], "momentum": 0.0, "weight_decay": 0.2},
            {"params": [of[names[3]]], "weight_decay": 0.0},
            {"params": [of[names[4]], *others]},
        ]
        return SGD(groups, 0.05, momentum=0.9, weight_decay=0.04)

    own = {name: module.values for name, module in prunable_slots(network).items()}
    others = [p for p in network.parameters() if id(p) not in {id(t) for t in own.values()}]
    optimizers = [grouped(own, others), grouped(shadows, [])]
    before = effective_weights(network)
    weights.hold(optimizers[0])
    for _ in range(STEPS):
        step(network, optimizers[0], problem(16))
        optimizers[1].step()
    for name, weight in effective_weights(network).items():
        off = ~masks[name]
        torch.testing.assert_close(weight[off], shadows[name].detach()[off], rtol=1e-5, atol=0)
    gamma = weights.decay.gamma
    assert gamma[names[3]] == 1.0
    assert torch.equal(
        effective_weights(network)[names[3]][~masks[names[3]]], before[names[3]][~masks[names[3]]]
    )
    assert len({round(gamma[name], 6) for name in names}) == 4, "the two of one group share their factor"


@pytest.mark.parametrize("kind", list(MAKERS))
def test_after_every_step_the_offset_is_gamma_times_the_initial_weight_bit_for_bit(network, problem, kind):
    masks, initial = masks_of(network), effective_weights(network)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)
    optimizer = MAKERS[kind](network.parameters())
    weights.hold(optimizer)
    last = dict.fromkeys(masks, 1.0)
    for _ in range(5):
        step(network, optimizer, problem(16))
        plan = weights.snapshot()
        for name, weight in effective_weights(network).items():
            off, gamma = ~masks[name], weights.decay.gamma[name]
            assert gamma < last[name]
            assert torch.equal(weight[off], (initial[name] * gamma)[off])
            assert torch.equal(plan[name].offset, initial[name] * gamma)
            assert torch.equal(weights.frozen[name], initial[name]), (
                "the offset itself stays what the seed gives"
            )
            last[name] = gamma


def test_kept_weights_are_trained_as_without_the_decay_of_the_others(network, problem):
    """One step from the same point: on the mask as in the dense network, decay and momentum included."""
    dense, masks = copy.deepcopy(network), masks_of(network)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)
    optimizers = [MAKERS["momentum"](model.parameters()) for model in (network, dense)]
    weights.hold(optimizers[0])
    for model, optimizer in zip((network, dense), optimizers, strict=True):
        torch.manual_seed(0)
        step(model, optimizer, problem(16))
    free = effective_weights(dense)
    for name, weight in effective_weights(network).items():
        assert torch.equal(weight[masks[name]], free[name][masks[name]])
        assert not torch.equal(weight, free[name])


@pytest.mark.parametrize(
    "make",
    [
        lambda p: Adam(p, 0.01, weight_decay=0.1),
        lambda p: torch.optim.RMSprop(p, 0.01, weight_decay=0.1),
        lambda p: torch.optim.Adagrad(p, 0.01, weight_decay=0.1),
        lambda p: torch.optim.NAdam(p, 0.01, weight_decay=0.1),
    ],
    ids=["adam", "rmsprop", "adagrad", "nadam"],
)
def test_an_optimizer_that_moves_each_weight_by_another_factor_is_refused(network, make):
    """Its step divides by a running root of squares; and indeed no common factor comes out."""
    shadows = shadows_of(network)
    optimizer = make(shadows.values())
    before = {name: shadow.detach().clone() for name, shadow in shadows.items()}
    optimizer.step()
    ratios = torch.cat([(shadows[n].detach() / w).flatten() for n, w in before.items()])
    assert float(ratios.max() - ratios.min()) > 0.01
    weights = SparseWeights(network, masks_of(network), "frozen", decay_offset=True)
    optimizer = make(network.parameters())
    text = f"needs SGD or decoupled weight decay, got {type(optimizer).__name__}, .* use sgd or adamw"
    with pytest.raises(ConfigError, match=text):
        weights.hold(optimizer)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: Adam(p, 0.01),
        lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5),
        lambda p: SGD(p, 0.1, momentum=0.9),
        lambda p: AdamW(p, 0.01, weight_decay=0.0),
    ],
    ids=["adam", "rmsprop", "sgd", "adamw"],
)
def test_without_weight_decay_any_optimizer_will_do_and_nothing_shrinks(network, problem, make):
    masks, initial = masks_of(network), effective_weights(network)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)
    optimizer = make(network.parameters())
    weights.hold(optimizer)
    for _ in range(3):
        step(network, optimizer, problem(16))
    assert set(weights.decay.gamma.values()) == {1.0}
    for name, weight in effective_weights(network).items():
        assert torch.equal(weight[~masks[name]], initial[name][~masks[name]])


def test_dropping_the_offset_leaves_a_pruned_network(network, problem):
    masks = masks_of(network)
    weights = SparseWeights(network, masks, "frozen", decay_offset=True)
    optimizer = MAKERS["sgd"](network.parameters())
    weights.hold(optimizer)
    step(network, optimizer, problem(16))
    before = effective_weights(network)
    weights.drop_offset()
    for name, weight in effective_weights(network).items():
        assert torch.equal(weight, before[name] * masks[name])
    step(network, optimizer, problem(16))
    for name, weight in effective_weights(network).items():
        assert not weight[~masks[name]].any()
        assert not weights.snapshot()[name].offset.any()
    assert (weights.kind, weights.decay, weights.frozen) == ("zero", None, {})
