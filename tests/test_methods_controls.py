"""The two controls: the same number per layer at random places, and new weights under the same mask."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.drawn import drawn_by_us
from sparserobust.models.initial import draw_weights
from sparserobust.storage.modelfile import read_model
from sparserobust.uses import effective_weights, prunable_slots

CHOSEN = [
    "snip",
    "snip-it",
    "iter-snip",
    "force",
    "grasp",
    "synflow",
    "freezenet",
    "freezenet-wd",
    "magnitude",
]
SHORT = {"iter-snip": {"steps": 4}, "force": {"steps": 4}, "synflow": {"steps": 8}}


@pytest.fixture(scope="module")
def digits():
    return sr.load_data("digits")


def masks_of(subject) -> dict[str, torch.Tensor]:
    return {name: part.mask for name, part in subject.plan.items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("method", [*CHOSEN, "random", "dctps"])
def test_shuffling_keeps_the_count_of_every_layer_and_moves_the_places(network, problem, method):
    params = SHORT.get(method, {})
    plain = sr.sparsify(network, method, 0.6, problem(64), seed=3, **params)
    shuffled, again = (
        sr.sparsify(network, method, 0.6, problem(64), seed=3, control="layer-shuffled", **params)
        for _ in range(2)
    )
    counts = {name: int(mask.sum()) for name, mask in masks_of(plain).items()}
    rescued = shuffled.rescued
    assert {n: int(m.sum()) - rescued.get(n, 0) for n, m in masks_of(shuffled).items()} == {
        n: count - plain.rescued.get(n, 0) for n, count in counts.items()
    }
    assert not same(masks_of(plain), masks_of(shuffled))
    assert same(masks_of(shuffled), masks_of(again))
    assert shuffled.label.startswith(f"{method}[control=layer-shuffled")


def test_shuffled_places_are_uniform_and_independent_of_the_scores():
    """Magnitude keeps the 24 largest of 60 weights; shuffled over 200 seeds every place is kept with p = 0.4.

    Each count is binomial with mean 80 and standard deviation 6.9: five of them for the worst of 60 places.
    Of the 24 largest 9.6 are kept on average, as often as of the others: the overlap's mean has the standard
    deviation of a hypergeometric draw, sqrt(24 * 0.4 * 0.6 * 36 / 59) = 1.87, over sqrt(200).
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 6, bias=False))
    largest = sr.sparsify(model, "magnitude", 0.6).plan["0.weight"].mask
    hits, overlaps = torch.zeros(6, 10), []
    for seed in range(200):
        mask = sr.sparsify(model, "magnitude", 0.6, seed=seed, control="layer-shuffled").plan["0.weight"].mask
        assert int(mask.sum()) == 24
        hits += mask
        overlaps.append(int((mask & largest).sum()))
    assert float((hits - 80).abs().max()) < 5 * 6.9
    assert abs(sum(overlaps) / 200 - 9.6) < 5 * 1.87 / math.sqrt(200)
    statistic = float((hits - 80).square().sum()) / (80 * 0.6) * 59 / 60
    assert 30 < statistic < 98, "chi-square with 59 degrees of freedom: 0.1 % on either side"


def test_shuffling_is_the_last_thing_before_a_rescue(make_network, problem):
    """A layer that keeps nothing still keeps nothing, and its rescued weight is drawn afterwards."""
    model = make_network("conv")
    plain = sr.sparsify(model, "snip", 0.998, problem(200), rescue="random")
    shuffled = sr.sparsify(model, "snip", 0.998, problem(200), rescue="random", control="layer-shuffled")
    assert plain.rescued == shuffled.rescued != {}


@pytest.mark.parametrize("method", CHOSEN)
def test_new_weights_keep_the_mask_bit_for_bit_and_change_everywhere(digits, method):
    params = SHORT.get(method, {})
    model = sr.create_model("conv2", digits, seed=4)
    plain = sr.sparsify(model, method, 0.8, digits, seed=2, **params)
    new, again = (
        sr.sparsify(model, method, 0.8, digits, seed=2, control="reinitialised", **params) for _ in range(2)
    )
    assert same(masks_of(plain), masks_of(new))
    assert new.rescued == plain.rescued
    before, after = effective_weights(model), new.effective_weights()
    assert same(after, again.effective_weights())
    for name, mask in masks_of(new).items():
        assert not bool((before[name] == after[name])[mask].any()), "every kept weight is another one"
        off = after[name][~mask]
        assert bool((off != before[name][~mask]).all()) if new.weights.kind == "frozen" else not off.any()
    other = sr.sparsify(model, method, 0.8, digits, seed=9, control="reinitialised", **params)
    assert not same(after, other.effective_weights())


def test_the_parent_is_what_training_starts_from(digits, problem):
    model = sr.create_model("conv2", digits)
    subject = sr.sparsify(model, "snip", 0.8, digits, control="reinitialised")
    for name, mask in masks_of(subject).items():
        assert torch.equal(subject.parent[name][mask], subject.effective_weights()[name][mask])
        assert not torch.equal(subject.parent[name], effective_weights(model)[name])
    twin = subject.at_initialisation()
    sr.train(subject, problem(64), epochs=1, recipe="digits")
    assert not same(subject.effective_weights(), twin.effective_weights())
    assert same(subject.at_initialisation().effective_weights(), twin.effective_weights())


def test_freezenet_a_b_finds_its_mask_on_a_and_trains_b(digits):
    """Algorithm S1: mask from weights drawn by A; W_1 drawn by B stands on and off the mask."""
    for a, b in [
        ("xavier-normal", "kaiming-uniform"),
        ("kaiming-uniform", "xavier-normal"),
        ("xavier-normal", None),
    ]:
        model = sr.create_model("lenet-300-100", digits, seed=1, initialisation=a)
        plain = sr.sparsify(model, "freezenet", 0.9, digits, seed=5)
        changed = sr.sparsify(
            model, "freezenet", 0.9, digits, seed=5, control="reinitialised", initialisation=b
        )
        assert same(masks_of(plain), masks_of(changed))
        origin = changed.model.origin
        assert origin.initialisation == (b or a)
        expected = sr.create_model("lenet-300-100", digits, seed=origin.seed, initialisation=b or a)
        assert same(changed.effective_weights(), effective_weights(expected))
        assert origin.seed != 1
        assert model.origin.initialisation == a
        assert model.origin.seed == 1


@pytest.mark.parametrize("method", ["freezenet", "freezenet-wd"])
def test_a_frozen_offset_of_new_weights_comes_from_the_seed_again(digits, problem, tmp_path, method):
    model = sr.create_model("conv2", digits, seed=4)
    params = {"control": "reinitialised", "initialisation": "kaiming-uniform"}
    subject = sr.sparsify(model, method, 0.9, digits, **params)
    sr.train(subject, problem(64), epochs=2, recipe="freezenet-mnist")
    path = subject.save(tmp_path / "m.sparse")
    assert drawn_by_us(subject)
    assert not any(key.endswith(":offset") for key in read_model(path)[1])
    back = sr.load_subject(path)
    assert same(back.effective_weights(), subject.effective_weights())
    assert back.record() == subject.record()
    assert same(back.at_initialisation().effective_weights(), subject.at_initialisation().effective_weights())


def test_orthogonal_weights_and_those_of_a_network_of_ones_own_are_stored_whole(digits, tmp_path):
    """LAPACK's bits differ between machines; nobody but its author can build a foreign network."""

    def own() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))

    for model, initialisation in [
        (sr.create_model("conv2", digits), "orthogonal"),
        (own(), "xavier-normal"),
    ]:
        subject = sr.sparsify(
            model, "freezenet", 0.9, digits, control="reinitialised", initialisation=initialisation
        )
        path = subject.save(tmp_path / "m.sparse")
        assert any(key.endswith(":offset") for key in read_model(path)[1])
        back = sr.load_subject(path, model=None if initialisation == "orthogonal" else own())
        assert same(back.effective_weights(), subject.effective_weights())
        assert {n: p.offset.tolist() for n, p in back.plan.items()} == {
            n: p.offset.tolist() for n, p in subject.plan.items()
        }


def test_new_weights_of_a_foreign_network_are_those_of_the_initialisation_and_biases_stay(
    make_network, problem
):
    model = make_network("conv")
    subject = sr.sparsify(
        model, "snip", 0.5, problem(64), control="reinitialised", initialisation="pm-sigma", offset="frozen"
    )
    for module in prunable_slots(subject.model).values():
        assert len(module.values.detach().abs().unique()) == 1
    others = {name: p for name, p in model.named_parameters() if name not in prunable_slots(model)}
    for name, parameter in subject.model.named_parameters():
        if name in others:
            assert torch.equal(parameter, others[name]), name
    drawn = make_network("conv")
    draw_weights(drawn, "pm-sigma", 0)
    assert not same(effective_weights(drawn), subject.effective_weights()), "the seed is one of its own"
