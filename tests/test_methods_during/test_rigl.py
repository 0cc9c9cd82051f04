"""A RigL update is the one that was worked out by hand, and takes the place of the optimizer's step."""

from __future__ import annotations

import math

import pytest
import scipy.fft
import torch
from torch import nn

import sparserobust as sr
from sparserobust.errors import ConfigError
from sparserobust.methods.rigl import cosine
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.weights.attach import SparseWeights
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.slots import Slot

WEIGHTS = [0.5, -0.1, 0.9, 0.2, -0.7, 0.4, 0.0, 0.0, 0.0, 0.0]
KEPT = {0, 1, 2, 3, 4, 5}
GRADIENT = [9.0, 8.0, -7.0, 1.0, 5.0, 6.0, 0.1, -3.0, 2.0, 0.5]
"""At the fourth of 8 steps the share is half of 0.8: int(0.4 * 6) = 2 weights go, -0.1 and 0.2, and two come."""


def mask_of(places, n=10):
    return torch.tensor([[i in places for i in range(n)]])


def about_to_update(make_pruner, hold, optimizer="sgd", offset="zero", **params):
    """One output of ten inputs after three steps of learning rate 0; its optimizer's slots hold 1, 2, ... 10."""
    model = nn.Linear(10, 1)
    params = {"every": 4, "fraction": 0.8, "until": 1.0} | params
    pruner = make_pruner(model, "rigl", 0.4, 1, steps_per_epoch=8, lr=0.0, momentum=0.9, **params)
    training = pruner.training
    if optimizer == "adam":
        training.optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
    if offset == "dct":
        training.weights = SparseWeights(model, {"weight": mask_of(KEPT)}, "dct")
        training.optimizer = torch.optim.SGD(model.parameters(), 0.0, momentum=0.9)
    weights = Slot(model, "weight").values
    with torch.no_grad():
        weights.copy_(torch.tensor([WEIGHTS]))
    training.set_masks({"weight": mask_of(KEPT)})
    attached = hold(pruner)
    for _ in range(3):
        step(attached, model)
    assert torch.equal(weights.detach(), torch.tensor([WEIGHTS]))
    for slot in slots(attached, weights).values():
        slot.copy_(torch.arange(1.0, 11.0).view(1, 10))
    training.optimizer.param_groups[0]["lr"] = 0.1
    return attached, model


def step(attached, model):
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    Slot(model, "weight").values.grad = torch.tensor([GRADIENT])
    attached.step()


def slots(attached, weights):
    state = attached.training.optimizer.state[weights]
    return {name: slot for name, slot in state.items() if getattr(slot, "shape", ()) == weights.shape}


@pytest.mark.parametrize(
    ("regrow", "kept", "new", "dropped"),
    [(True, {0, 1, 2, 4, 5, 7}, 7, {3}), (False, {0, 2, 4, 5, 7, 8}, 8, {1, 3})],
    ids=["regrow", "no-regrow"],
)
def test_the_two_smallest_go_and_two_of_largest_gradient_come(make_pruner, hold, regrow, kept, new, dropped):
    """With regrow -0.1, whose gradient 8 is the largest, comes back at once and keeps its value."""
    attached, model = about_to_update(make_pruner, hold, regrow=regrow)
    step(attached, model)
    assert torch.equal(attached.training.masks["weight"], mask_of(kept))
    expected = [w if i in KEPT - dropped else 0.0 for i, w in enumerate(WEIGHTS)]
    assert torch.equal(model.weight.detach(), torch.tensor([expected]))
    assert model.weight[0, new] == 0


@pytest.mark.parametrize(("optimizer", "names"), [("sgd", 1), ("adam", 2)])
def test_the_optimizer_forgets_dropped_and_new_weights_and_no_others(make_pruner, hold, optimizer, names):
    attached, model = about_to_update(make_pruner, hold, optimizer)
    assert len(slots(attached, model.weight)) == names
    step(attached, model)
    for slot in slots(attached, model.weight).values():
        assert slot[0].tolist() == [1, 2, 3, 0, 5, 6, 7, 0, 9, 10]  # 3 was dropped, 7 is new


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_update_stands_in_the_place_of_the_optimizers_step(make_pruner, hold, optimizer):
    attached, model = about_to_update(make_pruner, hold, optimizer)
    bias = model.bias.detach().clone()
    counters = [s["step"].clone() for s in attached.training.optimizer.state.values() if "step" in s]
    step(attached, model)
    assert torch.equal(model.bias, bias)
    assert model.weight[0, [0, 1, 2, 4, 5]].tolist() == pytest.approx([0.5, -0.1, 0.9, -0.7, 0.4])
    assert [s["step"] for s in attached.training.optimizer.state.values() if "step" in s] == counters
    assert attached.training.step == 4
    mask = attached.training.masks["weight"].clone()
    step(attached, model)
    assert torch.equal(attached.training.masks["weight"], mask)
    assert not torch.equal(model.bias, bias)
    if optimizer == "sgd":
        assert model.weight[0, 7].item() == pytest.approx(-0.1 * -3)  # from 0, without any momentum
        assert model.weight[0, 0].item() == pytest.approx(0.5 - 0.1 * (0.9 * 1 + 9))
    assert model.weight[0, 7] > 0
    assert not model.weight[~mask].any()


def test_on_a_dct_offset_the_trained_part_alone_decides_what_goes(make_pruner, hold):
    """The block is 0.316 everywhere, so that the effective weights of -0.1 and -0.7 are the smallest."""
    attached, model = about_to_update(make_pruner, hold, offset="dct", regrow=False)
    step(attached, model)
    assert torch.equal(attached.training.masks["weight"], mask_of({0, 2, 4, 5, 7, 8}))
    assert Slot(model, "weight").values[0].tolist() == pytest.approx([0.5, 0, 0.9, 0, -0.7, 0.4, 0, 0, 0, 0])
    assert model.weight[0, [1, 3, 7, 8]].tolist() == pytest.approx([1 / math.sqrt(10)] * 4)


def test_the_cosine_falls_from_the_fraction_to_nothing_and_stays_there():
    assert cosine(0.3, 0, 100) == pytest.approx(0.3)
    assert cosine(0.3, 25, 100) == pytest.approx(0.25606602)  # 0.15 * (1 + 0.70710678)
    assert cosine(0.3, 50, 100) == pytest.approx(0.15)
    assert cosine(0.3, 75, 100) == pytest.approx(0.04393398)
    assert [cosine(0.3, step, 100) for step in (100, 150, 200)] == [0, 0, 0]


def test_each_update_replaces_what_the_cosine_says_and_none_comes_from_t_end_on(
    make_pruner, hold, make_network
):
    """20 steps, T_end after 10, an update every second step: at 2, 4, 6 and 8."""
    model = make_network()
    params = {"every": 2, "fraction": 0.5, "until": 0.5, "regrow": False}
    pruner = make_pruner(model, "rigl", 0.7, 4, steps_per_epoch=5, momentum=0.9, **params)
    training, stream = pruner.training, torch.Generator().manual_seed(0)
    training.set_masks(
        {name: torch.rand(m.shape, generator=stream) < 0.3 for name, m in training.masks.items()}
    )
    attached, updates = hold(pruner), []
    for number in range(1, 21):
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=stream)
        before = {name: mask.clone() for name, mask in training.masks.items()}
        replaced = attached.take_gradients()
        attached.take_step(replaced=replaced)
        if replaced:
            updates.append(number)
        share = 0.25 * (1 + math.cos(math.pi * number / 10)) if number in (2, 4, 6, 8) else 0
        for name, mask in training.masks.items():
            count = int(share * int(before[name].sum()))
            assert int((before[name] & ~mask).sum()) == count, (name, number)
            assert int((mask & ~before[name]).sum()) == count, (name, number)
    assert updates == [2, 4, 6, 8]


def test_a_network_without_a_free_place_trains_on_as_a_dense_one(make_pruner, hold):
    attached, model = about_to_update(make_pruner, hold, regrow=True)
    attached.training.set_masks({"weight": mask_of(set(range(10)))})
    with torch.no_grad():
        model.weight.copy_(torch.arange(1.0, 11.0))
    momentum = 0.9 * torch.arange(1.0, 11.0) + torch.tensor(GRADIENT)
    momentum[6:] = torch.tensor(GRADIENT)[6:]  # what came back had none
    step(attached, model)
    assert attached.training.masks["weight"].all()
    torch.testing.assert_close(model.weight[0], torch.arange(1.0, 11.0) - 0.1 * momentum)


@pytest.mark.parametrize("allocation", ["erk", "uniform"])
def test_every_layer_keeps_its_number_of_weights_over_a_training(train_bars, allocation):
    masks = []
    subject = train_bars(
        "rigl",
        0.8,
        every=4,
        allocation=allocation,
        watch=lambda p, before: before or masks.append({n: m.clone() for n, m in p.training.masks.items()}),
    )
    counts = [{name: int(mask.sum()) for name, mask in epoch.items()} for epoch in masks]
    assert counts == [counts[0]] * 8
    assert sum(counts[0].values()) == 486  # of 2,430
    moved = [any(not torch.equal(masks[i][n], masks[i + 1][n]) for n in masks[i]) for i in range(7)]
    assert moved == [True] * 5 + [False] * 2  # T_end is step 36, the end of epoch 6
    for name, weight in subject.effective_weights().items():
        assert not weight[~subject.weights.masks[name]].any()


def test_rigl_dctps_trains_equally_many_weights_per_layer_on_top_of_the_scaled_dct(train_bars):
    """72 of 2,430 weights in three layers, so 24 each; the block of a linear layer is scipy's."""
    subject = train_bars("rigl-dctps", 0.97, every=4, recipe={"lr": 0.02})
    start = sr.sparsify(small_networks()[0], "rigl-dctps", 0.97, small_data())
    assert [int(mask.sum()) for mask in subject.weights.masks.values()] == [24, 24, 24]
    moved = [(subject.weights.masks[n] != mask).any() for n, mask in start.weights.masks.items()]
    assert all(moved)
    for name, size in (("hidden", 96), ("head", 24)):
        module, slot = getattr(subject.model, name), subject.weights.slots[f"{name}.weight"]
        block = torch.from_numpy(scipy.fft.dct(torch.eye(size).double().numpy(), norm="ortho", axis=0))
        block = block[: module.out_features]
        alpha, values = float(dct_offset_of(slot).alpha.detach()), slot.values.detach()
        weight, mask = module.weight.detach(), subject.weights.masks[f"{name}.weight"]
        assert alpha != 1
        assert torch.allclose(weight.double(), alpha * block + values.double(), atol=1e-6)
        assert torch.allclose(weight[~mask].double(), alpha * block[~mask], atol=1e-6)
        assert int(values.count_nonzero()) > 12


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"every": 0}, r"every of rigl must be a whole number, at least 1, or None, got 0"),
        ({"fraction": 0.0}, r"fraction of rigl must be a number in \(0, 1\], got 0.0"),
        ({"until": 1.5}, r"until of rigl must be a number in \(0, 1\], got 1.5"),
        ({"rescue": "random"}, "rigl has no parameter 'rescue'"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "rigl", 0.9, 8, **params)
