"""Derivatives through attention and recurrent layers are those of the function, whatever kernels are fast."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.attacks.losses import cross_entropy
from sparserobust.attacks.oracle import Oracle
from sparserobust.device import repeatable_kernels
from sparserobust.errors import DegenerateScores
from sparserobust.kernels import is_recurrent, plain_kernels
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.sparsity.synflow import synflow
from sparserobust.uses import prunable

from .zoo import CLASSES, NETWORKS

KINDS = ("lstm", "encoder", "vit", "timm vit")


def scoring_on(name: str, *, dtype: torch.dtype = torch.float64) -> tuple[ScoringModel, Tensor, Tensor]:
    network = NETWORKS[name]
    images, labels = network.images()
    images, model = images.to(dtype), network().to(dtype)
    names = prunable(model, images.shape[1:])
    batches = [(images, labels)]
    scoring = ScoringModel(
        model,
        names,
        torch.device("cpu"),
        torch.Generator(),
        examples=lambda _: batches,
        input_shape=tuple(images.shape[1:]),
    )
    scoring.move(0, None)
    return scoring, images, labels


@pytest.mark.parametrize("name", KINDS)
def test_grasp_is_the_weight_times_the_slope_of_the_gradient_along_itself(name):
    """H g by central differences of first derivatives, which the fast kernels have."""
    scoring, images, labels = scoring_on(name)
    found = {key: score.clone() for key, score in scores.grasp(scoring).items()}
    weights = scoring.weights

    def gradient() -> list[Tensor]:
        loss = F.cross_entropy(scoring.network(images), labels)
        return list(torch.autograd.grad(loss, weights))

    along, width, sides = gradient(), 1e-5, []
    for sign in (1, -2):
        with torch.no_grad():
            for weight, g in zip(weights, along, strict=True):
                weight.add_(g, alpha=sign * width)
        sides.append(gradient())
    with torch.no_grad():
        for weight, g in zip(weights, along, strict=True):
            weight.add_(g, alpha=width)
    for (key, score), weight, up, down in zip(found.items(), weights, *sides, strict=True):
        expected = weight.detach() * (up - down) / (2 * width)
        torch.testing.assert_close(
            score, expected, rtol=1e-4, atol=1e-8 * float(expected.abs().max()) + 1e-12
        )
        assert bool(score.any()), key


@pytest.mark.parametrize("name", KINDS)
def test_single_precision_ranks_as_double_does(name):
    double, single = (
        scores.grasp(scoring_on(name, dtype=dtype)[0]) for dtype in (torch.float64, torch.float32)
    )
    for key, score in double.items():
        torch.testing.assert_close(
            single[key].double(), score, rtol=1e-2, atol=1e-4 * float(score.abs().max())
        )


def test_the_switches_are_as_before_afterwards():
    def switches() -> tuple[bool, ...]:
        return (
            torch.backends.mha.get_fastpath_enabled(),
            torch.backends.cudnn.enabled,
            torch.backends.mkldnn.enabled,
            torch.backends.cuda.flash_sdp_enabled(),
        )

    before = switches()
    with suppress(KeyError), plain_kernels(onednn=False):
        assert switches() != before
        raise KeyError
    assert switches() == before


def test_gradients_of_recurrent_layers_in_evaluation_mode_do_without_cudnn():
    """Which refuses them there; what runs inside must not switch it on again."""
    recurrent, other = NETWORKS["lstm"](), NETWORKS["vit"]()
    assert (is_recurrent(recurrent), is_recurrent(other)) == (True, False)
    before = torch.backends.cudnn.enabled
    with repeatable_kernels(other):
        assert torch.backends.cudnn.enabled == before
    with repeatable_kernels(other, recurrent):
        assert not torch.backends.cudnn.enabled
        with repeatable_kernels():
            assert not torch.backends.cudnn.enabled
        assert torch.backends.cudnn.deterministic
    assert torch.backends.cudnn.enabled == before


def test_cudnn_is_off_where_gradients_of_a_recurrent_network_are_taken_in_evaluation_mode():
    """In scores, attacks and the ascent of adversarial training; on in training itself."""
    seen: list[tuple[bool, bool]] = []

    class Watched(type(NETWORKS["lstm"]())):
        def forward(self, images: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                seen.append((self.training, torch.backends.cudnn.enabled))
            return super().forward(images)

    data = NETWORKS["lstm"].images()
    subject = sr.sparsify(Watched(), "snip", 0.5, data, device="cpu")
    sr.evaluate(subject, data, ["fgsm", "saliency"], device="cpu")
    adversarial = {"kind": "pgd", "eps": 0.1, "steps": 1}
    recipe = {"name": "short", "optimizer": "sgd", "lr": 0.1, "batch_size": 8, "epochs": 1}
    sr.train(subject, data, recipe=recipe | {"adversarial": adversarial}, device="cpu")
    assert {(False, False), (True, True)} == set(seen)


@pytest.mark.parametrize("name", ["encoder", "vit"])
def test_attention_gives_images_the_gradient_of_the_function(name):
    """In evaluation mode, where torch has a fast path without derivatives; by central differences."""
    network = NETWORKS[name]
    model = network().double()
    images, labels = (part[:2] for part in network.images())
    images = images.double()
    oracle = Oracle(model.eval().requires_grad_(False))
    _, _, gradient = oracle.gradient(images, labels, cross_entropy)
    direction = torch.randn(images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    up, down = (cross_entropy(oracle.logits(images + s * 1e-6 * direction), labels) for s in (1, -1))
    torch.testing.assert_close(
        (up - down) / 2e-6, (gradient * direction).flatten(1).sum(1), rtol=1e-5, atol=1e-9
    )


class Rooted(nn.Module):
    """Positive flow through a function that does not scale with its input."""

    def __init__(self, gain: float, depth: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(depth))
        self.head = nn.Linear(8, CLASSES, bias=False)
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.mul_(gain)

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1)
        for layer in self.layers:
            x = layer(x)
        return self.head(x.sqrt())


def test_synflow_scores_what_is_not_homogeneous_in_plain_passes_and_never_in_scaled_ones():
    """A power of two cannot be taken out of a root; the signal of the second network is below float64."""
    torch.manual_seed(0)
    assert sr.sparsify(Rooted(1.0), "synflow", 0.5, steps=2, input_shape=(1, 2, 4)).sparsity == 0.5
    with pytest.raises(DegenerateScores, match="does not scale with the input in this network"):
        sr.sparsify(Rooted(1e-30, depth=11).double(), "synflow", 0.5, steps=2, input_shape=(1, 2, 4))


def test_synflow_of_a_recurrent_network_is_the_weight_times_its_slope():
    scoring, images, _ = scoring_on("lstm")
    scoring.change(torch.abs)
    found = synflow(scoring)
    ones = torch.ones_like(images[:1])
    for (key, score), weight in zip(found.items(), scoring.weights, strict=True):
        place, width = (0, 0), 1e-6
        with torch.no_grad():
            value = float(weight[place])
            weight[place] = value + width
            up = float(scoring.network(ones).sum())
            weight[place] = value - width
            down = float(scoring.network(ones).sum())
            weight[place] = value
        assert float(score[place]) == pytest.approx(value * (up - down) / (2 * width), rel=1e-4, abs=1e-12), (
            key
        )
        assert bool((score >= 0).all())
