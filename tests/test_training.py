"""The training loop: repeatable, honest about what it did, and faithful to the papers' recipes."""

from __future__ import annotations

import copy
import dataclasses
import math
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import sparserobust as sr
from sparserobust.errors import ConfigError, ModelError
from sparserobust.training import Recipe, check_trainable, load_recipe, started_from
from sparserobust.uses import prunable_slots
from sparserobust.weights.offset import dct_offset_of
from sparserobust.weights.plan import sha256_of

METHODS = ["snip", "freezenet", "dctps"]


def recipe(**changes) -> Recipe:
    plan = {
        "name": "t",
        "source": "test",
        "optimizer": "sgd",
        "lr": 0.1,
        "momentum": 0.9,
        "batch_size": 16,
        "epochs": 3,
    }
    return Recipe.model_validate(plan | changes)


def bundle(problem, *, train=64, val=32, val_labels=None) -> sr.Data:
    images, labels = problem(val, seed=7)
    return sr.Data(
        name="quadrants",
        train=TensorDataset(*problem(train)),
        val=None if val == 0 else TensorDataset(images, labels if val_labels is None else val_labels),
        test=TensorDataset(*problem(32, seed=8)),
        mean=(0.0,),
        std=(1.0,),
        classes=("a", "b", "c", "d"),
        input_shape=(1, 8, 8),
    )


def accuracy(model: nn.Module, images, labels) -> float:
    model.eval()
    return float((model(images).argmax(1) == labels).float().mean())


# -- the loop ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["dense", *METHODS])
def test_training_learns(network, problem, method):
    subject = sr.sparsify(network, method, 0 if method == "dense" else 0.5, problem(64))
    sr.train(subject, problem(128), recipe=recipe(optimizer="adam", lr=0.02, epochs=8))
    assert accuracy(subject.model, *problem(100, seed=5)) > 0.9


def test_the_same_seed_gives_the_same_bits(network, problem):
    """With dropout, BatchNorm and shuffling; whatever the global random state was."""
    results = []
    for state in (1, 2):
        subject = sr.sparsify(network, "snip", 0.5, problem(64))
        torch.manual_seed(state)
        history = sr.train(subject, bundle(problem), recipe=recipe(), seed=3)
        results.append(
            (
                sha256_of(subject.model.state_dict()),
                [e.model_copy(update={"seconds": 0}) for e in history.epochs],
            )
        )
    assert results[0] == results[1]


def test_the_same_seed_gives_the_same_bits_from_a_shuffling_loader(make_network, problem):
    hashes = []
    for state in (1, 2):
        torch.manual_seed(state)
        model = make_network("conv")
        sr.train(model, DataLoader(TensorDataset(*problem(40)), batch_size=8, shuffle=True), recipe=recipe())
        hashes.append(sha256_of(model.state_dict()))
    assert hashes[0] == hashes[1]


def test_another_seed_gives_another_order(make_network, problem):
    models = [make_network("residual") for _ in range(2)]  # no dropout: the order alone differs
    for seed, model in enumerate(models):
        sr.train(model, problem(64), recipe=recipe(), seed=seed)
    assert sha256_of(models[0].state_dict()) != sha256_of(models[1].state_dict())


def test_training_leaves_modes_gradients_and_global_random_states_alone(network, problem):
    network.train()
    list(network.children())[-1].eval()
    modes = [m.training for m in network.modules()]
    np.random.seed(3)
    random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    sr.train(network, bundle(problem), recipe=recipe())
    assert [m.training for m in network.modules()] == modes
    assert all(p.grad is None for p in network.parameters())
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())


def test_one_epoch_is_what_the_optimizer_does_on_the_batches(make_network, problem):
    """Against a loop by hand: SGD with momentum and decay on a network without dropout, in the order given."""
    images, labels = problem(48)
    ours, by_hand = make_network("residual"), make_network("residual")
    sr.train(
        ours,
        DataLoader(TensorDataset(images, labels), batch_size=16),
        recipe=recipe(weight_decay=0.01, epochs=2),
    )
    optimizer = torch.optim.SGD(by_hand.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
    by_hand.train()
    for _ in range(2):
        for start in range(0, 48, 16):
            optimizer.zero_grad()
            F.cross_entropy(by_hand(images[start : start + 16]), labels[start : start + 16]).backward()
            optimizer.step()
    for (name, a), b in zip(ours.state_dict().items(), by_hand.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_the_best_epoch_is_restored_when_later_ones_are_worse(network, problem):
    """The validation labels are wrong by one, so that training on can only make validation worse."""
    _, labels = problem(32, seed=7)
    data = bundle(problem, val_labels=(labels + 1) % 4)
    slow = recipe(optimizer="adam", lr=0.004, epochs=5)
    full, shorter = copy.deepcopy(network), copy.deepcopy(network)
    history = sr.train(full, data, recipe=slow)
    accuracies = [e.val_accuracy for e in history.epochs]
    best = accuracies.index(max(accuracies)) + 1
    assert best < 5
    assert accuracies[-1] < max(accuracies)
    assert history.chosen_epoch == best
    assert history.chosen_because == "best-validation"
    sr.train(shorter, data, recipe=slow, epochs=best)
    assert sha256_of(full.state_dict()) == sha256_of(shorter.state_dict())


def test_batchnorm_statistics_belong_to_the_chosen_epoch(make_network, problem):
    _, labels = problem(32, seed=7)
    model = make_network("conv")
    history = sr.train(
        model,
        bundle(problem, val_labels=(labels + 1) % 4),
        recipe=recipe(optimizer="adam", lr=0.02, epochs=6),
    )
    assert int(model.body[1].num_batches_tracked) == 4 * history.chosen_epoch


def test_without_a_validation_split_the_last_epoch_is_kept(make_network, problem):
    model = make_network("conv")
    history = sr.train(model, problem(64), recipe=recipe(epochs=3))
    assert (history.chosen_epoch, history.chosen_because) == (
        3,
        "last-without-validation",
    )
    assert [e.val_accuracy for e in history.epochs] == [None] * 3
    assert int(model.body[1].num_batches_tracked) == 12


def test_no_epochs_leave_the_initial_weights(network, problem):
    before = sha256_of(network.state_dict())
    history = sr.train(network, bundle(problem), recipe=recipe(), epochs=0)
    assert sha256_of(network.state_dict()) == before
    assert (history.epochs, history.chosen_epoch, history.steps, history.status) == ((), 0, 0, "completed")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("method", METHODS)
def test_weight_decay_and_momentum_never_move_what_is_frozen_or_pruned(
    make_network, problem, method, optimizer
):
    model = make_network("conv")
    subject = sr.sparsify(model, method, 0.8, problem(64))
    start = subject.plan
    sr.train(subject, problem(64), recipe=recipe(optimizer=optimizer, lr=0.02, weight_decay=0.5))
    for name, module in prunable_slots(subject.model).items():
        off, weight = ~start[name].mask, module.effective.detach()
        assert torch.equal(subject.plan[name].mask, start[name].mask)
        if method == "dctps":
            dct = dct_offset_of(module)
            assert dct.alpha.item() != 1
            assert torch.equal(weight[off], (dct.alpha.detach() * dct.block)[off])
            assert not module.values[off].any()
        else:
            assert torch.equal(weight[off], start[name].offset[off])


def test_weight_decay_acts_on_biases_too(make_network):
    """Images of zeros give the first layer no gradient but decay: each step multiplies by 1 - lr * decay."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with torch.no_grad():
        model[1].weight.fill_(1)
    sr.train(
        model,
        (torch.zeros(32, 1, 2, 2), torch.arange(32) % 3),
        recipe=recipe(momentum=0, weight_decay=0.5, epochs=1),
    )
    assert torch.allclose(model[1].weight, torch.full((3, 4), 0.95**2))


def test_clipping_bounds_the_step_by_the_trainable_gradients_alone(make_network, problem):
    """One step of plain SGD: its length is lr * clip_norm, and what is frozen has no part in the norm."""
    subject = sr.sparsify(make_network("conv"), "freezenet", 0.9, problem(64))
    before = {n: p.detach().clone() for n, p in subject.model.named_parameters()}
    sr.train(subject, problem(16), recipe=recipe(momentum=0, epochs=1, clip_norm=1e-3))
    step = torch.cat(
        [(p.detach() - before[n]).double().flatten() for n, p in subject.model.named_parameters()]
    )
    assert float(step.norm()) == pytest.approx(0.1 * 1e-3, rel=1e-2)


# -- history ----------------------------------------------------------------------------------------------


def test_the_history_has_the_facts(network, problem):
    subject = sr.sparsify(network, "snip", 0.7, problem(64))
    history = sr.train(
        subject, bundle(problem, train=50), recipe=recipe(lr_every_steps=4, lr_factor=0.5), seed=9
    )
    assert subject.history is history
    assert (history.status, history.steps, history.examples, history.batch_size) == ("completed", 12, 150, 16)
    assert (history.seed, history.data, history.device, history.recipe) == (9, "quadrants", "cpu", "t")
    assert history.threads == torch.get_num_threads()
    assert history.settings["lr_every_steps"] == 4
    assert [e.epoch for e in history.epochs] == [1, 2, 3]
    assert [e.learning_rate for e in history.epochs] == pytest.approx([0.1, 0.05, 0.025])
    masks = {name: part.mask for name, part in subject.plan.items()}
    assert history.layers == tuple(masks)
    for epoch in history.epochs:
        assert epoch.sparsity == tuple(1 - int(m.sum()) / m.numel() for m in masks.values())
        assert epoch.gradient_mean > 0
        assert epoch.gradient_unmasked_mean > 0
        assert 0 <= epoch.val_accuracy <= 1


def test_the_history_has_the_loss_accuracy_and_gradients_of_the_epoch(make_network, problem):
    """With one batch and a learning rate of nothing, all of them by hand on the network as it stands."""
    subject = sr.sparsify(make_network("residual"), "snip", 0.7, problem(64))
    images, labels = problem(48)
    history = sr.train(subject, (images, labels), recipe=recipe(lr=1e-30, batch_size=48, epochs=1))
    model = subject.model.train()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    gradients = [m.values.grad for m in prunable_slots(model).values()]
    (epoch,) = history.epochs
    assert epoch.loss == pytest.approx(loss.item(), rel=1e-5)
    assert epoch.train_accuracy == pytest.approx(float((model(images).argmax(1) == labels).float().mean()))
    total = sum(float(g.abs().sum()) for g in gradients)
    kept = sum(
        float((g * m).abs().sum()) for g, m in zip(gradients, subject.weights.masks.values(), strict=True)
    )
    assert epoch.gradient_unmasked_mean == pytest.approx(total / subject.prunable, rel=1e-4)
    assert epoch.gradient_mean == pytest.approx(kept / subject.kept, rel=1e-4)
    assert epoch.gradient_std == 0


def test_the_learning_rate_falls_after_so_many_steps_and_not_before():
    plan = recipe(lr=0.1, lr_every_steps=25_000, lr_factor=0.1)
    assert plan.learning_rate(0) == plan.learning_rate(24_999) == 0.1
    assert plan.learning_rate(25_000) == pytest.approx(0.01)
    assert plan.learning_rate(50_000) == pytest.approx(0.001)
    assert recipe().learning_rate(10**9) == 0.1


# -- divergence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("validation", [0, 32])
@pytest.mark.parametrize(
    "lr", [1e3, 1e20, 1e38, *(pytest.param(lr, marks=pytest.mark.slow) for lr in (1e8, 1e15, 1e30))]
)
@pytest.mark.parametrize("batch_size", [16, 64])
def test_a_learning_rate_far_too_high_is_recorded_and_leaves_finite_weights(
    network, problem, lr, validation, batch_size
):
    subject = sr.sparsify(network, "snip", 0.5, problem(64))
    history = sr.train(subject, bundle(problem, val=validation), recipe=recipe(lr=lr, batch_size=batch_size))
    assert all(bool(torch.isfinite(t).all()) for t in subject.model.state_dict().values())
    assert all(math.isfinite(e.loss) for e in history.epochs)
    if lr >= 1e30:
        assert history.status == "diverged"
    sr.evaluate(subject, problem(8), ["accuracy"])


@pytest.mark.parametrize("validation", [0, 32])
def test_weights_that_overflow_in_the_last_step_are_a_divergence_too(problem, validation):
    """The loss was computed before that step and is still finite."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 4))
    with torch.no_grad():
        model[2].weight.mul_(1000)
    history = sr.train(
        model, bundle(problem, train=16, val=validation), recipe=recipe(lr=3e38, momentum=0, epochs=1)
    )
    assert all(bool(torch.isfinite(t).all()) for t in model.state_dict().values())
    assert (history.status, history.chosen_epoch) == ("diverged", 0)


def test_a_gradient_that_overflows_is_a_divergence_and_no_crash(problem):
    """The loss is finite, the l1 norm of its gradient is not: a record cannot hold it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Linear(8, 8), nn.Linear(8, 4))
    with torch.no_grad():
        model[1].weight.mul_(1e-30)
        model[1].bias.zero_()
        model[2].weight.mul_(1e20)
        model[3].weight.mul_(1e20)
    history = sr.train(model, problem(16), recipe=recipe(lr=1e-30, momentum=0, epochs=1))
    assert history.status == "diverged"
    assert all(bool(torch.isfinite(t).all()) for t in model.state_dict().values())


def test_a_diverged_training_keeps_the_best_weights_so_far(make_network, problem):
    """The learning rate explodes after the first epoch."""
    model, reference = make_network("residual"), make_network("residual")
    history = sr.train(model, problem(64), recipe=recipe(lr_every_steps=4, lr_factor=1e30, epochs=4))
    sr.train(reference, problem(64), recipe=recipe(epochs=1))
    assert (history.status, history.chosen_epoch) == ("diverged", 1)
    assert sha256_of(model.state_dict()) == sha256_of(reference.state_dict())


# -- what is trained --------------------------------------------------------------------------------------


def test_a_plain_module_is_trained_in_place_and_its_zeros_stay(network, problem):
    name, module = next(iter(prunable_slots(network).items()))
    with torch.no_grad():
        module.values.view(-1)[::2] = 0
    history = sr.train(network, problem(64), recipe=recipe(weight_decay=0.01))
    assert history.status == "completed"
    assert not module.values.view(-1)[::2].any()
    assert module.values.view(-1)[1::2].all()
    assert name in history.layers


def test_a_network_without_batchnorm_trains_one_example_at_a_time(problem):
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    history = sr.train(model, problem(12), recipe=recipe(batch_size=1, epochs=1))
    assert (history.steps, history.examples) == (12, 12)


def test_a_last_batch_of_one_does_not_break_batchnorm(make_network, problem):
    history = sr.train(make_network("conv"), problem(33), recipe=recipe(epochs=2))
    assert history.steps == 4


def test_weights_that_are_not_finite_are_refused(make_network, problem):
    model = make_network("conv")
    with torch.no_grad():
        model.body[0].weight.view(-1)[0] = math.inf
    with pytest.raises(ModelError, match="body.0.weight has 1 entries that are NaN or infinite"):
        sr.train(model, problem(16))


def test_training_without_training_examples_is_refused(make_network, problem):
    data = sr.Data("x", None, None, TensorDataset(*problem(8)), (0.0,), (1.0,), ("a", "b"), (1, 8, 8))
    with pytest.raises(ConfigError, match="training needs training examples, and x has none"):
        sr.train(make_network("conv"), data)
    with pytest.raises(ConfigError, match="there is no training example"):
        sr.train(make_network("conv"), (torch.rand(0, 1, 8, 8), torch.zeros(0)), recipe=recipe())


@pytest.mark.parametrize("changed", [{"epochs": -1}, {"batch_size": 0}, {"lr": 0}, {"lr": math.nan}])
def test_settings_that_cannot_be_are_refused(make_network, problem, changed):
    message = (
        f"{next(iter(changed))} of recipe snip-it must be a .*number.*, got {next(iter(changed.values()))}$"
    )
    with pytest.raises(ConfigError, match=message):
        sr.train(make_network("conv"), problem(16), **changed)


# -- recipes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_the_optimizer_has_the_recipes_values(optimizer, kind):
    built = recipe(optimizer=optimizer, lr=0.3, weight_decay=0.01).build_optimizer(
        [nn.Parameter(torch.zeros(1))]
    )
    assert type(built) is kind
    assert (built.defaults["lr"], built.defaults["weight_decay"]) == (0.3, 0.01)
    assert built.defaults.get("momentum", 0.9) == 0.9


@pytest.mark.parametrize(
    ("of_data", "named", "bare", "used"),
    [
        ("digits", None, False, "digits"),
        ("digits", "own", False, "dctps"),
        ("digits", "grasp", False, "grasp"),
        ("digits", None, True, "digits"),
        ("digits", "own", True, "snip-it"),
        (None, None, False, "snip-it"),
        (None, "own", False, "dctps"),
        ("tensors", None, False, "snip-it"),
        ("tensors", "own", False, "dctps"),
        ("tensors", {"base": "digits", "lr": 0.01}, False, "digits, changed"),
    ],
)
def test_the_recipe_is_the_one_named_else_that_of_the_data_else_the_general_one(
    make_network, problem, of_data, named, bare, used
):
    data = (
        problem(16)
        if of_data == "tensors"
        else dataclasses.replace(bundle(problem, train=16), recipe=of_data)
    )
    network = make_network("conv")
    subject = network if bare else sr.sparsify(network, "dctps", 0.5)
    start = started_from(sr.Subject.of(subject, train_zero_layers=True), data, epochs=1, recipe=named)
    history = sr.train(subject, data, epochs=1, recipe=named)
    assert (history.recipe, history.started_from) == (used, start)
    assert history.settings["optimizer"] == load_recipe(used.partition(",")[0]).optimizer


def test_whether_a_method_can_be_trained_is_told_by_the_same_recipe(make_network, problem):
    """hoyer-square prunes after an epoch that the recipe of the data does not reach."""
    data = dataclasses.replace(bundle(problem, train=16), recipe="digits")
    subject = sr.sparsify(make_network("conv"), "hoyer-square", 0.5, prune_epoch=35)
    with pytest.raises(ConfigError, match="35"):
        check_trainable(subject, data)
    check_trainable(subject, data, recipe="own")
    check_trainable(subject, data, epochs=40, lr=0.1, batch_size=8)


def test_learning_rate_and_batch_size_are_those_given_in_place_of_the_recipes(make_network, problem):
    how = {"recipe": "digits", "epochs": 1, "lr": 0.02, "batch_size": 8}
    start = started_from(sr.Subject.of(make_network("conv"), train_zero_layers=True), problem(16), **how)
    history = sr.train(make_network("conv"), problem(16), **how)
    assert (history.settings["lr"], history.settings["batch_size"], history.steps) == (0.02, 8, 2)
    assert history.epochs[0].learning_rate == 0.02
    assert history.started_from == start


def test_a_subject_is_trained_by_the_recipe_of_a_file(make_network, problem, tmp_path):
    subject = sr.sparsify(make_network("conv"), "dctps", 0.5)
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nsource = "me"\noptimizer = "adamw"\nlr = 0.01\nbatch_size = 8\nepochs = 2\n'
    )
    history = sr.train(subject, problem(16), recipe=file)
    assert (history.recipe, history.steps) == ("mine", 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not TOML"),
        (
            'name = "x"\nsource = ""\noptimizer = "adam"\nlr = -1\nbatch_size = 8\nepochs = 2',
            "lr of recipe .*mine.toml must be a number above 0, got -1",
        ),
        (
            'name = "x"\nsource = ""\noptimizer = "lion"\nlr = 1\nbatch_size = 8\nepochs = 2',
            "optimizer of recipe .*mine.toml must be one of sgd, adam, adamw, got 'lion'",
        ),
        (
            'name = "x"\nsource = ""\noptimizer = "sgd"\nlr = 1\nbatch_size = 8\nepochs = 2\nlrr = 3',
            r"unknown field 'lrr' of recipe .*mine.toml; did you mean 'lr'\? expected name, source, optimizer",
        ),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_its_line(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(file)


def test_an_unknown_recipe_is_refused_with_the_names():
    with pytest.raises(
        ConfigError, match=r"unknown recipe 'snipit'; did you mean 'snip-it'\? expected .*freezenet-mnist"
    ):
        load_recipe("snipit")
    with pytest.raises(ConfigError, match=r"recipe nowhere.toml cannot be read \(No such file"):
        load_recipe("nowhere.toml")
