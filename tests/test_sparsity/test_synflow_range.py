"""SynFlow of networks whose sum of outputs no floating-point number holds, against exact arithmetic."""

from __future__ import annotations

import copy
import math
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sparserobust as sr
from sparserobust.errors import DegenerateScores
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.schedule import exponential
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.sparsity.synflow import make_positive, synflow
from sparserobust.uses import prunable


def chain(depth: int, width: int, growth: float, seed: int = 0, dtype=torch.float32) -> nn.Sequential:
    """Square linear layers without biases, in which every unit grows by about `growth` when all is positive."""
    stream = torch.Generator().manual_seed(seed)
    layers = [nn.utils.skip_init(nn.Linear, width, width, bias=False, dtype=dtype) for _ in range(depth)]
    with torch.no_grad():
        for layer in layers:
            layer.weight.normal_(0, growth / (width * math.sqrt(2 / math.pi)), generator=stream)
    return nn.Sequential(nn.Flatten(), *layers)


def log_scores(model: nn.Module) -> tuple[np.ndarray, float]:
    """(natural logarithm of every score, that of R), from products of matrices that are rescaled layer by layer."""
    weights = [
        layer.weight.detach().double().abs().numpy() for layer in model if isinstance(layer, nn.Linear)
    ]

    def walk(matrices):
        vector, scale = np.ones(matrices[0].shape[1]), 0.0
        yield np.log(vector) + scale
        for matrix in matrices:
            vector = matrix @ vector
            largest = vector.max()
            vector, scale = vector / largest, scale + math.log(largest)
            yield np.log(vector) + scale

    ahead = list(walk(weights))
    behind = list(walk([w.T for w in reversed(weights)]))[::-1]
    logs = [np.log(w) + ahead[i][None, :] + behind[i + 1][:, None] for i, w in enumerate(weights)]
    return np.concatenate([part.ravel() for part in logs]), float(np.logaddexp.reduce(ahead[-1]))


def scoring_model_of(model: nn.Module, shape: tuple[int, int, int]) -> ScoringModel:
    scoring_model = ScoringModel(
        model, prunable(model), torch.device("cpu"), torch.Generator(), input_shape=shape
    )
    make_positive(scoring_model)
    scoring_model.move(0, None)
    return scoring_model


@pytest.mark.parametrize(
    ("depth", "width", "growth", "decades"),
    [(60, 256, 18.0, 76), (60, 256, 0.06, -73), (400, 256, 18.0, 504), (400, 64, 0.06, -486)],
    ids=["above float32", "below float32", "above float64", "below float64"],
)
def test_scores_of_a_deep_chain_are_right_to_one_common_factor(depth, width, growth, decades):
    """Float32 holds 1e-38 to 1e38, float64 1e-308 to 1e308; R is about 10 to the `decades`.

    18 is what He's initialisation gives at width 256. Products of 400 matrices in float64 carry 400 x 256
    roundings of 1e-16 at most, 1e-11 in all.
    """
    model = chain(depth, width, growth)
    expected, total = log_scores(model)
    assert total / math.log(10) == pytest.approx(decades, abs=3)
    scores = torch.cat([s.flatten() for s in synflow(scoring_model_of(model, (1, 1, width))).values()])
    assert bool(torch.isfinite(scores).all())
    factor = scores.log_().sub_(torch.from_numpy(expected))
    assert float(factor.max() - factor.min()) < 1e-10


@pytest.mark.parametrize("steps", [1, 6])
@pytest.mark.parametrize("growth", [18.0, 0.06])
def test_the_mask_of_a_deep_chain_is_that_of_exact_arithmetic(growth, steps):
    """300 layers of 16 units, R about 10 to the 378 or -365 and less as it is pruned, to one half in 1 or 6
    events: Algorithm 1 on logarithms. No two scores near a threshold agree to 1e-11."""
    model = chain(300, 16, growth)
    assert abs(log_scores(model)[1]) / math.log(10) > 360
    subject = sr.sparsify(model, "synflow", 0.5, steps=steps, input_shape=(1, 1, 16))
    twin, total = copy.deepcopy(model), 300 * 256
    for t in range(1, steps + 1):
        with np.errstate(divide="ignore"):  # log 0 of what is pruned
            scores, _ = log_scores(twin)
        kept = np.argsort(scores)[total - round(total * 0.5 ** (t / steps)) :]
        mask = np.zeros(total, dtype=bool)
        mask[kept] = True
        with torch.no_grad():
            for layer, part in zip(list(twin)[1:], mask.reshape(300, 16, 16), strict=True):
                layer.weight.mul_(torch.from_numpy(part))
    ours = torch.cat([part.mask.flatten() for part in subject.plan.values()]).numpy()
    assert np.array_equal(ours, mask)


@settings(max_examples=20)
@given(decades=st.floats(-490, 560), zigzag=st.floats(0, 100))
def test_one_path_has_equal_scores_whatever_their_size(decades, zigzag):
    """A chain of single weights: every score is R. The signal first rises by `zigzag` decades, then falls by them."""
    ups = [10 ** (zigzag / 50)] * 50 + [10 ** (-zigzag / 50)] * 50
    model = nn.Sequential(nn.Flatten(), *(nn.Linear(1, 1, bias=False, dtype=torch.float64) for _ in ups))
    with torch.no_grad():
        for layer, up in zip(list(model)[1:], ups, strict=True):
            layer.weight.fill_(-(10 ** (decades / 100)) * up)
    scores = torch.cat([s.flatten() for s in synflow(scoring_model_of(model, (1, 1, 1))).values()])
    assert bool((torch.isfinite(scores) & (scores > 0)).all())
    assert float(scores.max() / scores.min()) - 1 < 1e-9


@pytest.mark.parametrize("decades", [30, 40, 44, 46, 60])
@pytest.mark.parametrize("first", [-1, 1], ids=["falls then rises", "rises then falls"])
def test_a_signal_that_leaves_the_range_on_its_way_and_comes_back_is_noticed(first, decades):
    """R is about 100, but half-way the signal is at 10 to the -40 and the gradient at 10 to the 40, or the other
    way round. Float32 where it will do: 40 products of 6 roundings of 6e-8 each, 1e-5."""
    model = chain(40, 6, 1.0)
    with torch.no_grad():
        for i, layer in enumerate(list(model)[1:]):
            layer.weight.mul_(10 ** (first * decades / 20 * (1 if i < 20 else -1)))
    expected, total = log_scores(model)
    assert abs(total) / math.log(10) < 10
    scores = torch.cat([s.flatten() for s in synflow(scoring_model_of(model, (1, 1, 6))).values()]).double()
    factor = scores.log() - torch.from_numpy(expected)
    assert float(factor.max() - factor.min()) < 1e-5


@pytest.mark.parametrize("decades", [900, -900])
def test_what_float64_cannot_hold_however_scaled_is_refused(decades):
    model = chain(900, 1, 1.0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(10.0 ** (decades / 900))
    with pytest.raises(
        DegenerateScores, match="the sum of the outputs is of no use: .* beyond the range of float64"
    ):
        sr.sparsify(model, "synflow", 0.5, input_shape=(1, 1, 1))


def test_float32_scores_are_those_of_float64(network):
    """Sums of a few hundred positive terms: the relative error of each is below 1e-5 in float32."""
    single = synflow(scoring_model_of(network, (1, 8, 8)))
    double = synflow(scoring_model_of(network.double(), (1, 8, 8)))
    for name, score in single.items():
        assert score.dtype == torch.float32
        torch.testing.assert_close(score.double(), double[name], atol=0, rtol=1e-5)


def fading(seed: int = 0) -> nn.Sequential:
    """R is about 1e-13 when dense, which float32 ranks by, and leaves its range as the network is pruned."""
    return chain(16, 12, 0.12, seed)


def test_a_change_of_precision_on_the_way_brings_no_pruned_weight_back():
    model = fading()
    dense = log_scores(model)[1] / math.log(10)
    assert -18 < dense < -12, "the first events are in float32"
    total = 16 * 144
    counts = exponential(total, 60, 30)
    previous = None
    for events in range(1, len(counts) + 1):
        scoring_model = ScoringModel(
            model, prunable(model), torch.device("cpu"), torch.Generator(), input_shape=(1, 1, 12)
        )
        pruned = prune(
            scoring_model,
            synflow,
            counts[:events],
            prepare=make_positive,
            allocation="global",
            revive=False,
            generator=torch.Generator(),
        )
        mask = torch.cat([m.flatten() for m in pruned.masks.values()])
        assert int(mask.sum()) == counts[events - 1]
        if previous is not None:
            assert not bool((mask & ~previous).any()), f"event {events} brought weights back"
        previous = mask
    assert scoring_model.weights[0].dtype == torch.float64, "the last events are in float64"


class Watched(nn.Flatten):
    """Writes down the precision of what passes."""

    seen: ClassVar[list[torch.dtype]] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images.dtype)
        return super().forward(images)


def test_a_list_of_sparsities_equals_single_calls_when_one_of_them_needs_float64():
    """The mask and the precision of every pass: float32 rounds near-ties in another way than float64."""
    model = fading()
    model[0] = Watched()
    Watched.seen.clear()
    high, low = sr.sparsify(model, "synflow", [0.97, 0.3], steps=20, input_shape=(1, 1, 12))
    together = list(Watched.seen)
    passes = []
    for target, subject in ((0.97, high), (0.3, low)):
        Watched.seen.clear()
        alone = sr.sparsify(model, "synflow", target, steps=20, input_shape=(1, 1, 12))
        passes.append(list(Watched.seen))
        for name, part in alone.plan.items():
            assert torch.equal(part.mask, subject.plan[name].mask), (target, name)
    assert torch.float64 in passes[0]
    assert torch.float64 not in passes[1]
    assert together == passes[0] + passes[1][2:], (
        "all but the first two passes, of the trace and of the first score"
    )
