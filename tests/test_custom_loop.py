"""`sr.attach`: a loop of one's own comes to the weights of `sr.train`, to the bit, under every method."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

import sparserobust as sr
from sparserobust import registry
from sparserobust.apply import build_method
from sparserobust.errors import ConfigError, ModelError
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.records import remark
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe

EPOCHS, BATCH, SPARSITY = 8, 16, 0.8
OPTIMIZERS = {
    "sgd": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.001},
    "adam": {"lr": 0.005, "weight_decay": 0.001},
}


def batches():
    return DataLoader(small_data().train, batch_size=BATCH)


def optimizer_of(net, kind):
    made = torch.optim.SGD if kind == "sgd" else torch.optim.Adam
    return made(net.parameters(), **OPTIMIZERS[kind])


def custom_loop(net, kind, method, watch=lambda attached: None, **params):
    torch.manual_seed(0)
    optimizer, loader = optimizer_of(net, kind), batches()
    net.train()
    attached = sr.attach(
        method,
        net,
        optimizer,
        epochs=EPOCHS,
        steps_per_epoch=len(loader),
        data=small_data(),
        **{"sparsity": 0.0 if method == "dense" else SPARSITY} | params,
    )
    for _ in range(EPOCHS):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(net(images), labels) + attached.penalty()
            optimizer.zero_grad()
            loss.backward()
            attached.step()
            watch(attached)
        attached.end_epoch()
    attached.finish()
    return attached.subject


def same_weights(first: nn.Module, second: nn.Module) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)


WITHOUT_EXAMPLES = [
    name for name in registry.methods.names() if name not in ("snip-it-during", "freezenet-wd")
]


ALIKE = ("random", "magnitude", "snip-it", "iter-snip", "force", "grasp", "synflow")
"""To a training these differ from SNIP by their mask alone."""
CASES = [
    pytest.param(method, kind, marks=[pytest.mark.slow] * ((number + other) % 2 or method in ALIKE))
    for number, method in enumerate(WITHOUT_EXAMPLES)
    for other, kind in enumerate(OPTIMIZERS)
]
"""Each method under one of the optimizers, in turn; under the other, and those that are alike, as slow tests."""


@pytest.mark.parametrize(("method", "kind"), CASES)
def test_it_comes_to_the_weights_of_train(method, kind):
    """A DataLoader brings its own order, and without validation examples training ends with the last epoch."""
    subject = custom_loop(small_networks()[1], kind, method)
    sparsity = 0.0 if method == "dense" else SPARSITY
    trained = sr.sparsify(small_networks()[1], method, sparsity, small_data(), seed=0)
    recipe = Recipe(name="t", source="", optimizer=kind, batch_size=BATCH, epochs=EPOCHS, **OPTIMIZERS[kind])
    sr.train(trained, batches(), recipe=recipe)
    assert {k: m.tolist() for k, m in subject.weights.masks.items()} == {
        k: m.tolist() for k, m in trained.weights.masks.items()
    }
    assert same_weights(subject.model, trained.model)


@pytest.mark.parametrize(
    "method", ["snip", "freezenet", "dctps", "rigl", "rigl-dctps", "imp", "snip-it-during"]
)
def test_the_law_holds_after_every_step_and_the_subject_is_saved_and_scored_like_any_other(method, tmp_path):
    steps = []

    def law(attached):
        steps.append(1)
        for name, part in attached.subject.plan.items():
            now = attached.subject.effective_weights()[name]
            assert torch.equal(now[~part.mask], part.offset[~part.mask]), name

    subject = custom_loop(small_networks()[0], "sgd", method, law)
    assert len(steps) == EPOCHS * 6
    assert subject.kept == int((1 - SPARSITY) * subject.prunable + 1e-9)
    subject.save(tmp_path / "m.sparse")
    again = sr.load_subject(tmp_path / "m.sparse", model=small_networks()[0])
    images = torch.stack([small_data().test[i][0] for i in range(8)])
    assert torch.equal(again.model.eval()(images), subject.model.eval()(images))
    run = sr.evaluate(subject, small_data(), ["accuracy", "storage"])
    assert {outcome.status for outcome in run.outcomes.values()} == {"ok"}


def test_what_is_no_network_is_refused_as_by_sparsify():
    optimizer = optimizer_of(small_networks()[0], "sgd")
    with pytest.raises(ModelError):
        sr.attach("rigl", "net", optimizer, sparsity=0.8, epochs=2, steps_per_epoch=6)


def test_after_finish_the_optimizer_is_free():
    net = small_networks()[0]
    subject = custom_loop(net, "sgd", "rigl")
    optimizer = optimizer_of(net, "sgd")
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert any(bool(w[~subject.weights.masks[n]].any()) for n, w in subject.effective_weights().items())


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"sparsity": 1.0}, "sparsity must be in [0, 1)"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"steps_per_epoch": 2.5}, "steps_per_epoch must be a whole number, at least 1, got 2.5"),
        ({"optimizer": None}, "optimizer must be one of torch's, got NoneType"),
        (
            {"optimizer": torch.optim.SGD([torch.zeros(3, requires_grad=True)])},
            "the optimizer holds no weight of this",
        ),
        ({"every": 1000}, "the mask moves every 1000 steps until step 9 of 12, so never"),
    ],
)
def test_what_cannot_be_is_refused(changed, text):
    net = small_networks()[0]
    before = copy.deepcopy(net.state_dict())
    settings = {"sparsity": 0.8, "epochs": 2, "steps_per_epoch": 6} | changed
    with pytest.raises(ConfigError) as caught:
        sr.attach("rigl", net, **{"optimizer": optimizer_of(net, "sgd")} | settings)
    assert text in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_an_optimizer_takes_one_method_at_a_time():
    """As in a notebook whose cell is run twice."""
    net = small_networks()[0]
    optimizer, settings = optimizer_of(net, "sgd"), {"sparsity": 0.8, "epochs": 2, "steps_per_epoch": 6}
    attached = sr.attach("rigl-dctps", net, optimizer, **settings)
    before, groups = copy.deepcopy(net.state_dict()), len(optimizer.param_groups)
    with pytest.raises(ConfigError, match="a method is attached to this optimizer already"):
        sr.attach("random", net, optimizer, **settings)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert len(optimizer.param_groups) == groups
    attached.detach()
    plain = small_networks()[0]
    optimizer.add_param_group({"params": list(plain.parameters())})
    sr.attach("random", plain, optimizer, **settings)


DURING = [
    name for name in registry.methods.names() if isinstance(build_method(name, {}), PruneDuringTraining)
]


@pytest.mark.parametrize("method", DURING)
def test_a_loop_that_ends_early_gets_there_or_says_so(method):
    """One of eight epochs, as an early stop would have it."""
    net, data = small_networks()[1], small_data()
    optimizer, loader = optimizer_of(net, "sgd"), batches()
    settings = {"sparsity": SPARSITY, "epochs": EPOCHS, "steps_per_epoch": len(loader), "data": data}
    attached = sr.attach(method, net, optimizer, **settings)
    for images, labels in loader:
        (nn.functional.cross_entropy(net(images), labels) + attached.penalty()).backward()
        attached.step()
        optimizer.zero_grad()
    attached.end_epoch()
    attached.finish()
    subject = attached.subject
    shapes = {name: tuple(mask.shape) for name, mask in subject.weights.masks.items()}
    expected = build_method(method, {}).reaches(shapes, attached.training.k)
    there = subject.kept in expected if isinstance(expected, range) else subject.kept == expected
    ended = remark("ended-early", epochs=1, of=8, kept=subject.kept, wanted=attached.training.k)
    warned = ended in subject.warnings
    assert there != warned, (subject.kept, expected, subject.warnings)
    assert subject.record().warnings == subject.warnings


@pytest.mark.parametrize("method", ["hoyer-square", "learning-compression"])
def test_a_penalty_that_was_never_asked_for_is_told(method):
    net, loader = small_networks()[1], batches()
    optimizer = optimizer_of(net, "sgd")
    attached = sr.attach(method, net, optimizer, sparsity=0.8, epochs=EPOCHS, steps_per_epoch=len(loader))
    for _ in range(EPOCHS):
        for images, labels in loader:
            nn.functional.cross_entropy(net(images), labels).backward()
            attached.step()
            optimizer.zero_grad()
        attached.end_epoch()
    attached.finish()
    assert attached.subject.warnings == (remark("without-penalty"),)
    assert custom_loop(small_networks()[1], "sgd", method).warnings == ()


def test_a_frozen_offset_that_is_to_go_at_the_end_goes():
    subject = custom_loop(small_networks()[1], "sgd", "freezenet-wd", prune_at_end=True)
    assert subject.weights.kind == "zero"
    assert subject.record().sparsity == pytest.approx(SPARSITY, abs=2e-3)
    for name, weight in subject.effective_weights().items():
        assert not weight[~subject.weights.masks[name]].any()
