"""Every built-in method through `sparsify`: exact counts, seeds, lists, offsets and records."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust import registry
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.records import remark
from sparserobust.sparsity.allocation import allocate, kept_count
from sparserobust.uses import effective_weights, prunable_slots
from sparserobust.weights.offset import add_dct_offset, dct_offset_of
from sparserobust.weights.plan import sha256_of

OFFSETS = {
    "dense": "zero",
    "random": "zero",
    "magnitude": "zero",
    "snip": "zero",
    "snip-it": "zero",
    "iter-snip": "zero",
    "force": "zero",
    "grasp": "zero",
    "synflow": "zero",
    "freezenet": "frozen",
    "freezenet-wd": "frozen",
    "dctps": "dct",
}
METHODS = [name for name in OFFSETS if name != "dense"]
DURING = {
    "connection-learning",
    "dsr",
    "dynamic-network-surgery",
    "gradual-magnitude",
    "hoyer-square",
    "imp",
    "learning-compression",
    "rigl",
    "rigl-dctps",
    "set",
    "snip-it-during",
    "sparse-momentum",
    "starfire-ck",
    "starfire-inter",
    "starfire-intra",
    "starfire-window",
}
"""Tested in test_methods_during/ and test_starfire/, and by the conformance kit."""
DRAWN = ["random", "dctps"]
RESCUED = ["freezenet", "freezenet-wd"]
STEPS = {"iter-snip": 6, "force": 6, "synflow": 12}
"""Fewer events than by default, for speed; the conformance kit runs the defaults."""


def sparsify(model, method, sparsity, data=None, **params):
    return sr.sparsify(
        model, method, sparsity, data, **({"steps": STEPS[method]} if method in STEPS else {}), **params
    )


def masks_of(subject) -> dict[str, torch.Tensor]:
    return {name: part.mask for name, part in subject.plan.items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_the_built_in_methods_are_listed():
    assert set(sr.list_methods()) == set(OFFSETS) | DURING
    assert all(
        issubclass(registry.methods.load(name), PruneDuringTraining) == (name in DURING)
        for name in sr.list_methods()
    )


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("method", METHODS)
def test_exactly_k_weights_are_kept_plus_the_rescued(network, problem, method, sparsity):
    subject = sparsify(network, method, sparsity, problem(64), seed=1)
    rescued = sum(subject.rescued.values())
    assert subject.kept == kept_count(subject.prunable, sparsity) + rescued
    assert subject.prunable == sum(m.values.numel() for m in prunable_slots(network).values())
    assert subject.sparsity == 1 - subject.kept / subject.prunable
    assert subject.target_sparsity == sparsity
    assert subject.weights.kind == OFFSETS[method]
    assert rescued == 0 or method in RESCUED


@pytest.mark.parametrize("method", METHODS)
def test_the_effective_weights_are_the_initial_ones_on_the_mask_and_the_offset_elsewhere(
    network, problem, method
):
    initial = effective_weights(network)
    subject = sparsify(network, method, 0.7, problem(64))
    for name, weight in subject.effective_weights().items():
        mask, offset = subject.plan[name].mask, subject.plan[name].offset
        on_mask = offset[mask] if method == "dctps" else initial[name][mask]
        assert torch.equal(weight[mask], on_mask)
        assert torch.equal(weight[~mask], offset[~mask])
        if OFFSETS[method] == "zero":
            assert not offset.any()
        if OFFSETS[method] == "frozen":
            assert torch.equal(offset, initial[name])


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_mask(make_network, problem, method):
    data = problem(400)
    a, b = (sparsify(make_network("conv"), method, 0.8, data, seed=4) for _ in range(2))
    assert equal(masks_of(a), masks_of(b))


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("magnitude", "synflow")])
def test_another_seed_gives_another_mask(make_network, problem, method):
    """Criteria that see examples draw them; magnitude and SynFlow draw nothing but ties."""
    data = problem(400)
    a, b = (sparsify(make_network("conv"), method, 0.8, data, seed=seed) for seed in (0, 1))
    assert not equal(masks_of(a), masks_of(b))


def test_the_global_random_state_does_not_matter(network, problem):
    torch.manual_seed(1)
    a = sparsify(network, "random", 0.8)
    torch.manual_seed(2)
    assert equal(masks_of(a), masks_of(sparsify(network, "random", 0.8)))


@pytest.mark.parametrize("method", METHODS)
def test_a_list_of_sparsities_equals_single_calls_bit_for_bit(network, problem, method):
    data, targets = problem(200), [0.9, 0.5, 0.99]
    together = sparsify(network, method, targets, data, seed=3)
    assert [s.target_sparsity for s in together] == targets
    for target, subject in zip(targets, together, strict=True):
        alone = sparsify(network, method, target, data, seed=3)
        assert equal(masks_of(alone), masks_of(subject))
        assert sha256_of(alone.model.state_dict()) == sha256_of(subject.model.state_dict())
        assert alone.record() == subject.record()


def test_subjects_of_one_list_do_not_share_weights(network):
    first, second = sparsify(network, "random", [0.5, 0.5])
    with torch.no_grad():
        for parameter in first.model.parameters():
            parameter.fill_(7)
    assert not any(bool((p == 7).all()) for p in second.model.parameters())


@pytest.mark.parametrize("method", list(OFFSETS))
def test_the_original_model_is_untouched(network, problem, method):
    before, classes = sha256_of(network.state_dict()), [type(m) for m in network.modules()]
    modes = [m.training for m in network.modules()]
    subject = sparsify(network, method, 0.0 if method == "dense" else 0.9, problem(64))
    with torch.no_grad():
        for parameter in subject.model.parameters():
            parameter.add_(1)
    assert sha256_of(network.state_dict()) == before
    assert [type(m) for m in network.modules()] == classes
    assert [m.training for m in network.modules()] == modes == [m.training for m in network.modules()]


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.99])
def test_freezenet_has_snips_mask(network, problem, sparsity):
    data = problem(200)
    snip = sparsify(network, "snip", sparsity, data, seed=2, rescue="random")
    freezenet = sparsify(network, "freezenet", sparsity, data, seed=2)
    assert equal(masks_of(snip), masks_of(freezenet))
    assert snip.rescued == freezenet.rescued


def test_snip_collapses_layers_at_extreme_sparsity_and_says_so_and_a_rescue_gives_each_one_weight(
    make_network, problem
):
    data = problem(200)
    model = make_network("conv")
    plain = sparsify(model, "snip", 0.998, data)
    empty = [name for name, mask in masks_of(plain).items() if not mask.any()]
    assert empty
    assert plain.warnings == tuple(remark("layer-collapsed", layer=name) for name in empty)
    saved = sparsify(model, "snip", 0.998, data, rescue="random")
    assert saved.rescued == dict.fromkeys(empty, 1)
    assert saved.kept == plain.kept + len(empty)
    assert saved.warnings == ()
    assert [layer.rescued for layer in saved.record().layers] == [
        int(name in empty) for name in masks_of(plain)
    ]


def test_dctps_values_start_at_zero_and_logits_are_those_of_the_pure_dct_network(network, problem):
    subject = sparsify(network, "dctps", 0.9)
    pure = copy.deepcopy(network)
    for module in list(prunable_slots(pure).values()):
        add_dct_offset(module)
    assert not any(bool(m.values.any()) for m in prunable_slots(subject.model).values())
    assert all(dct_offset_of(m).alpha.item() == 1 for m in prunable_slots(subject.model).values())
    images, _ = problem(8)
    assert torch.equal(subject.model.eval()(images), pure.eval()(images))


def test_dctps_keeps_equally_many_per_layer_and_loses_nothing(network):
    subject = sparsify(network, "dctps", 0.8)
    shapes = {name: tuple(mask.shape) for name, mask in masks_of(subject).items()}
    assert {n: int(m.sum()) for n, m in masks_of(subject).items()} == allocate("epl", shapes, subject.kept)


def test_dctps_can_keep_alpha_fixed(network):
    subject = sparsify(network, "dctps", 0.8, trainable_alpha=False)
    assert not any(dct_offset_of(m).alpha.requires_grad for m in prunable_slots(subject.model).values())


@pytest.mark.parametrize("allocation", ["uniform", "erk", "epl", "epf"])
@pytest.mark.parametrize("method", ["random", "magnitude"])
def test_every_allocation_goes_with_every_score(network, method, allocation):
    masks = masks_of(sparsify(network, method, 0.8, allocation=allocation))
    shapes = {name: tuple(mask.shape) for name, mask in masks.items()}
    k = kept_count(sum(mask.numel() for mask in masks.values()), 0.8)
    assert {name: int(mask.sum()) for name, mask in masks.items()} == allocate(allocation, shapes, k)


def test_magnitude_keeps_the_largest_weights_of_the_whole_network(network):
    subject = sparsify(network, "magnitude", 0.75)
    weights = torch.cat([w.abs().flatten() for w in effective_weights(network).values()])
    mask = torch.cat([m.flatten() for m in masks_of(subject).values()])
    assert float(weights[mask].min()) > float(weights[~mask].max())


def test_random_draws_every_place_equally_often():
    """100 seeds, half of 40 weights: each place 50 times, standard deviation 5; five of them allowed."""
    model = nn.Linear(8, 5, bias=False)
    hits = sum(masks_of(sparsify(model, "random", 0.5, seed=s))["weight"].int() for s in range(100))
    assert int((hits - 50).abs().max()) < 25


def test_the_untrained_twin_is_as_sparsify_made_it(network, problem):
    for method in METHODS:
        subject = sparsify(network, method, 0.8, problem(64))
        start = sha256_of(subject.model.state_dict())
        sr.train(subject, problem(64), epochs=1, recipe="own")
        assert sha256_of(subject.model.state_dict()) != start
        twin = subject.at_initialisation()
        assert sha256_of(twin.model.state_dict()) == start
        assert equal(masks_of(twin), masks_of(subject))
        assert twin.history is None


def test_the_record_says_what_was_done(network, problem):
    subject = sparsify(network, "snip", 0.9, problem(200), seed=7, score_samples=80)
    record = subject.record()
    assert (record.label, record.method, record.seed, record.score_samples) == ("snip 0.9", "snip", 7, 80)
    assert record.parameters == sum(p.numel() for p in network.parameters())
    assert (record.offset, record.positions, record.decay_towards) == ("zero", "stored", "zero")
    assert record.initial_sha256 == sha256_of(effective_weights(network))
    assert [(layer.name, layer.numel, layer.kept) for layer in record.layers] == [
        (name, mask.numel(), int(mask.sum())) for name, mask in masks_of(subject).items()
    ]
    dctps = sparsify(network, "dctps", 0.9).record()
    assert (dctps.offset, dctps.positions, dctps.decay_towards) == ("dct", "seeded", "offset")
    assert dctps.parameters == record.parameters


def test_a_bare_model_is_a_subject_whose_masks_are_its_non_zeros(network):
    with torch.no_grad():
        next(iter(prunable_slots(network).values())).values.view(-1)[:5] = 0
    subject = sr.Subject.of(network, name="mine")
    assert subject.model is network
    assert subject.prunable - subject.kept == 5
    assert (subject.method, subject.name, subject.at_initialisation()) == (None, "mine", None)
