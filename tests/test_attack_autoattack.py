"""AutoAttack and the adapters to foolbox and torchattacks: closed forms, and the traps that they close."""

from __future__ import annotations

import copy
from collections import Counter

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.attacks import autoattack as module
from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.autoattack import AutoAttackResult, autoattack
from sparserobust.attacks.budget import distances
from sparserobust.attacks.third_party import Lent, usable
from sparserobust.errors import ModelError
from sparserobust.records import remark

torchattacks = pytest.importorskip("torchattacks")

NORMS = ("linf", "l2")
EPS = {"linf": 0.1, "l2": 0.5}
PGD = {"foolbox": foolbox_adapter.pgd, "torchattacks": torchattacks_adapter.pgd}


class Logits(nn.Module):
    """A function as a model."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        return self.function(images)


@pytest.fixture
def brief(monkeypatch):
    """AutoAttack with a tenth of its steps and queries, where only its bookkeeping matters."""
    monkeypatch.setattr(module, "STEPS", 10)
    monkeypatch.setattr(module, "QUERIES", 100)


@pytest.fixture(scope="module")
def digits(digits_network) -> tuple[Tensor, Tensor]:
    """40 that the network knows."""
    test = sr.load_data("digits").test
    known = (digits_network(test.images).argmax(dim=1) == test.labels).nonzero().squeeze(1)[:40]
    return test.images[known], test.labels[known]


def linear(classes: int, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, classes)).requires_grad_(False)


def gaps(model: nn.Module, images: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """(labels, distance to the nearest other class of a linear model, without the box)."""
    weight, logits = model[1].weight, model(images)
    labels = logits.argmax(dim=1)
    dual = 1 if norm == "linf" else 2
    slopes = (weight.unsqueeze(0) - weight[labels].unsqueeze(1)).norm(p=dual, dim=2)
    lead = logits.gather(1, labels.unsqueeze(1)) - logits
    return labels, (lead / slopes).scatter(1, labels.unsqueeze(1), torch.inf).amin(dim=1)


def wrong(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return model(images).argmax(dim=1) != labels


@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_autoattack_breaks_exactly_what_a_linear_model_allows(norm, monkeypatch):
    monkeypatch.setattr(module, "QUERIES", 50)
    model = linear(5)
    images = 0.35 + 0.3 * torch.rand(12, 1, 8, 8)  # far from 0 and 1
    labels, needed = gaps(model, images, norm)
    eps = float(needed.median()) * 1.05
    result = autoattack(model, images, labels, norm=norm, eps=eps, seed=0)
    broken = wrong(model, result.images, labels)
    assert bool(broken[needed < 0.999 * eps].all())
    assert not bool(broken[needed > eps + 1e-6].any())
    assert float(distances(images, result.images, norm).max()) <= eps + 1e-6


@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_autoattack_breaks_what_any_of_torchattacks_parts_breaks(digits_network, digits, norm, monkeypatch):
    """Example by example, with 25 steps and 150 queries for both."""
    monkeypatch.setattr(module, "STEPS", 25)
    monkeypatch.setattr(module, "QUERIES", 150)
    images, labels = digits[0][:16], digits[1][:16]
    eps = EPS[norm] / 2
    with torch.random.fork_rng(devices=[]):
        named = {"norm": norm.capitalize(), "eps": eps}
        parts = [
            torchattacks.APGD(digits_network, steps=25, **named),
            torchattacks.APGDT(digits_network, steps=25, n_classes=10, **named),
            torchattacks.FAB(digits_network, steps=25, multi_targeted=True, n_classes=10, **named),
            torchattacks.Square(digits_network, n_queries=150, **named),
        ]
        broken = torch.stack([wrong(digits_network, part(images, labels), labels) for part in parts]).any(
            dim=0
        )
    result = autoattack(digits_network, images, labels, norm=norm, eps=eps, seed=0)
    ours = wrong(digits_network, result.images, labels)
    assert 0 < int(broken.sum()) < 16
    assert not bool((broken & ~ours).any())


@pytest.mark.parametrize("norm", NORMS)
def test_each_broken_example_is_owed_to_one_attack(digits_network, digits, norm, brief):
    images, labels = digits[0], digits[1].clone()
    labels[:5] = (labels[:5] + 1) % 10  # wrong already
    result = autoattack(digits_network, images, labels, norm=norm, eps=EPS[norm], seed=0)
    assert tuple(result.broken_by) == ("apgd-ce", "apgd-t", "fab-t", "square")
    count = torch.stack(list(result.broken_by.values())).sum(dim=0)
    broken = wrong(digits_network, result.images, labels)
    assert torch.equal(count == 1, broken & (torch.arange(40) >= 5))
    assert int(count.max()) == 1
    assert torch.equal(result.images[count == 0], images[count == 0])
    assert result.notes == ()


def test_an_example_that_stands_costs_what_the_authors_settings_cost(monkeypatch):
    """100 steps and a start for APGD on 1 + 9 losses, 100 steps of FAB for 9 targets, a 20th of 5,000 queries."""
    monkeypatch.setattr(module, "QUERIES", module.QUERIES // 20)
    model = linear(12)
    images = torch.rand(1, 1, 8, 8)
    passes: Counter[str] = Counter()
    result = autoattack(
        model, images, model(images).argmax(dim=1), norm="linf", eps=1e-6, seed=0, passes=passes
    )
    assert not any(bool(broken.any()) for broken in result.broken_by.values())
    assert passes["backward"] == 10 * 101 + 9 * 100
    steps = 10 * 101 + 9 * (2 * 100)
    around = (
        1 + 12 + 1 + 3 * 9 + 1
    )  # the clean image, a verdict on each of 12 runs, FAB's own checks, Square's
    assert passes["forward"] == steps + 250 + around


@pytest.mark.parametrize("classes", [2, 3])
def test_with_fewer_than_four_classes_targeted_apgd_is_left_out_and_says_so(classes, brief):
    model = linear(classes)
    images = torch.rand(20, 1, 8, 8)
    labels, needed = gaps(model, images, "linf")
    result = autoattack(model, images, labels, norm="linf", eps=2 * float(needed.median()), seed=0)
    assert result.notes == (remark("part-left-out", part="apgd-t", needs=4, classes=classes),)
    assert not bool(result.broken_by["apgd-t"].any())
    assert int(wrong(model, result.images, labels).sum()) >= 10


def test_where_the_cross_entropy_is_flat_the_other_attacks_break_the_model(digits_network, digits, brief):
    """Logits a million times as large have a cross-entropy of exactly 0 and no gradient."""
    sharp = Logits(lambda images: digits_network(images) * 1e6)
    result = autoattack(sharp, *digits, norm="linf", eps=0.1, seed=0)
    plain = autoattack(digits_network, *digits, norm="linf", eps=0.1, seed=0)
    assert int(result.broken_by["apgd-t"].sum()) > 5 * int(result.broken_by["apgd-ce"].sum())
    broken = [int(wrong(digits_network, found.images, digits[1]).sum()) for found in (result, plain)]
    assert broken[0] >= 0.9 * broken[1] > 0


def test_where_every_gradient_is_zero_square_is_left(digits_network, digits, brief):
    stepped = Logits(lambda images: digits_network((images * 15).round() / 15))
    result = autoattack(stepped, *digits, norm="linf", eps=0.15, seed=0)
    assert (
        int(result.broken_by["square"].sum()) > 0.8 * sum(int(b.sum()) for b in result.broken_by.values()) > 8
    )


def test_a_model_without_a_gradient_is_refused(digits_network, digits):
    detached = Logits(lambda images: digits_network(images.detach()))
    settings = {"norm": "linf", "eps": 0.1, "seed": 0}
    with pytest.raises(ModelError, match="not differentiable.*`square`"):
        autoattack(detached, *digits, **settings)
    for attack in PGD.values():
        with pytest.raises(ModelError, match="not differentiable.*`square`"):
            attack(detached, *digits, **settings, steps=2, stepsize=0.1)


@pytest.mark.parametrize("norm", ["linf", pytest.param("l2", marks=pytest.mark.slow)])
def test_a_seed_repeats_and_nothing_else_is_touched(digits_network, digits, norm, brief, capfd):
    """torchattacks seeds the global stream, prints, and calls train() on what it is given."""
    images, labels = digits[0][:10], digits[1][:10]
    model = nn.Sequential(copy.deepcopy(digits_network).eval(), nn.Dropout(0.5).eval())
    model.training = True  # as torchattacks would find it
    before = torch.get_rng_state()

    def all_of_them(seed: int) -> list[Tensor]:
        small = {"norm": norm, "eps": EPS[norm] / 2, "seed": seed}
        found = [attack(model, images, labels, **small, steps=3, stepsize=0.05) for attack in PGD.values()]
        result: AutoAttackResult = autoattack(model, images, labels, **small)
        return [*found, result.images, foolbox_adapter.ddn(model, images, labels, steps=20, seed=seed)]

    first, again, other = all_of_them(1), all_of_them(1), all_of_them(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first[:2], other[:2], strict=True))
    assert torch.equal(before, torch.get_rng_state())
    assert [module.training for module in model.modules()] == [True] + [False] * 6
    assert all(parameter.grad is None for parameter in model.parameters())
    assert capfd.readouterr() == ("", "")


def test_a_model_without_parameters_and_one_in_float64_are_attacked_too(digits_network, digits, brief):
    double = nn.Sequential(*[nn.Flatten(), nn.Linear(64, 10)]).double().requires_grad_(False)
    bare = Logits(lambda images: F.linear(images.flatten(1), double[1].weight, double[1].bias))
    images = digits[0][:30].double()
    labels = double(images).argmax(dim=1)
    for model in (double, bare):
        for norm in NORMS:
            result = autoattack(model, images, labels, norm=norm, eps=EPS[norm], seed=0)
            assert result.images.dtype == torch.float64
            assert int(wrong(model, result.images, labels).sum()) > 15


def test_without_a_budget_nothing_moves(digits_network, digits):
    for norm in NORMS:
        passes: Counter[str] = Counter()
        result = autoattack(digits_network, *digits, norm=norm, eps=0.0, seed=0, passes=passes)
        assert passes == Counter(forward=40)
        assert torch.equal(result.images, digits[0])
        for attack in PGD.values():  # torchattacks' PGDL2 divides 0 by 0 here
            found = attack(digits_network, *digits, norm=norm, eps=0.0, steps=3, stepsize=0.1, seed=0)
            assert torch.equal(found, digits[0])


@pytest.mark.parametrize("norm", NORMS)
def test_both_libraries_pgd_is_the_same_without_a_random_start(digits_network, digits, norm):
    eps = EPS[norm]
    settings = {"norm": norm, "eps": eps, "steps": 10, "stepsize": eps / 4, "random_start": False, "seed": 0}
    model, images = nn.Sequential(digits_network).double(), digits[0].double()
    try:
        theirs, ours = (attack(model, images, digits[1], **settings) for attack in PGD.values())
        assert torch.allclose(theirs, ours, atol=1e-9)
        assert 0.99 * eps < float(distances(images, ours, norm).max()) < eps + 1e-9
        assert int(wrong(model, ours, digits[1]).sum()) > 10
    finally:
        digits_network.float()


@pytest.mark.parametrize("library", list(PGD))
@pytest.mark.parametrize("norm", NORMS)
def test_a_linear_model_falls_to_pgd_where_it_can(library, norm):
    model = linear(2)
    images = 0.35 + 0.3 * torch.rand(40, 1, 8, 8)  # far from 0 and 1
    labels, needed = gaps(model, images, norm)
    eps = float(needed.median())
    found = PGD[library](model, images, labels, norm=norm, eps=eps, steps=30, stepsize=eps / 5, seed=0)
    broken = wrong(model, found, labels)
    assert not bool(broken[needed > eps + 1e-6].any())
    assert bool(broken[needed < 0.99 * eps].all())


def test_ddn_comes_near_to_the_exact_distance_of_a_linear_model():
    model = linear(2)
    images = 0.35 + 0.3 * torch.rand(40, 1, 8, 8)
    labels, needed = gaps(model, images, "l2")
    found = foolbox_adapter.ddn(model, images, labels, steps=150, init_eps=0.2, seed=0)
    assert bool(wrong(model, found, labels).all())
    ratio = distances(images, found, "l2") / needed
    assert float(ratio.median()) < 1.05
    assert float(ratio.max()) < 1.25
    assert float(ratio.min()) > 0.999


def test_cw_moves_pixels_that_are_black_or_white(digits_network, digits):
    """Half of a digit's pixels are: torchattacks leaves them as they are, and its images lie farther away."""
    images, labels = digits
    extreme = (images == 0) | (images == 1)
    settings = {"steps": 100, "stepsize": 0.1}
    ours = torchattacks_adapter.carlini_wagner(digits_network, images, labels, initial_const=1.0, **settings)
    theirs = torchattacks.CW(digits_network, c=1, steps=100, lr=0.1)(images, labels)
    assert torch.equal(theirs[extreme], images[extreme])
    assert float((ours != images)[extreme].float().mean()) > 0.3
    assert bool(wrong(digits_network, ours, labels).all())
    fell = wrong(digits_network, theirs, labels)
    mine, others = (distances(images[fell], found[fell], "l2").median() for found in (ours, theirs))
    assert float(mine) < 0.95 * float(others)


def test_cw_does_not_mind_negative_logits(digits_network, digits):
    """Log-probabilities: torchattacks' loss is 0 everywhere (issue #184); margins are those of the logits."""
    log_softmax = Logits(lambda images: digits_network(images).log_softmax(dim=1))
    settings = {"initial_const": 1.0, "steps": 60, "stepsize": 0.1}
    found, same = (
        torchattacks_adapter.carlini_wagner(m, *digits, **settings) for m in (log_softmax, digits_network)
    )
    assert torch.allclose(found, same, atol=1e-3)
    assert int(wrong(digits_network, found, digits[1]).sum()) > 30


def test_what_is_not_found_is_the_clean_image(digits_network, digits):
    """A model that never errs: no attack may come back with something else, least of all with black."""
    images, labels = digits
    sure = Logits(lambda x: 50 * F.one_hot(labels, 10).float() + 0 * digits_network(x))
    assert torch.equal(
        torchattacks_adapter.carlini_wagner(sure, images, labels, initial_const=1.0, steps=5, stepsize=0.1),
        images,
    )
    assert torch.equal(foolbox_adapter.ddn(sure, images, labels, steps=5, seed=0), images)


def test_an_image_that_is_not_finite_becomes_the_clean_one():
    images = torch.rand(4, 1, 2, 2)
    found = images + 0.1
    found[1, 0, 0, 0], found[2, 0, 1, 1], found[3, 0, 0, 1] = torch.nan, torch.inf, 1.5
    believed = usable(images, found)
    assert torch.equal(believed[0], (images[0] + 0.1).clamp(0, 1))
    assert torch.equal(believed[1:3], images[1:3])
    assert float(believed.max()) <= 1


@pytest.mark.parametrize("norm", NORMS)
def test_passes_are_those_that_the_model_sees(digits_network, digits, norm, brief):
    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.passes: Counter[str] = Counter()

        def forward(self, images: Tensor) -> Tensor:
            self.passes["forward"] += len(images)
            logits = digits_network(images)
            if logits.requires_grad:
                logits.register_hook(lambda gradient: self.passes.update(backward=len(gradient)))
            return logits

    eps = EPS[norm]
    calls = {
        "foolbox pgd": lambda m, p: PGD["foolbox"](
            m, *digits, norm=norm, eps=eps, steps=3, stepsize=eps, seed=0, passes=p
        ),
        "torchattacks pgd": lambda m, p: PGD["torchattacks"](
            m, *digits, norm=norm, eps=eps, steps=3, stepsize=eps, seed=0, passes=p
        ),
        "ddn": lambda m, p: foolbox_adapter.ddn(m, *digits, steps=4, seed=0, passes=p),
        "cw": lambda m, p: torchattacks_adapter.carlini_wagner(
            m, *digits, initial_const=1.0, steps=4, stepsize=0.1, passes=p
        ),
        "autoattack": lambda m, p: autoattack(m, *digits, norm=norm, eps=eps / 2, seed=0, passes=p),
    }
    for name, call in calls.items():
        model, passes = Counted(), Counter()
        call(model, passes)
        assert passes == model.passes, name
        assert passes["backward"] > 0


def test_the_lent_model_keeps_its_modes():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    model[1].eval()
    Lent(model, torch.zeros(1)).train().eval()
    assert [part.training for part in model.modules()] == [True, True, False]
