"""Carlini-Wagner: success at caps, and the traps of other libraries. Closed forms are in test_minimum_norm."""

import numpy as np
import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import CarliniWagner
from sparserobust.records import remark


class Linear(nn.Module):
    """Two logits with a margin w.x + b, so that the exact l2 distance is |w.x + b| / |w|."""

    def __init__(self, pixels=16, scale=1.0):
        super().__init__()
        self.layer = nn.Linear(pixels, 2)
        stream = torch.Generator().manual_seed(1)
        direction = torch.randn(pixels, generator=stream) * scale
        with torch.no_grad():
            self.layer.weight.copy_(torch.stack([direction, -direction]))
            self.layer.bias.zero_()

    def forward(self, images):
        return self.layer(images.flatten(1) - 0.5)

    def exact(self, images):
        return (
            (self.layer(images.flatten(1) - 0.5)[:, 0].abs() / self.layer.weight[0].norm()).detach().double()
        )


def near_the_middle(n=40):
    """Images away from 0 and 1, so that the box does not shorten any path."""
    return 0.5 + 0.5 * (torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(2)) - 0.5)


def test_capped_success_follows_from_the_distances():
    model, images = Linear(), near_the_middle()
    labels = model(images).argmax(dim=1)
    labels[:8] = 1 - labels[:8]
    outcome = CarliniWagner(eps=(0.02, 0.05, 0.2))(model, (images, labels))
    distance, correct = outcome.per_example["distance"], outcome.per_example["correct"]
    assert correct.sum() == 32
    assert (distance[~correct] == 0).all()
    for cap in (0.02, 0.05, 0.2):
        within = (correct & (distance <= cap)).sum()
        assert outcome.score("attack_success_rate", at=cap).value == within / 32
        assert outcome.score("robust_accuracy", at=cap).value == (32 - within) / 40
        rescaled = outcome.score("rescaled_success_rate", at=cap).value
        assert rescaled >= within / 32
        assert outcome.score("paper_success", at=cap).value == pytest.approx(8 / 40 + 32 / 40 * rescaled)


class BlackIsOne(nn.Module):
    """Class 0 on any image with light in it, class 1 on black: foolbox's failure value fools it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 2)
        with torch.no_grad():
            self.layer.weight.copy_(torch.stack([torch.ones(16), -torch.ones(16)]))
            self.layer.bias.copy_(torch.tensor([-0.5, 0.5]))

    def forward(self, images):
        return self.layer(images.flatten(1))


def test_a_black_image_returned_on_failure_is_not_a_success():
    """Saturated pixels and few small steps: foolbox finds nothing, returns black, and calls that a success."""
    model = BlackIsOne()
    images = (torch.rand(24, 1, 4, 4, generator=torch.Generator().manual_seed(3)) < 0.6).float()
    labels = torch.zeros(24, dtype=torch.int64)
    assert (model(torch.zeros(1, 1, 4, 4)).argmax(dim=1) == 1).all()
    short = CarliniWagner(backend="foolbox", binary_search_steps=2, steps=20, stepsize=0.01)
    outcome = short(model, (images, labels))
    assert torch.isinf(torch.from_numpy(outcome.per_example["distance"])).all()
    assert outcome.score("attack_success_rate", at=3.0).value == 0
    assert outcome.score("median_l2").value is None
    assert outcome.score("median_l2").reason == remark("not-found", lost=24, of=24)
    short_travel = (remark("short-travel", travel=0.2, needed=8.0),)
    warned = {(score.name, score.at) for score in outcome.scores if score.warnings == short_travel}
    assert warned == {("median_l2", None), *(("robust_accuracy", cap) for cap in short.budgets)}


@pytest.mark.parametrize(
    "attack",
    [
        CarliniWagner(),
        CarliniWagner(backend="foolbox", binary_search_steps=5, steps=100, stepsize=0.1, initial_const=1.0),
        CarliniWagner(backend="torchattacks", steps=100, stepsize=0.1, initial_const=10.0),
    ],
    ids=lambda attack: attack.backend,
)
def test_with_enough_steps_saturated_pixels_leave_their_corner(attack):
    model = BlackIsOne()
    images = (torch.rand(24, 1, 4, 4, generator=torch.Generator().manual_seed(3)) < 0.6).float()
    outcome = attack(model, (images, torch.zeros(24, dtype=torch.int64)))
    assert not outcome.warnings
    assert torch.isfinite(torch.from_numpy(outcome.per_example["distance"])).all()


@pytest.mark.parametrize(
    ("network", "settings", "fraction"),
    [
        ("digits_network", {"steps": 200, "stepsize": 0.05}, 8),
        pytest.param("pruned_network", {}, 40, marks=pytest.mark.slow),
    ],
)
def test_ours_is_no_worse_than_foolbox_and_spends_a_fraction(request, network, settings, fraction):
    """On trained networks: median distance and success at every cap, foolbox with 9 x 200 and with 9 x 1000 steps.

    A cap may go the other way by one example of 40 (a distance that lies on it).
    """
    subject = request.getfixturevalue(network)
    examples = sr.load_data("digits").test.slice(torch.arange(40))
    caps = (0.25, 0.5, 0.75, 1.0, 1.5)
    ours = CarliniWagner(eps=caps)(subject, examples)
    theirs = CarliniWagner(eps=caps, backend="foolbox", **settings)(subject, examples)
    assert ours.score("median_l2").value <= theirs.score("median_l2").value * 1.001
    for cap in caps:
        success = [o.score("attack_success_rate", at=cap).value for o in (ours, theirs)]
        assert success[0] >= success[1] - 1 / 40
    assert ours.passes["forward"] < theirs.passes["forward"] / fraction


def test_confidence_is_a_margin_that_is_really_reached():
    """More confidence costs distance: on a linear model exactly confidence / |w| more (two classes, no box)."""
    model, images = Linear(), near_the_middle()
    labels = model(images).argmax(dim=1)
    plain = CarliniWagner()(model, (images, labels)).per_example["distance"]
    sure = CarliniWagner(confidence=0.5)(model, (images, labels)).per_example["distance"]
    slope = 2 * model.layer.weight[0].detach().norm().item()
    assert np.median((sure - plain) / (0.5 / slope)) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"eps": [0.0]}, "different distances > 0"),
        ({"steps": 0}, "steps of carlini-wagner must be a whole number, at least 1, or None, got 0"),
        ({"binary_search_steps": 3}, "backend 'native' has no binary_search_steps; it has steps, warm_start"),
        ({"backend": "foolbox", "warm_start": 3}, "backend 'foolbox' has no warm_start"),
        (
            {"backend": "fool"},
            "backend of carlini-wagner must be one of native, foolbox, torchattacks, got 'fool'",
        ),
        ({"confidence": -1.0}, "confidence of carlini-wagner must be a number, at least 0, got -1.0"),
        ({"backend": "foolbox", "early_stop": True}, "early_stop needs backend 'native'"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, text):
    with pytest.raises(sr.errors.ConfigError, match=text):
        CarliniWagner(**settings)
