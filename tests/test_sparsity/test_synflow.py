"""SynFlow against closed forms and its conservation laws, and what it must not depend on."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import sparserobust as sr
from sparserobust.errors import ConfigError
from sparserobust.sparsity.synflow import make_positive, synflow

EXACT = {"atol": 0, "rtol": 1e-12}
"""Float64 and only positive terms: nothing cancels."""


def scores_of(scoring_model_at, model, shape, mask=None) -> dict[str, Tensor]:
    scoring_model = scoring_model_at(model, input_shape=shape)
    make_positive(scoring_model)
    scoring_model.move(1, None if mask is None else torch.cat([m.flatten() for m in mask.values()]))
    return synflow(scoring_model)


def masks_of(subject) -> Tensor:
    return torch.cat([part.mask.flatten() for part in subject.plan.values()])


def test_two_linear_layers_have_the_product_of_their_path_weights(scoring_model_at):
    """R = sum |w2| |w1| 1: a weight's score is |w| times the sum over the paths through it, signs never count."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 5, bias=False), nn.Linear(5, 3, bias=False)).double()
    first, second = (model[i].weight.detach() for i in (1, 2))
    assert bool((first < 0).any())
    assert bool((second < 0).any())
    ours = scores_of(scoring_model_at, model, (1, 2, 3))
    by_paths = torch.zeros(5, 6, dtype=torch.float64)
    for o in range(3):
        for j in range(5):
            for i in range(6):
                by_paths[j, i] += abs(second[o, j] * first[j, i])
    torch.testing.assert_close(ours["1.weight"], by_paths, **EXACT)
    torch.testing.assert_close(ours["1.weight"], first.abs() * second.abs().sum(0)[:, None], **EXACT)
    torch.testing.assert_close(ours["2.weight"], second.abs() * first.abs().sum(1), **EXACT)


def test_biases_and_running_statistics_are_made_positive_too(scoring_model_at):
    """Linear, BatchNorm, ReLU, linear by hand: a = |gamma| (|w| 1 + |b| - |mean|) / sqrt(var + eps) + |beta|."""
    rng = np.random.RandomState(1)
    w, b, v = rng.randn(4, 3), rng.randn(4), rng.randn(2, 4)
    gamma, beta, mean = np.array([[-1.5, 0.7, -0.4, 2.0], [-0.3, 0.2, 0.1, -0.6], [-0.9, 40.0, 0.5, -0.2]])
    var = rng.uniform(0.5, 2.0, 4)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)
    ).double()
    with torch.no_grad():
        for tensor, value in [
            (model[1].weight, w),
            (model[1].bias, b),
            (model[2].weight, gamma),
            (model[2].bias, beta),
            (model[2].running_mean, mean),
            (model[2].running_var, var),
            (model[4].weight, v),
        ]:
            tensor.copy_(torch.from_numpy(value))
    slope = np.abs(gamma) / np.sqrt(var + 1e-5)
    before_relu = slope * (np.abs(w).sum(1) + np.abs(b) - np.abs(mean)) + np.abs(beta)
    assert (before_relu > 0).tolist() == [True, False, True, True], "one unit is dead: its mean is 40"
    alive = before_relu > 0
    ours = scores_of(scoring_model_at, model, (1, 1, 3))
    expected = np.abs(w) * (np.abs(v).sum(0) * slope * alive)[:, None]
    torch.testing.assert_close(ours["1.weight"], torch.from_numpy(expected), **EXACT)
    expected = np.abs(v) * (before_relu * alive)
    torch.testing.assert_close(ours["4.weight"], torch.from_numpy(expected), **EXACT)


class Chain(nn.Module):
    """Convolutions, poolings and linear layers one after the other, without any bias; on 8x8x2."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 5, 3, padding=1, bias=False)
        self.second = nn.Conv2d(5, 6, 3, stride=2, groups=1, bias=False)
        self.pool = pool
        self.third = nn.Linear(6, 7, bias=False)
        self.head = nn.Linear(7, 4, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(images))))
        return self.head(torch.relu(self.third(self.pool(x).flatten(1))))


@pytest.mark.parametrize("density", [1.0, 0.6], ids=["dense", "sparse"])
@pytest.mark.parametrize("pool", [nn.MaxPool2d(3), nn.AvgPool2d(3)], ids=["max", "average"])
def test_synaptic_flow_is_conserved_by_layers_and_by_units(scoring_model_at, draw_masks, pool, density):
    """Tanaka et al., theorems 1 and 2: what enters a unit leaves it, and every layer carries R."""
    torch.manual_seed(4)
    model = Chain(pool).double().eval()
    mask = draw_masks(model, density)
    scores = scores_of(scoring_model_at, model, (2, 8, 8), mask)
    positive = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in positive.named_parameters():
            weight.copy_(weight.abs() * mask[name])
        total = positive(torch.ones(1, 2, 8, 8, dtype=torch.float64)).sum()
    assert total > 0
    layers = list(scores.values())
    for score in layers:
        torch.testing.assert_close(score.sum(), total, **EXACT)
    for before, after in pairwise(layers):
        enters = before.flatten(1).sum(1)
        leaves = after.sum(dim=[d for d in range(after.ndim) if d != 1])
        torch.testing.assert_close(enters, leaves, **EXACT)
    for name, score in scores.items():
        assert not score[~mask[name]].any()


def test_the_mask_is_that_of_a_plain_loop_of_100_events(network, problem):
    """Algorithm 1 written out in float64: abs of everything, ones, prune to density^(t / 100), t = 1 ... 100."""
    network.double()
    model = copy.deepcopy(network).eval()
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for tensor in [*model.parameters(), *(b for b in model.buffers() if b.is_floating_point())]:
            tensor.abs_()
    total = sum(w.numel() for w in weights)
    final = total // 10
    for t in range(1, 101):
        kept = final if t == 100 else round(total * (final / total) ** (t / 100))
        gradients = torch.autograd.grad(model(torch.ones(1, 1, 8, 8, dtype=torch.float64)).sum(), weights)
        score = torch.cat([(w * g).flatten() for w, g in zip(weights, gradients, strict=True)]).detach()
        mask = torch.zeros(total, dtype=torch.bool)
        mask[score.topk(kept).indices] = True
        with torch.no_grad():
            for weight, part in zip(weights, mask.split([w.numel() for w in weights]), strict=True):
                weight.mul_(part.view(weight.shape))
    subject = sr.sparsify(network, "synflow", 0.9, problem(4))
    assert subject.params["steps"] == 100
    assert torch.equal(masks_of(subject), mask)


@pytest.mark.parametrize(("ties", "kept"), [("draw", 2), ("keep", 3), ("drop", 1)])
def test_equal_scores_are_drawn_or_kept_or_dropped(ties, kept):
    """Scores 3, 2, 2, 1 and k = 2: the published rule prunes everything that ties with the first one pruned."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[3.0, -2.0, 2.0, -1.0]]))
    masks = {
        tuple(
            masks_of(
                sr.sparsify(model, "synflow", 0.5, steps=1, ties=ties, input_shape=(1, 2, 2), seed=s)
            ).tolist()
        )
        for s in range(12)
    }
    assert {sum(mask) for mask in masks} == {kept}
    assert all(mask[0] and not mask[3] for mask in masks)
    assert len(masks) == (2 if ties == "draw" else 1)


def test_neither_examples_nor_normalisation_nor_mode_nor_seed_matter(problem):
    """Ones enter behind the normalisation of our networks, so mean and std of the data cannot matter."""
    shape = {"input_shape": (3, 8, 8), "num_classes": 4}
    plain = sr.create_model("conv2", **shape)
    normalised = sr.create_model("conv2", **shape, mean=(0.9, 0.1, 0.5), std=(0.01, 1.0, 0.3))
    expected = masks_of(sr.sparsify(plain, "synflow", 0.9, steps=5))

    def images(seed: int) -> tuple[Tensor, Tensor]:
        gray, labels = problem(20, seed=seed)
        return gray.expand(-1, 3, -1, -1), labels

    for model, data, seed in [
        (normalised, None, 0),
        (normalised, images(1), 0),
        (plain, images(2), 0),
        (plain.eval(), None, 7),
    ]:
        assert torch.equal(masks_of(sr.sparsify(model, "synflow", 0.9, data, steps=5, seed=seed)), expected)


def test_a_network_of_ones_own_needs_the_shape_of_an_image(make_network, problem):
    model = make_network("conv")
    with pytest.raises(
        ConfigError, match=r"needs the shape of an image; give input_shape=\(c, h, w\) or data="
    ):
        sr.sparsify(model, "synflow", 0.9)
    given = sr.sparsify(model, "synflow", 0.9, steps=5, input_shape=(1, 8, 8))
    assert torch.equal(masks_of(given), masks_of(sr.sparsify(model, "synflow", 0.9, problem(4), steps=5)))


def test_running_means_above_the_signal_give_scores_of_either_sign_and_no_error(make_network):
    """Behind a leaky ReLU R itself may be negative; the ranking by w * dR/dw is as defined as ever."""
    model = make_network("conv").double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.fill_(9.0)
    positive = copy.deepcopy(model).eval()
    with torch.no_grad():
        for tensor in positive.parameters():
            tensor.abs_()
        assert float(positive(torch.ones(1, 1, 8, 8, dtype=torch.float64)).sum()) < 0
    assert sr.sparsify(model, "synflow", 0.5, steps=1, input_shape=(1, 8, 8)).kept > 0
