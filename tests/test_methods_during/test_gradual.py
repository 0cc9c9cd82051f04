"""Gradual magnitude pruning follows the cubic to the weight; SNIP-it during training its halving and its score."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import DataLoader

import sparserobust as sr
from sparserobust.apply import build_method
from sparserobust.errors import ConfigError
from sparserobust.methods.gradual_magnitude import cubic
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe, train


def test_the_cubic_has_the_papers_values():
    assert [cubic(0.0, 0.9, t) for t in (0, 0.5, 1)] == pytest.approx([0, 0.7875, 0.9])
    assert cubic(0.5, 0.9, 0.5) == pytest.approx(0.85)
    assert cubic(0.2, 0.8, 0.25) == pytest.approx(0.8 - 0.6 * 0.421875)
    assert [cubic(0.5, 0.9, t) for t in (-1, 2)] == [0.5, 0.9]


@pytest.mark.parametrize("start", [0.0, 0.25])
def test_the_network_has_the_cubics_sparsity_after_every_event(make_pruner, hold, network, start):
    """Era of epochs 2 to 7 at 10 steps each, an event every 7: at 20, 27, ... 69, and at 70 the last."""
    pruner = make_pruner(
        network,
        "gradual-magnitude",
        0.83,
        10,
        steps_per_epoch=10,
        momentum=0.9,
        era=(2, 7),
        every=7,
        start_sparsity=start,
    )
    training, attached = pruner.training, hold(pruner)
    stream = torch.Generator().manual_seed(0)
    sizes, inner = [], training.set_masks

    def look(masks):
        """Magnitudes of what goes now, and of what stays."""
        parts = [(training.values[n].detach().abs(), m, training.masks[n] & ~m) for n, m in masks.items()]
        sizes.append([torch.cat([size[where[i]] for size, *where in parts]) for i in (1, 0)])
        inner(masks)

    training.set_masks = look
    kept, before = training.prunable, {name: mask.clone() for name, mask in training.masks.items()}
    for step in range(1, 101):
        for parameter in network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=stream)
        if 20 <= step <= 70 and (step % 7 == 6 or step == 70):
            sparsity = 0.83 + (start - 0.83) * (1 - (step - 20) / 50) ** 3
            kept = (
                math.floor(0.17 * training.prunable)
                if step == 70
                else round((1 - sparsity) * training.prunable)
            )
        sizes.clear()
        attached.step()
        assert training.kept == kept, step
        for gone, stay in sizes:
            assert not len(gone) or gone.max() <= stay.min(), "a weight went that was not the smallest"
        for name, mask in training.masks.items():
            assert not (mask & ~before[name]).any(), "a weight came back"
            assert not training.values[name][~mask].any()
            before[name] = mask.clone()
        assert pruner.settled == (kept == math.floor(0.17 * training.prunable))
    assert training.kept == training.k


def test_by_default_pruning_takes_the_first_half_and_then_the_mask_stays(train_bars):
    masks, settled = [], []

    def look(pruner, before):
        if not before:
            masks.append(torch.cat([mask.flatten() for mask in pruner.training.masks.values()]).clone())
            settled.append(pruner.settled)

    subject = train_bars("gradual-magnitude", 0.8, every=2, watch=look)
    counts = [int(mask.sum()) for mask in masks]
    cubes = [round(2430 * (1 - 0.8 * (1 - (1 - epoch / 4) ** 3))) for epoch in (1, 2, 3)]
    assert counts == [*cubes, 486, 486, 486, 486, 486]
    assert all(torch.equal(mask, masks[3]) for mask in masks[3:])
    assert settled == [False] * 3 + [True] * 5
    assert subject.history.chosen_epoch >= 4
    assert subject.kept == 486


@pytest.mark.parametrize("allocation", ["uniform", "erk"])
def test_a_layer_keeps_its_share_through_many_small_events(train_bars, allocation):
    """Rounding gives a layer one weight more now and then; its pruned weights stay away none the less."""
    subject = train_bars("gradual-magnitude", 0.8, every=1, era=(0, 6), allocation=allocation, kind=1)
    sizes = {name: tuple(mask.shape) for name, mask in subject.weights.masks.items()}
    shares = {name: sum(shape) if allocation == "erk" else math.prod(shape) for name, shape in sizes.items()}
    full = {"head.weight"} if allocation == "erk" else set()  # 24 places, and a share of 249 * 11 / 66 > 24
    left = 249 - sum(math.prod(sizes[name]) for name in full)
    total = sum(share for name, share in shares.items() if name not in full)
    for name, mask in subject.weights.masks.items():
        exact = math.prod(sizes[name]) if name in full else left * shares[name] / total
        assert abs(int(mask.sum()) - exact) < 2, name
    assert subject.kept == 249


@pytest.mark.parametrize(("epochs", "era"), [(1, None), (3, (0, 0.3)), (3, (1, 1.3)), (2, (1.8, 2))])
def test_an_era_shorter_than_a_step_still_prunes_to_the_target(train_bars, epochs, era):
    subject = train_bars(
        "gradual-magnitude", 0.8, era=era, recipe={"epochs": epochs, "batch_size": 96}
    )  # one step per epoch
    assert subject.kept == 486


def test_a_training_that_diverges_says_so_under_every_method_that_moves_its_mask(train_bars):
    params = {"gradual-magnitude": {"every": 1}, "rigl": {"every": 2}, "dsr": {"every": 2}, "set": {}}
    params |= {"sparse-momentum": {}, "snip-it-during": {}}
    for method, own in params.items():
        subject = train_bars(method, 0.8, kind=1, recipe={"lr": 1e30}, **own)
        assert subject.history.status == "diverged", method
        assert all(weight.isfinite().all() for weight in subject.effective_weights().values()), method


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"era": (3, 9)}, "era must begin before it ends, within the 8 epochs, got 3 to 9"),
        ({"era": (5, 5)}, "era must begin before it ends, within the 8 epochs, got 5 to 5"),
        ({"era": (-1, 3)}, "era must begin before it ends, within the 8 epochs, got -1 to 3"),
        ({"every": 0}, r"every of gradual-magnitude must be a whole number, at least 1, or None, got 0"),
        (
            {"start_sparsity": 1.0},
            r"start_sparsity of gradual-magnitude must be a number in \[0, 1\), got 1.0",
        ),
        (
            {"start_sparsity": 0.95},
            "start_sparsity of gradual-magnitude is 0.95, above the sparsity 0.9 that is asked",
        ),
        ({"control": "layer-shuffled"}, "gradual-magnitude has no parameter 'control'"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "gradual-magnitude", 0.9, 8, **params)


# -- SNIP-it during training ------------------------------------------------------------------------------


class Events:
    """At every epoch's end: kept weights, independent scores before, masks after; and the examples asked for."""

    def __init__(self):
        self.kept, self.settled, self.scores, self.masks, self.asked = [], [], [], [], []

    def __call__(self, pruner, before):
        training = pruner.training
        if before and training.epoch == 1:
            self.own, training.examples = training.examples, self.examples
        if before:
            event = max(training.epoch // pruner.every - 1, 0)
            self.scores.append(flat(elasticity(training.model, self.own(event))))
        else:
            self.kept.append(training.kept)
            self.settled.append(pruner.settled)
            self.masks.append(flat(training.masks))

    def examples(self, event):
        batches = self.own(event)
        self.asked.append((event, torch.cat([images for images, _ in batches])))
        return batches


def flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors.values()]).clone()


def elasticity(model, batches):
    """|w * dL/dw| of the mean cross-entropy in evaluation mode, in float64."""
    model = copy.deepcopy(model).double().eval()
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    F.cross_entropy(model(images.double()), labels).backward()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    return {str(i): (m.weight * m.weight.grad).detach().abs() for i, m in enumerate(layers)}


def test_snip_it_prunes_the_lowest_elasticity_at_its_epochs_on_fresh_examples(train_bars):
    """2,430 weights to 243: half, 0.7, 0.8, 0.9, after epochs 2, 4, 6 and 8; pruned weights stay pruned."""
    events = Events()
    subject = train_bars(
        "snip-it-during", 0.9, steps=2, every=2, score_samples=24, watch=events, recipe={"lr": 0.003}
    )
    assert events.kept == [2430, 1215, 1215, 729, 729, 486, 486, 243]
    assert events.settled == [False] * 7 + [True]
    assert subject.history.chosen_epoch == 8
    for number in (1, 3, 5, 7):
        scores, before, after = events.scores[number], events.masks[number - 1], events.masks[number]
        assert not (after & ~before).any()
        best = torch.zeros_like(before)
        best[scores.topk(events.kept[number]).indices] = True
        assert int((best != after).sum()) <= 4  # near the threshold float32 may rank otherwise
        assert scores[before & ~after].max() > 0
    images = [batch for _, batch in events.asked]
    assert [event for event, _ in events.asked] == [0, 1, 2, 3]
    assert [len(batch) for batch in images] == [24] * 4
    assert all(not torch.equal(images[i], images[j]) for i in range(4) for j in range(i))


def test_seven_events_fit_into_three_quarters_of_the_training(train_bars):
    """8 epochs: one event after each of the first seven; 0.9 - 0.4 / 2 ** i of 2,430."""
    events = Events()
    train_bars("snip-it-during", 0.9, score_samples=24, watch=events)
    exact = [2430 * (0.1 + 0.4 / 2**i) for i in range(6)] + [243]
    assert all(abs(kept - share) <= 0.5 for kept, share in zip(events.kept, exact, strict=False))
    assert events.kept[7] == 243
    assert events.settled == [False] * 6 + [True] * 2


@pytest.mark.parametrize(("epochs", "every"), [(40, 4), (28, 3), (10, 1), (19, 2)])
def test_events_come_every_four_epochs_or_as_often_as_a_short_training_needs(
    make_pruner, make_network, epochs, every
):
    training = make_pruner(make_network(), "gradual-magnitude", 0.9, epochs).training
    training.examples = lambda event: []
    assert build_method("snip-it-during", {}).pruner(training).every == every


@pytest.mark.parametrize(
    ("epochs", "params", "text"),
    [
        (6, {}, "snip-it-during prunes 7 times, every 1 epochs, and needs 7 epochs, got 6; train longer"),
        (13, {"every": 2}, "prunes 7 times, every 2 epochs, and needs 14 epochs, got 13"),
        (8, {"every": 0}, "every of snip-it-during must be a whole number, at least 1, or None, got 0"),
        (8, {"offset": "dct"}, "snip-it-during has no parameter 'offset'"),
        (8, {}, "scores weights on training examples; give a data set, not a DataLoader"),
    ],
)
def test_snip_it_refuses_what_cannot_be(make_pruner, make_network, epochs, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "snip-it-during", 0.9, epochs, **params)


def test_snip_it_refuses_a_loader_whose_examples_it_cannot_choose():
    data = small_data()
    subject = sr.sparsify(small_networks()[0], "snip-it-during", 0.9, data)
    recipe = Recipe(name="t", source="", optimizer="sgd", lr=0.05, batch_size=16, epochs=8)
    with pytest.raises(ConfigError, match="give a data set, not a DataLoader"):
        train(subject, DataLoader(data.train, batch_size=16), recipe=recipe)
