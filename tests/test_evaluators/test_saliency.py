"""Saliency: closed forms of the concentration measures, and gradients known by hand."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import sparserobust as sr
from evaluators import Saliency
from sparserobust.records import remark
from sparserobust.stats.concentration import MEASURES, concentration, of_noise


def test_gini_of_known_distributions():
    one_pixel = np.zeros((1, 100))
    one_pixel[0, 7] = 3.0
    ramp = np.arange(1.0, 101)[np.newaxis]  # Gini of 1..n is (n - 1) / (3 n)
    assert concentration(one_pixel)["gini"] == pytest.approx(0.99)
    assert concentration(np.ones((1, 100)))["gini"] == pytest.approx(0.0, abs=1e-12)
    assert concentration(ramp)["gini"] == pytest.approx(99 / 300)


def test_effective_pixels_and_top_mass_of_known_distributions():
    half = np.concatenate([np.ones((1, 50)), np.zeros((1, 50))], axis=1)
    assert concentration(half)["effective_pixels"] == pytest.approx(0.5)
    assert concentration(half)["top1_mass"] == pytest.approx(1 / 50)
    assert concentration(half)["top10_mass"] == pytest.approx(10 / 50)


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_values_equal_those_of_drawn_noise(channels):
    """400 maps of 2,000 pixels: the standard error of each mean is below 1e-3."""
    noise = torch.randn(400, channels, 2000, generator=torch.Generator().manual_seed(0)).double().norm(dim=1)
    drawn = concentration(noise.numpy())
    for name, value in of_noise(channels, 2000).items():
        assert value == pytest.approx(drawn[name].mean(), abs=2e-3), name


def test_noise_values_of_one_channel_are_the_ones_in_the_definition():
    assert of_noise(1, 784)["effective_pixels"] == pytest.approx(2 / np.pi)
    assert of_noise(1, 784)["gini"] == pytest.approx(np.sqrt(2) - 1, abs=1e-6)


class Shifted(nn.Module):
    """A linear net plus a function added to all logits, which changes no decision."""

    def __init__(self, shift):
        super().__init__()
        self.layer = nn.Linear(16, 3, bias=False)
        self.shift = shift
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)))

    def forward(self, images):
        flat = images.flatten(1)
        return self.layer(flat) + self.shift * flat[:, :1]


def test_a_function_added_to_all_logits_changes_the_logits_map_but_not_the_margins():
    data = (
        torch.rand(50, 1, 4, 4, generator=torch.Generator().manual_seed(1)),
        torch.zeros(50, dtype=torch.int64),
    )
    plain, shifted = Saliency()(Shifted(0.0), data), Saliency()(Shifted(100.0), data)
    assert shifted.score("gini", at="logit").value > plain.score("gini", at="logit").value + 0.2
    assert shifted.score("gini", at="margin").value == pytest.approx(
        plain.score("gini", at="margin").value, abs=1e-5
    )


def test_maps_of_a_linear_net_are_its_weight_rows():
    model = Shifted(0.0)
    images = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    label = model(images).argmax(dim=1)
    outcome = Saliency()(model, (images, label))
    row = model.layer.weight[label.item()].detach().abs().double()
    assert outcome.score("gini", at="logit").value == pytest.approx(
        concentration(row.unsqueeze(0).numpy())["gini"].item(), rel=1e-5
    )
    picture = next(p for p in outcome.pictures if p.role == "logit")
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.png))))
    expected = (row / row.max() * 255).round().reshape(4, 4).numpy()
    assert np.abs(drawn - expected).max() <= 1


def test_zero_maps_are_counted_and_left_out():
    class Sometimes(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(16, 2)

        def forward(self, images):
            return self.layer(images.flatten(1)) * (images[:, 0, 0, :1] > 0.5)

    images = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(3))
    share = float((images[:, 0, 0, 0] <= 0.5).double().mean())
    outcome = Saliency()(Sometimes(), (images, torch.zeros(40, dtype=torch.int64)))
    assert outcome.score("zero_maps", at="logit").value == pytest.approx(share)
    assert outcome.score("gini", at="logit").n == round(40 * (1 - share))


def test_trainable_input_pixels_are_those_with_a_kept_weight_in_the_first_layer():
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.ReLU(), nn.Linear(5, 3))
    with torch.no_grad():
        model[1].weight[:, 4:] = 0
        model[1].weight[:, 2] = 0
    outcome = Saliency()(model, (torch.rand(6, 1, 4, 4), torch.tensor([0, 1, 2, 0, 1, 2])))
    assert outcome.score("trainable_input_pixels").value == 3 / 16


def test_a_frozen_net_counts_trainable_pixels_only_and_says_dense_by_construction():
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("mlp5", data), "freezenet", 0.999, data)
    outcome = Saliency()(subject, data)
    first = subject.weights.masks["body.1.weight"]
    assert outcome.score("trainable_input_pixels").value == float(first.any(dim=0).double().mean())
    assert outcome.verdict == remark("dense-at-inference")
    for name in MEASURES:  # before training the network is its own untrained twin
        for kind in ("logit", "margin"):
            assert outcome.score(f"{name}_untrained", at=kind).value == outcome.score(name, at=kind).value


def test_pixels_that_never_vary_in_the_training_data_are_left_out_beside_the_whole():
    data = sr.load_data("digits")
    subject = sr.sparsify(sr.create_model("lenet-300-100", data), "dense")
    outcome = Saliency()(subject, data)
    images, _ = data.train.slice(torch.arange(len(data.train)))
    varying = (images.amin(0) < images.amax(0)).sum().item()
    assert 0 < varying < 64
    assert {s.at for s in outcome.curve("gini")} == {
        "logit", "margin", "logit, varying pixels", "margin, varying pixels",
    }  # fmt: skip


def test_pictures_show_eight_different_classes():
    data = sr.load_data("digits")
    outcome = Saliency()(sr.create_model("conv2", data), data)
    assert len(outcome.pictures) == 16
    assert {p.index for p in outcome.pictures} == set(range(8))
    assert len({p.caption.split(",")[0] for p in outcome.pictures}) == 8
