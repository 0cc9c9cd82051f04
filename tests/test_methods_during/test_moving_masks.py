"""SET, sparse momentum and DSR move weights as the papers say: how many, from where, to where."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.errors import ConfigError
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe


def two_rows(pruner_for, method, a, b, *, lr=0.0, momentum=0.9, epochs=2, steps_per_epoch=1, **params):
    """A pruner of two layers of one output each; what is None in `a` and `b` is pruned."""
    model = nn.ModuleDict({n: nn.Linear(len(w), 1, bias=False) for n, w in (("a", a), ("b", b))})
    pruner = pruner_for(
        model,
        method,
        0.5,
        epochs,
        steps_per_epoch=steps_per_epoch,
        lr=lr,
        momentum=momentum,
        **params,
    )
    rows = {"a.weight": a, "b.weight": b}
    masks = {name: torch.tensor([[w is not None for w in row]]) for name, row in rows.items()}
    with torch.no_grad():
        for name, row in rows.items():
            pruner.training.values[name].copy_(torch.tensor([[w or 0.0 for w in row]]))
    pruner.training.set_masks(masks)
    return pruner


def push(attached, gradients):
    for name, gradient in gradients.items():
        attached.training.values[name].grad = torch.tensor([gradient])
    attached.step()


def places(mask):
    return set(mask.flatten().nonzero().flatten().tolist())


def thin(training, density, seed=0):
    stream = torch.Generator().manual_seed(seed)
    masks = {
        name: torch.rand(mask.shape, generator=stream) < density for name, mask in training.masks.items()
    }
    training.set_masks(masks)


def diary(seen):
    return lambda p, before: before or seen.append({n: m.clone() for n, m in p.training.masks.items()})


def counts_of(masks):
    return {name: int(mask.sum()) for name, mask in masks.items()}


# -- SET --------------------------------------------------------------------------------------------------


def test_set_replaces_the_smallest_of_each_layer_by_as_many_new_zeros(make_pruner, hold, network):
    pruner = make_pruner(network, "set", 0.7, 5, momentum=0.9, fraction=0.35)
    training, attached = pruner.training, hold(pruner)
    thin(training, 0.3)
    for epoch in range(1, 6):
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        attached.step()
        before = {name: mask.clone() for name, mask in training.masks.items()}
        weights = {name: value.detach().clone() for name, value in training.values.items()}
        for value in training.values.values():
            training.optimizer.state[value]["momentum_buffer"].fill_(1.0)
        attached.end_epoch()
        assert all(torch.equal(mask, before[name]) for name, mask in training.masks.items())  # for validation
        pruner.after_step()
        for name, mask in training.masks.items():
            gone, new, stay = before[name] & ~mask, mask & ~before[name], mask & before[name]
            count = 0 if epoch == 5 else int(0.35 * int(before[name].sum()))
            assert int(gone.sum()) == int(new.sum()) == count, (name, epoch)
            if count:
                assert weights[name][gone].abs().max() <= weights[name][stay].abs().min()
            assert torch.equal(training.values[name][stay], weights[name][stay])
            assert not training.values[name][~stay].any()
            buffer = training.optimizer.state[training.values[name]]["momentum_buffer"]
            assert torch.equal(buffer == 0, gone | new)


def test_set_keeps_the_number_of_every_layer_over_a_training(train_bars):
    masks = []
    subject = train_bars("set", 0.8, watch=diary(masks))
    assert [counts_of(epoch) for epoch in masks] == [counts_of(masks[0])] * 8
    assert subject.kept == 486
    moved = [any(not torch.equal(m, masks[i + 1][n]) for n, m in masks[i].items()) for i in range(7)]
    assert moved == [True] * 7


def test_set_replaces_no_more_than_there_are_free_places(make_pruner):
    pruner = two_rows(make_pruner, "set", [1.0, 2.0, 3.0, 4.0, None], [1.0] * 4, fraction=0.9)
    pruner.training.epoch = 1
    pruner.end_of_epoch()
    pruner.after_step()
    assert places(pruner.training.masks["a.weight"]) == {1, 2, 3, 4}
    assert pruner.training.values["a.weight"].tolist() == [[0.0, 2.0, 3.0, 4.0, 0.0]]
    assert pruner.training.masks["b.weight"].all()


# -- sparse momentum --------------------------------------------------------------------------------------

A = [0.1, 0.2, 0.3, 0.4] + [None] * 6
B = [0.4, -0.1, 0.3, -0.2, 0.5, 0.6, 0.7, 0.8] + [None] * 12
PULL_A = [1.0, -2.0, 4.0, -5.0, 9.0, -8.0, 0.5, 0.1, 7.0, 0.2]
PULL_B = [-1.0, 2.0, 0.25, 0.5, -0.25, 1.5, -1.5, 1.0, -4.0, -1.9] + [3.0] * 10


def test_sparse_momentum_moves_weights_to_the_layer_of_larger_mean_momentum(make_pruner, hold):
    """Half way the rate is 0.2525: ceil(1.01) = 2 of a's 4 go and ceil(2.02) = 3 of b's 8, five in all.

    The mean |momentum| of their weights is 12 / 4 = 3 and 8 / 8 = 1, so a gets 3.75 and b 1.25 of the five, which
    is 4 and 1 (by sums, or by means over all places, it would be 3 and 2). They grow where it is largest: in a at
    9, 8, 7 and 2, which was the weight 0.2 just dropped, and in b at 4.
    """
    pruner = two_rows(make_pruner, "sparse-momentum", A, B)
    attached = hold(pruner)
    push(attached, {"a.weight": PULL_A, "b.weight": PULL_B})
    attached.end_epoch()
    pruner.after_step()
    masks, values = pruner.training.masks, pruner.training.values
    assert places(masks["a.weight"]) == {1, 2, 3, 4, 5, 8}
    assert places(masks["b.weight"]) == {0, 4, 5, 6, 7, 8}
    assert values["a.weight"][0].tolist() == pytest.approx([0, 0.2, 0.3, 0.4, 0, 0, 0, 0, 0, 0])
    assert values["b.weight"][0, :8].tolist() == pytest.approx([0.4, 0, 0, 0, 0.5, 0.6, 0.7, 0.8])


@pytest.mark.parametrize(("step", "share"), [(0, 0.5), (500, 0.2525), (1000, 0.005)])
def test_the_share_that_goes_falls_along_the_cosine_to_its_last_value(make_pruner, step, share):
    n, kept = 4000, 1999
    a = [0.1 + i / n if i < kept else None for i in range(n)]
    pruner = two_rows(make_pruner, "sparse-momentum", a, [1.0], epochs=100, steps_per_epoch=10)
    training = pruner.training
    before = training.masks["a.weight"].clone()
    pruner.momentum["a.weight"].copy_(torch.where(before, 0.5, 1.0))  # so that none that goes comes back
    training.step, training.epoch = step, 99
    pruner.end_of_epoch()
    pruner.after_step()
    gone = before & ~training.masks["a.weight"]
    assert places(gone) == set(range(math.ceil(share * kept)))
    assert training.kept == kept + 1


def test_layers_that_are_nearly_full_or_nearly_empty_survive(make_pruner):
    """Of 9 of 10 weights goes the tenth that is missing, and the only weight of a layer stays."""
    full = [0.1 * (i + 1) for i in range(9)] + [None]
    pruner = two_rows(make_pruner, "sparse-momentum", full, [0.1] + [None] * 9)
    pruner.momentum["a.weight"].copy_(torch.tensor([[1.0] * 9 + [2.0]]))
    pruner.momentum["b.weight"].fill_(5.0)
    pruner.training.epoch = 1
    pruner.end_of_epoch()
    pruner.after_step()
    masks = pruner.training.masks
    assert places(masks["a.weight"]) == set(range(1, 9))
    assert len(places(masks["b.weight"])) == 2
    assert 0 in places(masks["b.weight"])
    pruner.training.epoch = 2
    before = {name: mask.clone() for name, mask in masks.items()}
    pruner.end_of_epoch()
    pruner.after_step()
    assert all(torch.equal(mask, before[name]) for name, mask in masks.items())  # the last epoch


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_the_momentum_is_the_average_of_dense_gradients(make_pruner, hold, optimizer):
    training = two_rows(make_pruner, "sparse-momentum", A, B, momentum=0.8, epochs=9).training
    training.sparsity = 0.5
    if optimizer == "adam":
        adam = torch.optim.Adam(training.model.parameters(), lr=0.0, betas=(0.7, 0.95))
        training = dataclasses.replace(training, optimizer=adam)
    pruner = build_method("sparse-momentum", {}).pruner(training)
    attached, stream = hold(pruner), torch.Generator().manual_seed(0)
    steps = [
        {name: torch.randn(value.numel(), generator=stream) for name, value in training.values.items()}
        for _ in range(7)
    ]
    for gradients in steps:
        push(attached, {name: gradient.tolist() for name, gradient in gradients.items()})
    for name in training.values:
        g = [gradients[name].double() for gradients in steps]
        if optimizer == "sgd":
            expected = sum(0.8 ** (6 - t) * g[t] for t in range(7)).abs()
        else:
            first = sum(0.3 * 0.7 ** (6 - t) * g[t] for t in range(7))
            second = sum(0.05 * 0.95 ** (6 - t) * g[t] ** 2 for t in range(7))
            expected = first.abs() / (second.sqrt() + 1e-8)
        assert torch.allclose(pruner._pull(name)[0].double(), expected, rtol=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_sparse_momentum_keeps_the_number_in_all_and_not_that_of_the_layers(train_bars, optimizer):
    masks = []
    recipe = {"optimizer": optimizer} | ({"lr": 0.005, "momentum": 0.0} if optimizer == "adam" else {})
    train_bars("sparse-momentum", 0.8, watch=diary(masks), recipe=recipe)
    assert [sum(counts_of(epoch).values()) for epoch in masks] == [486] * 8
    assert counts_of(masks[0]) != counts_of(masks[-1])


@pytest.mark.parametrize("method", ["rigl", "rigl-dctps", "dsr"])
def test_a_mask_moves_every_hundred_steps_or_ten_times_in_a_short_training(make_pruner, make_network, method):
    """`until` is .75; a training of 8 steps has room for a move at 1, 2, 3, 4 and 5."""
    found = {
        steps: make_pruner(make_network(), method, 0.9, 1, steps_per_epoch=steps)
        for steps in (8, 400, 1333, 5000)
    }
    assert {steps: pruner.every for steps, pruner in found.items()} == {8: 1, 400: 30, 1333: 100, 5000: 100}
    assert {steps: pruner.end for steps, pruner in found.items()} == {8: 6, 400: 300, 1333: 1000, 5000: 3750}
    with pytest.raises(ConfigError, match="moves every 6 steps until step 6 of 8, so never; give a smaller"):
        make_pruner(make_network(), method, 0.9, 8, every=6)
    assert make_pruner(make_network(), method, 0.9, 8, every=5).every == 5


class TwoHeads(nn.Module):
    """The second head is never used."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body, self.used, self.unused = nn.Linear(64, 30), nn.Linear(30, 3), nn.Linear(30, 20)

    def forward(self, images):
        return self.used(torch.relu(self.body(images.flatten(1))))


@pytest.mark.parametrize("method", ["rigl", "rigl-dctps", "set", "sparse-momentum", "dsr"])
def test_a_layer_that_the_loss_does_not_depend_on_is_left_alone(method):
    data = small_data()
    subject = sr.sparsify(TwoHeads(), method, 0.8, data)
    before = subject.kept
    sr.train(subject, data, epochs=4, recipe="digits", batch_size=16)
    assert subject.kept == before


@pytest.mark.parametrize("method", ["rigl", "set", "sparse-momentum", "dsr"])
def test_at_sparsity_zero_it_is_the_dense_training(method):
    data = small_data()
    dense, full = (sr.sparsify(small_networks()[1], name, 0.0, data) for name in ("dense", method))
    for subject in (dense, full):
        sr.train(subject, data, epochs=4, recipe="digits", batch_size=16)
    theirs = dense.model.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in full.model.state_dict().items())


@pytest.mark.parametrize("method", ["rigl", "rigl-dctps", "set", "sparse-momentum", "dsr"])
def test_where_the_weights_have_moved_to_must_be_stored(method):
    """No seed brings it back, although it does where the mask began."""
    data = small_data()
    subject = sr.sparsify(small_networks()[0], method, 0.8, data)
    assert subject.positions == "stored"
    assert sr.sparsify(small_networks()[0], "random", 0.8, data).positions == "seeded"


@pytest.mark.parametrize(
    "method", ["starfire-ck", "starfire-window", "gradual-magnitude", "dynamic-network-surgery"]
)
def test_a_last_batch_of_one_example_that_batchnorm_drops_is_foreseen(method):
    """33 examples in batches of 16 are two steps, whoever makes the batches."""
    split = small_data().train
    images, labels = split.images[:33], split.labels[:33]
    found = []
    for data in ((images, labels), DataLoader(TensorDataset(images, labels), 16)):
        subject = sr.sparsify(small_networks()[0], method, 0.4, (images, labels))
        recipe = {"name": "t", "source": "", "optimizer": "sgd", "lr": 0.05, "batch_size": 16, "epochs": 10}
        sr.train(subject, data, recipe=Recipe.model_validate(recipe))
        assert subject.history.steps == 20
        assert subject.warnings == ()
        found.append(subject.kept / subject.prunable)
    assert found[0] == pytest.approx(found[1], abs=0.03)
    assert subject.history.chosen_because != "last-at-its-sparsity"
