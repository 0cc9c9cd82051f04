"""Carlini-Wagner through foolbox: a closed form, and the two traps."""

import pytest
import torch
from torch import nn

import sparserobust as sr
from evaluators import CarliniWagner


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


def test_distances_on_a_linear_model_are_close_to_the_exact_ones():
    """Within 1.25, as adversarial-library tests its attacks.

    Only images at least 0.1 away from the boundary: one Adam step of 0.05 in tanh space moves 16 pixels by
    about 0.1 together, so that nearer ones would measure the step.
    """
    model, images = Linear(), near_the_middle(200)
    images = images[model.exact(images) >= 0.1]
    assert len(images) >= 30
    labels = model(images).argmax(dim=1)
    outcome = CarliniWagner(binary_search_steps=9, steps=200, stepsize=0.05)(model, (images, labels))
    ratio = torch.from_numpy(outcome.per_example["distance"]) / model.exact(images)
    assert ratio.min() >= 1 - 1e-6
    assert ratio.median() <= 1.1
    assert ratio.max() <= 1.25


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
    short = CarliniWagner(binary_search_steps=2, steps=20, stepsize=0.01)
    outcome = short(model, (images, labels))
    assert torch.isinf(torch.from_numpy(outcome.per_example["distance"])).all()
    assert outcome.score("attack_success_rate", at=3.0).value == 0
    assert outcome.score("median_l2").value is None
    assert outcome.score("median_l2").reason == "not found: 24 of 24"
    assert "steps * stepsize = 0.2 is below 8" in outcome.warnings[0]


def test_with_enough_steps_saturated_pixels_leave_their_corner():
    model = BlackIsOne()
    images = (torch.rand(24, 1, 4, 4, generator=torch.Generator().manual_seed(3)) < 0.6).float()
    outcome = CarliniWagner()(model, (images, torch.zeros(24, dtype=torch.int64)))
    assert not outcome.warnings
    assert torch.isfinite(torch.from_numpy(outcome.per_example["distance"])).all()


def test_neither_the_batch_size_nor_the_order_changes_a_distance():
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("lenet-300-100", data), "dense")
    sr.train(subject, data, epochs=4, recipe="digits")
    images, labels = data.test.slice(torch.arange(40))
    attack = CarliniWagner(binary_search_steps=2, steps=100)
    whole = attack(subject, (images, labels)).per_example["distance"]
    parts = attack(subject, (images, labels), batch_size=7).per_example["distance"]
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    shuffled = attack(subject, (images[order], labels[order])).per_example["distance"]
    torch.testing.assert_close(torch.from_numpy(whole), torch.from_numpy(parts), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(
        torch.from_numpy(whole)[order], torch.from_numpy(shuffled), atol=1e-3, rtol=1e-3
    )


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(sr.errors.ConfigError, match="different distances > 0"):
        CarliniWagner(eps=[0.0])
    with pytest.raises(sr.errors.ConfigError, match="steps must be >= 1"):
        CarliniWagner(steps=0)
