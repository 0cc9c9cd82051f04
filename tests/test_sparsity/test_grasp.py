"""GraSP's w * (H g) against finite differences, forward-mode derivatives and a closed form."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp

import sparserobust as sr
from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.sparsity import scores
from sparserobust.uses import effective_weights


class SmoothResidual(nn.Module):
    """A residual network without a kink, so that finite differences converge; on 8x8x1."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.block = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.head = nn.Linear(16, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.tanh(self.norm(self.stem(images)))
        x = F.softplus(x + self.block(x))
        return self.head(F.avg_pool2d(x, 2).flatten(1))


def smooth(kind: str) -> nn.Module:
    """A network without ReLU in float64, its running statistics not trivial."""
    torch.manual_seed(3)
    model: nn.Module = SmoothResidual()
    if kind == "conv":
        body = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()]
        model = nn.Sequential(*body, nn.Linear(27, 6), nn.Softplus(), nn.Linear(6, 4))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model.double().eval()


def at_temperature(temperature: float):
    return lambda logits, labels: F.cross_entropy(logits / temperature, labels)


def by_forward_mode(model: nn.Module, batch: tuple[Tensor, Tensor], loss) -> dict[str, Tensor]:
    """Name -> w * (H g), the derivative of the gradient along itself."""
    weights = effective_weights(model)
    gradient = grad(lambda point: loss(functional_call(model, point, (batch[0],)), batch[1]))
    _, product = jvp(gradient, (weights,), (gradient(weights),))
    return {name: (weight * product[name]).detach() for name, weight in weights.items()}


@pytest.mark.parametrize("batchnorm", ["running", "batch"])
@pytest.mark.parametrize("temperature", [1.0, 200.0])
@pytest.mark.parametrize("kind", ["conv", "residual"])
def test_the_hessian_product_is_the_finite_difference_of_the_gradient(
    problem, gradients_at, scoring_model_at, kind, temperature, batchnorm
):
    """(g(w + h u) - g(w - h u)) / 2h along u = g / |g|, times |g|.

    With h = 1e-5 the truncation, h^2 times a third derivative along u of up to about 100 for the weights
    here, is below 1e-8 and the rounding, 1e-16 / h, about 1e-11, both relative to |g|: 1e-6 of the largest
    score is two orders above either.
    """
    model = smooth(kind)
    images, labels = problem(24)
    batch = (images.double(), labels)
    point = copy.deepcopy(model).train(batchnorm == "batch")
    weights, loss = effective_weights(model), at_temperature(temperature)
    g = gradients_at(point, weights, batch, loss)
    length = torch.cat([part.flatten() for part in g.values()]).norm()
    there, back = (
        gradients_at(point, {n: w + step / length * g[n] for n, w in weights.items()}, batch, loss)
        for step in (1e-5, -1e-5)
    )
    expected = {n: w * (there[n] - back[n]) * (length / 2e-5) for n, w in weights.items()}
    ours = scores.grasp(scoring_model_at(model, [batch], temperature=temperature, batchnorm=batchnorm))
    largest = max(float(part.abs().max()) for part in expected.values())
    assert list(ours) == list(expected)
    for name, score in ours.items():
        torch.testing.assert_close(score, expected[name], atol=1e-6 * largest, rtol=0)
        assert float(score.abs().max()) > 1e-3 * largest, "every layer takes part"


@pytest.mark.parametrize("temperature", [1.0, 200.0])
def test_it_is_the_forward_mode_derivative_of_the_gradient_along_itself(
    network, in_double, scoring_model_at, temperature
):
    """With leaky ReLUs, where H is that of the linear piece; float64, as exact as the additions: 1e-9."""
    model, batch = in_double(network)
    expected = by_forward_mode(model, batch, at_temperature(temperature))
    ours = scores.grasp(scoring_model_at(model, [batch], temperature=temperature))
    for name, score in ours.items():
        torch.testing.assert_close(score, expected[name], atol=1e-18, rtol=1e-8)


def test_several_batches_equal_one_batch(network, in_double, scoring_model_at):
    """H and g are both those of all examples: H of one batch times g of the same would be another product."""
    model, (images, labels) = in_double(network)
    one = scores.grasp(scoring_model_at(model, [(images, labels)]))
    parts = [(images[a:b], labels[a:b]) for a, b in ((0, 5), (5, 6), (6, 32))]
    several = scores.grasp(scoring_model_at(model, parts))
    separate = [scores.grasp(scoring_model_at(model, [part])) for part in parts]
    for name in one:
        torch.testing.assert_close(several[name], one[name], atol=1e-14, rtol=1e-8)
        summed = sum(s[name] * len(p[1]) / 32 for s, p in zip(separate, parts, strict=True))
        assert not torch.allclose(summed, one[name], rtol=0.01)


def test_a_bilinear_network_has_the_closed_form(scoring_model_at):
    """L = v W x, one output, raw logits: g_W = v x', g_v = W x; H g is (W x) x' for W and v |x|^2 for v.

    One logit z counts as the two logits (-z/2, z/2), so that L is half as large and H g a quarter.
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False), nn.Linear(3, 1, bias=False)).double()
    first, second = model[1].weight.detach(), model[2].weight.detach()
    x = torch.tensor([0.2, 0.9, 0.5, 0.7], dtype=torch.float64)
    batch = (x.view(1, 1, 2, 2), torch.zeros(1, dtype=torch.int64))
    ours = scores.grasp(scoring_model_at(model, [batch], loss="raw-logits"))
    torch.testing.assert_close(
        ours["1.weight"], first * torch.outer(first @ x, x) / 4, atol=1e-15, rtol=1e-12
    )
    torch.testing.assert_close(ours["2.weight"], second.square() * x.dot(x) / 4, atol=1e-15, rtol=1e-12)


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_the_highest_products_are_kept_and_the_inverted_sign_keeps_the_others(network, in_double, sparsity):
    """FreezeNet, S.3: the 1 - q highest of W * (H g), signs counted. SNIP-it's code ranks -w * (H g), highest
    kept too: at the complementary count it keeps exactly what is pruned here."""
    model, batch = in_double(network)
    expected = by_forward_mode(model, batch, at_temperature(200.0))
    ranked = torch.cat([part.flatten() for part in expected.values()])
    plan = sr.sparsify(model, "grasp", sparsity, batch, score_samples=32).plan
    mask = torch.cat([part.mask.flatten() for part in plan.values()])
    kept = int(mask.sum())
    assert float(ranked[mask].min()) > float(ranked[~mask].max())
    rest = kept / len(ranked)  # a sparsity at which what is kept here is what goes
    inverted = sr.sparsify(model, "grasp", rest, batch, score_samples=32, keep="lowest").plan
    assert torch.equal(torch.cat([part.mask.flatten() for part in inverted.values()]), ~mask)
    by_size = torch.zeros_like(mask)
    by_size[ranked.abs().topk(kept).indices] = True
    assert not torch.equal(by_size, mask), "the sign counts"


class Cooled(nn.Module):
    """Divides the logits by 200."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        return self.inner(images) / 200


def test_the_temperature_divides_the_logits_and_is_200_unless_given(network, in_double):
    model, batch = in_double(network)
    default, cooled, at_one = (
        torch.cat(
            [part.mask.flatten() for part in sr.sparsify(net, "grasp", 0.8, batch, **params).plan.values()]
        )
        for net, params in ((model, {}), (Cooled(model), {"temperature": 1.0}), (model, {"temperature": 1.0}))
    )
    assert torch.equal(default, cooled)
    assert not torch.equal(default, at_one)
    assert sr.sparsify(model, "grasp", 0.8, batch).params["temperature"] == 200.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_zero_is_refused(network, problem, temperature):
    with pytest.raises(
        ConfigError, match=r"temperature of grasp must be a number above 0, got (0.0|-1.0|nan)"
    ):
        sr.sparsify(network, "grasp", 0.5, problem(8), temperature=temperature)


def test_a_loss_that_is_linear_in_the_weights_has_no_curvature_and_is_refused(problem):
    """H = 0, so that every product is zero: refused by name, not a crash and not a dense network."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with pytest.raises(DegenerateScores, match="only 0 of 256 scores are finite and non-zero") as caught:
        sr.sparsify(model, "grasp", 0.5, problem(16), loss="raw-logits")
    assert caught.value.layers == ("1.weight",)
