"""Every built-in method through `sparsify`: exact counts, seeds, lists, offsets and errors."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

import sparserobust as sr
from sparserobust.errors import ConfigError, DegenerateScores, ModelError, PluginError
from sparserobust.sparsity.allocation import allocate, kept_count
from sparserobust.weights.offset import add_dct_offset, dct_offset_of
from sparserobust.weights.plan import effective_weights, prunable_modules, sha256_of, values_of

OFFSETS = {
    "dense": "zero",
    "random": "zero",
    "magnitude": "zero",
    "snip": "zero",
    "freezenet": "frozen",
    "dctps": "dct",
}
METHODS = [name for name in OFFSETS if name != "dense"]
DRAWN = ["random", "dctps"]


def masks_of(subject) -> dict[str, torch.Tensor]:
    return {name: part.mask for name, part in subject.plan.items()}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_the_built_in_methods_are_listed():
    assert set(OFFSETS) <= set(sr.list_methods())


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9, 0.99])
@pytest.mark.parametrize("method", METHODS)
def test_exactly_k_weights_are_kept_plus_the_rescued(network, problem, method, sparsity):
    subject = sr.sparsify(network, method, sparsity, problem(64), seed=1)
    rescued = sum(subject.rescued.values())
    assert subject.kept == kept_count(subject.prunable, sparsity) + rescued
    assert subject.prunable == sum(values_of(m).numel() for m in prunable_modules(network).values())
    assert subject.sparsity == 1 - subject.kept / subject.prunable
    assert subject.target_sparsity == sparsity
    assert subject.weights.kind == OFFSETS[method]
    assert rescued == 0 or method == "freezenet"


@pytest.mark.parametrize("method", METHODS)
def test_the_effective_weights_are_the_initial_ones_on_the_mask_and_the_offset_elsewhere(
    network, problem, method
):
    initial = effective_weights(network)
    subject = sr.sparsify(network, method, 0.7, problem(64))
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
    a, b = (sr.sparsify(make_network("conv"), method, 0.8, data, seed=4) for _ in range(2))
    assert equal(masks_of(a), masks_of(b))


@pytest.mark.parametrize("method", [*DRAWN, "snip", "freezenet"])
def test_another_seed_gives_another_mask(make_network, problem, method):
    """SNIP draws which examples it scores on."""
    data = problem(400)
    a, b = (sr.sparsify(make_network("conv"), method, 0.8, data, seed=seed) for seed in (0, 1))
    assert not equal(masks_of(a), masks_of(b))


def test_the_global_random_state_does_not_matter(network, problem):
    torch.manual_seed(1)
    a = sr.sparsify(network, "random", 0.8)
    torch.manual_seed(2)
    assert equal(masks_of(a), masks_of(sr.sparsify(network, "random", 0.8)))


@pytest.mark.parametrize("method", METHODS)
def test_a_list_of_sparsities_equals_single_calls_bit_for_bit(network, problem, method):
    data, targets = problem(200), [0.9, 0.5, 0.99]
    together = sr.sparsify(network, method, targets, data, seed=3)
    assert [s.target_sparsity for s in together] == targets
    for target, subject in zip(targets, together, strict=True):
        alone = sr.sparsify(network, method, target, data, seed=3)
        assert equal(masks_of(alone), masks_of(subject))
        assert sha256_of(alone.model.state_dict()) == sha256_of(subject.model.state_dict())
        assert alone.record() == subject.record()


def test_subjects_of_one_list_do_not_share_weights(network):
    first, second = sr.sparsify(network, "random", [0.5, 0.5])
    with torch.no_grad():
        for parameter in first.model.parameters():
            parameter.fill_(7)
    assert not any(bool((p == 7).all()) for p in second.model.parameters())


@pytest.mark.parametrize("method", list(OFFSETS))
def test_the_original_model_is_untouched(network, problem, method):
    before, classes = sha256_of(network.state_dict()), [type(m) for m in network.modules()]
    modes = [m.training for m in network.modules()]
    subject = sr.sparsify(network, method, 0.0 if method == "dense" else 0.9, problem(64))
    with torch.no_grad():
        for parameter in subject.model.parameters():
            parameter.add_(1)
    assert sha256_of(network.state_dict()) == before
    assert [type(m) for m in network.modules()] == classes
    assert [m.training for m in network.modules()] == modes == [m.training for m in network.modules()]


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.99])
def test_freezenet_has_snips_mask(network, problem, sparsity):
    data = problem(200)
    snip = sr.sparsify(network, "snip", sparsity, data, seed=2, rescue="random")
    freezenet = sr.sparsify(network, "freezenet", sparsity, data, seed=2)
    assert equal(masks_of(snip), masks_of(freezenet))
    assert snip.rescued == freezenet.rescued


def test_snip_collapses_layers_at_extreme_sparsity_and_says_so_and_a_rescue_gives_each_one_weight(
    make_network, problem
):
    data = problem(200)
    model = make_network("conv")
    plain = sr.sparsify(model, "snip", 0.998, data)
    empty = [name for name, mask in masks_of(plain).items() if not mask.any()]
    assert empty
    assert plain.warnings == tuple(f"layer collapsed: {name} keeps no weight" for name in empty)
    saved = sr.sparsify(model, "snip", 0.998, data, rescue="random")
    assert saved.rescued == dict.fromkeys(empty, 1)
    assert saved.kept == plain.kept + len(empty)
    assert saved.warnings == ()
    assert [layer.rescued for layer in saved.record().layers] == [
        int(name in empty) for name in masks_of(plain)
    ]


def test_dctps_values_start_at_zero_and_logits_are_those_of_the_pure_dct_network(network, problem):
    subject = sr.sparsify(network, "dctps", 0.9)
    pure = copy.deepcopy(network)
    for module in list(prunable_modules(pure).values()):
        add_dct_offset(module)
    assert not any(bool(values_of(m).any()) for m in prunable_modules(subject.model).values())
    assert all(dct_offset_of(m).alpha.item() == 1 for m in prunable_modules(subject.model).values())
    images, _ = problem(8)
    assert torch.equal(subject.model.eval()(images), pure.eval()(images))


def test_dctps_keeps_equally_many_per_layer_and_loses_nothing(network):
    subject = sr.sparsify(network, "dctps", 0.8)
    shapes = {name: tuple(mask.shape) for name, mask in masks_of(subject).items()}
    assert {n: int(m.sum()) for n, m in masks_of(subject).items()} == allocate("epl", shapes, subject.kept)


def test_dctps_can_keep_alpha_fixed(network):
    subject = sr.sparsify(network, "dctps", 0.8, trainable_alpha=False)
    assert not any(dct_offset_of(m).alpha.requires_grad for m in prunable_modules(subject.model).values())


@pytest.mark.parametrize("allocation", ["uniform", "erk", "epl", "epf"])
@pytest.mark.parametrize("method", ["random", "magnitude"])
def test_every_allocation_goes_with_every_score(network, method, allocation):
    masks = masks_of(sr.sparsify(network, method, 0.8, allocation=allocation))
    shapes = {name: tuple(mask.shape) for name, mask in masks.items()}
    k = kept_count(sum(mask.numel() for mask in masks.values()), 0.8)
    assert {name: int(mask.sum()) for name, mask in masks.items()} == allocate(allocation, shapes, k)


def test_magnitude_keeps_the_largest_weights_of_the_whole_network(network):
    subject = sr.sparsify(network, "magnitude", 0.75)
    weights = torch.cat([w.abs().flatten() for w in effective_weights(network).values()])
    mask = torch.cat([m.flatten() for m in masks_of(subject).values()])
    assert float(weights[mask].min()) > float(weights[~mask].max())


def test_random_draws_every_place_equally_often():
    """100 seeds, half of 40 weights: each place 50 times, standard deviation 5; five of them allowed."""
    model = nn.Linear(8, 5, bias=False)
    hits = sum(masks_of(sr.sparsify(model, "random", 0.5, seed=s))["weight"].int() for s in range(100))
    assert int((hits - 50).abs().max()) < 25


def test_the_untrained_twin_is_as_sparsify_made_it(network, problem):
    for method in METHODS:
        subject = sr.sparsify(network, method, 0.8, problem(64))
        start = sha256_of(subject.model.state_dict())
        sr.train(subject, problem(64), epochs=1)
        assert sha256_of(subject.model.state_dict()) != start
        twin = subject.untrained()
        assert sha256_of(twin.model.state_dict()) == start
        assert equal(masks_of(twin), masks_of(subject))
        assert twin.history is None


def test_the_record_says_what_was_done(network, problem):
    subject = sr.sparsify(network, "snip", 0.9, problem(200), seed=7, score_samples=80)
    record = subject.record()
    assert (record.label, record.method, record.seed, record.score_samples) == ("snip 0.9", "snip", 7, 80)
    assert record.parameters == sum(p.numel() for p in network.parameters())
    assert (record.offset, record.positions, record.decay_towards) == ("zero", "stored", "zero")
    assert record.initial_sha256 == sha256_of(effective_weights(network))
    assert [(layer.name, layer.numel, layer.kept) for layer in record.layers] == [
        (name, mask.numel(), int(mask.sum())) for name, mask in masks_of(subject).items()
    ]
    dctps = sr.sparsify(network, "dctps", 0.9).record()
    assert (dctps.offset, dctps.positions, dctps.decay_towards) == ("dct", "seeded", "offset")
    assert dctps.parameters == record.parameters


def test_a_bare_model_is_a_subject_whose_masks_are_its_non_zeros(network):
    with torch.no_grad():
        next(iter(prunable_modules(network).values())).weight.view(-1)[:5] = 0
    subject = sr.Subject.of(network, name="mine")
    assert subject.model is network
    assert subject.prunable - subject.kept == 5
    assert (subject.method, subject.name, subject.untrained()) == (None, "mine", None)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"method": "snip", "sparsity": 90},
            ConfigError,
            r"sparsity must be in \[0, 1\), got 90; did you mean 0.9\?",
        ),
        ({"method": "snip", "sparsity": [0.5, 90]}, ConfigError, r"got 90; did you mean 0.9\?"),
        ({"method": "snip", "sparsity": -0.5}, ConfigError, r"sparsity must be in \[0, 1\), got -0.5"),
        (
            {"method": "snpi"},
            PluginError,
            r"unknown method 'snpi'; did you mean 'snip'\? `sparserobust list methods` shows",
        ),
        ({"method": "zzzz"}, PluginError, r"unknown method 'zzzz'; `sparserobust list methods` shows"),
        (
            {"method": "dense", "sparsity": 0.5},
            ConfigError,
            "dense keeps every weight: sparsity must be 0, got 0.5",
        ),
        (
            {"method": "snip", "data": None},
            ConfigError,
            "snip scores weights on training examples; give data=",
        ),
        (
            {"method": "freezenet", "data": None},
            ConfigError,
            "freezenet scores weights on training examples; give data=",
        ),
        (
            {"method": "snip", "resuce": "random"},
            ConfigError,
            r"snip has no parameter 'resuce'; did you mean 'rescue'\? it takes allocation, offset, rescue",
        ),
        ({"method": "snip", "qqq": 1}, ConfigError, "snip has no parameter 'qqq'; it takes allocation"),
        (
            {"method": "random", "allocation": "ekr"},
            ConfigError,
            r"allocation of random must be one of global, uniform, erk, epl, epf, got 'ekr'; did you mean 'erk'\?",
        ),
        (
            {"method": "snip", "offset": "dtc"},
            ConfigError,
            r"offset of snip must be one of zero, frozen, dct, got 'dtc'",
        ),
        ({"method": "snip", "score_samples": 0}, ConfigError, "score_samples must be at least 1, got 0"),
        ({"method": "snip", "device": "cuda:77"}, ConfigError, "device must be auto, cpu or cuda"),
    ],
)
def test_wrong_use_is_one_clear_line(network, problem, arguments, error, text):
    with pytest.raises(error, match=text) as caught:
        sr.sparsify(network, **({"data": problem(8)} | arguments))
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_finite_are_refused(network, problem):
    name, parameter = next(iter(network.named_parameters()))
    with torch.no_grad():
        parameter.view(-1)[:2] = math.nan
    with pytest.raises(ModelError, match=rf"{name} has 2 entries that are NaN or infinite"):
        sr.sparsify(network, "random", 0.5)


def test_a_network_without_conv_or_linear_layer_is_refused():
    with pytest.raises(ModelError, match="Flatten has no conv or linear layer"):
        sr.sparsify(nn.Flatten(), "random", 0.5)


def test_scores_that_cannot_choose_are_refused_and_name_the_layers(network, problem):
    """With a dead last layer nothing before it has a gradient: never silently a dense or an empty net."""
    last = list(prunable_modules(network))[-1]
    with torch.no_grad():
        prunable_modules(network)[last].weight.zero_()
    with pytest.raises(DegenerateScores, match="no usable score at all in") as caught:
        sr.sparsify(network, "snip", 0.5, problem(64))
    assert caught.value.layers == tuple(prunable_modules(network))
