"""SNIP and elasticity against the derivative by an explicit mask, with every published choice of loss and BatchNorm."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.func import functional_call

import sparserobust as sr
from sparserobust.sparsity import scores
from sparserobust.uses import effective_weights
from sparserobust.weights.plan import sha256_of

TIGHT = {"atol": 1e-14, "rtol": 1e-9}
"""Float64, a few thousand additions in another order: relative errors of about 1e-13."""


def mean_logit(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Minus the mean logit of the label: what `nll_loss` gives without a softmax before it (papers.md, C3)."""
    return -torch.stack([row[label] for row, label in zip(logits, labels, strict=True)]).mean()


def by_masks(model, batch, loss) -> tuple[dict[str, torch.Tensor], float]:
    """(name -> dL(c * w) / dc at c = 1, L), by autograd on the masks c themselves."""
    weights = effective_weights(model)
    masks = {name: torch.ones_like(w, requires_grad=True) for name, w in weights.items()}
    logits = functional_call(model, {n: masks[n] * w for n, w in weights.items()}, (batch[0],))
    value = loss(logits, batch[1])
    return dict(zip(masks, torch.autograd.grad(value, list(masks.values())), strict=True)), value.item()


def test_snip_is_the_derivative_with_respect_to_an_explicit_mask(network, in_double, scoring_model_at):
    """SNIP, eq. 5: |dL(c * w) / dc| at c = 1, by autograd on the mask itself, in float64."""
    model, batch = in_double(network)
    expected, _ = by_masks(model, batch, F.cross_entropy)
    ours = scores.snip(scoring_model_at(model, [batch]))
    assert list(ours) == list(expected)
    for name, score in ours.items():
        torch.testing.assert_close(score, expected[name].abs(), **TIGHT)
        assert score.max() > 0


@pytest.mark.parametrize("criterion", ["snip", "elasticity"])
def test_several_batches_equal_one_batch(network, in_double, scoring_model_at, criterion):
    model, (images, labels) = in_double(network)
    score = getattr(scores, criterion)
    one = score(scoring_model_at(model, [(images, labels)]))
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 5), (5, 6), (6, 32))]
    several = score(scoring_model_at(model, parts))
    for name in one:
        torch.testing.assert_close(several[name], one[name], **TIGHT)


def test_raw_logits_are_minus_the_mean_logit_of_the_label(network, in_double, scoring_model_at):
    model, batch = in_double(network)
    expected, _ = by_masks(model, batch, mean_logit)
    ours = scores.snip(scoring_model_at(model, [batch], loss="raw-logits"))
    softmax = scores.snip(scoring_model_at(model, [batch]))
    for name, score in ours.items():
        torch.testing.assert_close(score, expected[name].abs(), **TIGHT)
        assert not torch.allclose(score, softmax[name])


@pytest.mark.parametrize("shift", [-5.0, 5.0], ids=["negative loss", "positive loss"])
@pytest.mark.parametrize("loss", ["cross-entropy", "raw-logits"])
def test_elasticity_is_the_relative_change_of_the_loss_whatever_its_sign(
    network, in_double, scoring_model_at, loss, shift
):
    """SNIP-it, eq. 3: |w / L * dL/dw|. Raising all logits makes the raw-logit loss negative.

    The authors' 1e-8 beside a loss above 0.5 in size changes the last eight digits at most.
    """
    model, batch = in_double(network)
    biases = [module.bias for module in model.modules() if isinstance(module, nn.Linear)]
    with torch.no_grad():
        biases[-1] -= shift
    function = mean_logit if loss == "raw-logits" else F.cross_entropy
    derivatives, value = by_masks(model, batch, function)
    assert abs(value) > 0.5
    assert (value < 0) == (loss == "raw-logits" and shift < 0)
    ours = scores.elasticity(scoring_model_at(model, [batch], loss=loss))
    for name, score in ours.items():
        torch.testing.assert_close(score, (derivatives[name] / value).abs(), atol=1e-14, rtol=1e-7)


@pytest.mark.parametrize("loss", ["cross-entropy", "raw-logits"])
def test_elasticity_ranks_as_snip_does(network, in_double, scoring_model_at, loss):
    model, batch = in_double(network)
    scoring_model = scoring_model_at(model, [batch], loss=loss)
    snip = torch.cat([s.flatten() for s in scores.snip(scoring_model).values()])
    elastic = torch.cat([s.flatten() for s in scores.elasticity(scoring_model).values()])
    order = snip.argsort()
    assert float((elastic[order][1:] - elastic[order][:-1]).min()) >= 0
    one_shot = sr.sparsify(network, "snip-it", 0.9, batch, schedule="one-shot", loss=loss).plan
    single = sr.sparsify(network, "snip", 0.9, batch, loss=loss).plan
    assert all(torch.equal(one_shot[name].mask, single[name].mask) for name in single)


def without_dropout(model: nn.Module) -> nn.Module:
    model = copy.deepcopy(model)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def test_batch_statistics_are_those_of_training_mode_without_dropout(
    network, in_double, scoring_model_at, gradients_at
):
    model, batch = in_double(network)
    training = without_dropout(model).train()
    weights = effective_weights(model)
    gradients = gradients_at(training, weights, batch, F.cross_entropy)
    ours = scores.snip(scoring_model_at(model, [batch], batchnorm="batch"))
    running = scores.snip(scoring_model_at(model, [batch]))
    for name, score in ours.items():
        torch.testing.assert_close(score, (weights[name] * gradients[name]).abs(), **TIGHT)
    assert any(not torch.allclose(ours[name], running[name], rtol=0.01) for name in ours)


@pytest.mark.parametrize("method", ["snip", "snip-it", "iter-snip", "force", "grasp", "freezenet"])
@pytest.mark.parametrize("batchnorm", ["running", "batch"])
def test_neither_running_statistics_nor_anything_else_changes(network, problem, method, batchnorm):
    network.train()
    before = sha256_of(network.state_dict())
    short = {} if method in ("snip", "grasp", "freezenet") else {"steps": 3}
    subject = sr.sparsify(network, method, 0.6, problem(40), batchnorm=batchnorm, **short)
    assert sha256_of(network.state_dict()) == before
    buffers = dict(network.named_buffers())
    assert buffers
    for name, buffer in subject.model.named_buffers():
        assert torch.equal(buffer, buffers[name]), name
    assert all(module.training for module in subject.model.modules())
    assert not any(p.grad is not None for p in [*network.parameters(), *subject.model.parameters()])


def test_running_statistics_rank_the_same_function_whatever_the_mode(make_network, problem):
    training, evaluating = make_network("conv").train(), make_network("conv").eval()
    data = problem(40)
    for batchnorm in ("running", "batch"):
        a, b = (
            sr.sparsify(model, "snip", 0.8, data, batchnorm=batchnorm).plan
            for model in (training, evaluating)
        )
        assert all(torch.equal(a[name].mask, b[name].mask) for name in a)
