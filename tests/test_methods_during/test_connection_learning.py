"""Connection learning prunes each layer at one quality parameter times its own deviation, and retrains."""

from __future__ import annotations

import pytest
import torch

from sparserobust.errors import ConfigError
from sparserobust.sparsity.allocation import kept_count
from sparserobust.testing import check_method


def prune_once(make_pruner, model, sparsity=0.7, **params):
    """The masks of a pruning of the network as it is, and its weights before."""
    pruner = make_pruner(model, "connection-learning", sparsity, 2, **params)
    before = {name: value.detach().clone() for name, value in pruner.training.values.items()}
    pruner.training.epoch = 1
    pruner.end_of_epoch()
    return pruner.training, before


def test_one_quality_parameter_gives_the_threshold_of_every_layer(make_pruner, network):
    training, weights = prune_once(make_pruner, network)
    lowest, highest = 0.0, float("inf")
    for name, weight in weights.items():
        quality = weight.abs().double() / weight.double().std(correction=0)
        mask = training.masks[name]
        lowest = max(lowest, float(quality[~mask].max()))
        highest = min(highest, float(quality[mask].min()))
    assert 0 < lowest <= highest * (1 + 1e-6)
    assert training.kept == kept_count(training.prunable, 0.7)


def test_a_layer_of_small_weights_is_spared_by_its_own_threshold_and_not_by_a_common_one(
    make_pruner, make_network
):
    densities = {}
    for threshold in ("deviation", "magnitude"):
        model = make_network()
        with torch.no_grad():
            model.body[10].weight.mul_(1e-4)
        training, _ = prune_once(make_pruner, model, 0.9, threshold=threshold)
        mask = training.masks["body.10.weight"]
        densities[threshold] = float(mask.float().mean())
    assert densities["magnitude"] == 0
    assert densities["deviation"] > 0.05


def test_a_common_threshold_keeps_the_largest_weights_of_the_network(make_pruner, network):
    training, weights = prune_once(make_pruner, network, threshold="magnitude")
    kept = torch.cat([weight[training.masks[name]].abs() for name, weight in weights.items()])
    every = torch.cat([weight.abs().flatten() for weight in weights.values()])
    assert torch.equal(kept.sort().values, every.sort().values[-training.k :])


def test_the_deviation_of_a_later_round_is_that_of_the_weights_still_kept(make_pruner, make_network):
    model = make_network()
    pruner = make_pruner(model, "connection-learning", 0.9, 4, rounds=2, first=0.25)
    for pruner.training.epoch in (1, 3):
        before = {name: mask.clone() for name, mask in pruner.training.masks.items()}
        weights = {name: value.detach().clone() for name, value in pruner.training.values.items()}
        pruner.end_of_epoch()
    quality = {name: w.abs() / w[before[name]].std(correction=0) for name, w in weights.items()}
    masks = pruner.training.masks
    gone = torch.cat([q[before[name] & ~masks[name]] for name, q in quality.items()])
    assert gone.max() <= min(q[masks[name]].min() for name, q in quality.items())
    assert pruner.training.kept == pruner.training.k


def test_weights_are_retrained_from_where_they_are(train_bars):
    states = []

    def look(pruner, before):
        if pruner.training.epoch == 4:
            states.append({name: value.detach().clone() for name, value in pruner.training.values.items()})

    subject = train_bars("connection-learning", 0.8, watch=look)
    trained, pruned = states
    for name, weight in pruned.items():
        kept = weight != 0
        assert torch.equal(weight[kept], trained[name][kept])
        assert torch.equal(kept, subject.weights.masks[name])
    assert [round(sum(r.sparsity), 6) > 0 for r in subject.history.epochs] == [False] * 3 + [True] * 5
    assert subject.history.chosen_epoch >= 4


def test_rounds_prune_the_same_fraction_and_share_the_time_that_is_left(train_bars):
    seen = []
    train_bars(
        "connection-learning",
        0.875,
        rounds=3,
        first=0.25,
        watch=lambda p, before: before or seen.append((p.settled, p.training.kept / p.training.prunable)),
    )
    densities = [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.125]
    assert [density for _, density in seen] == pytest.approx(densities, abs=0.001)
    assert [settled for settled, _ in seen] == [False] * 5 + [True] * 3


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"rounds": 0}, "rounds of connection-learning must be a whole number, at least 1, got 0"),
        ({"first": 1.0}, r"first of connection-learning must be a number in \(0, 1\), got 1"),
        (
            {"threshold": "std"},
            "threshold of connection-learning must be one of deviation, magnitude, got 'std'",
        ),
        ({"rounds": 5}, "5 rounds of pruning from epoch 4 on need .*, got a training of 8; train longer"),
        ({"rescue": "random"}, "connection-learning has no parameter 'rescue'"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "connection-learning", 0.9, 8, **params)


@pytest.mark.usefixtures("kit")
def test_the_laws_hold_in_rounds_with_another_allocation_and_offset():
    check_method("connection-learning", rounds=3, first=0.3, allocation="erk", offset="dct")
