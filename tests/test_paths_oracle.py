"""Reachability against dual numbers: small random nets, computed again with tangents by hand, and their Jacobians.

The dual nets follow the definition: every constant is a positive number of its own, activations are the identity, a
softmax is a full matrix of positive numbers; all is positive, so that nothing can cancel. A weight multiplies tangents
by a copy of its own, whose gradient is positive exactly where a path leads through an entry.
"""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from sparserobust.paths import reachability


class Dual:
    """A tensor and its derivative in the direction of the image."""

    def __init__(self, value, tangent):
        self.value, self.tangent = value, tangent

    def linear(self, weight, twin):
        shifted = self.value @ weight.T + torch.rand(len(weight), dtype=torch.float64) + 0.1
        return Dual(shifted, self.tangent @ twin.T)

    def matmul(self, other):
        return Dual(self.value @ other.value, self.tangent @ other.value + self.value @ other.tangent)

    def __mul__(self, other):
        return Dual(self.value * other.value, self.tangent * other.value + self.value * other.tangent)

    def __add__(self, other):
        return Dual(self.value + other.value, self.tangent + other.tangent)

    def softmax(self):
        mixing = torch.rand(self.value.shape[-1], self.value.shape[-1], dtype=torch.float64) + 0.1
        return Dual(self.value @ mixing, self.tangent @ mixing)

    def transposed(self):
        return Dual(self.value.mT, self.tangent.mT)

    def mapped(self, change):
        return Dual(change(self.value), change(self.tangent))


class Block(nn.Module):
    """Self-attention of two heads with a gate and a gated feed-forward part, around a residual connection or not."""

    def __init__(self, residual):
        super().__init__()
        self.residual = residual
        for name in ("q", "k", "v", "out", "gate", "up", "down"):
            self.add_module(name, nn.Linear(4, 4))
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = x[:, 0]
        q, k, v = (part(x).unflatten(2, (2, 2)).transpose(1, 2) for part in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        y = self.out(mixed) + x if self.residual else self.out(mixed)
        return self.head((self.down(F.silu(self.gate(y)) * self.up(y))).flatten(1))

    def dual(self, x, linear):
        heads = [
            linear(x, name).mapped(lambda t: t.unflatten(2, (2, 2)).transpose(1, 2))
            for name in ("q", "k", "v")
        ]
        mixed = heads[0].matmul(heads[1].transposed()).softmax().matmul(heads[2])
        y = linear(mixed.mapped(lambda t: t.transpose(1, 2).flatten(2)), "out")
        y = y + x if self.residual else y
        return linear(
            (linear(linear(y, "gate") * linear(y, "up"), "down")).mapped(lambda t: t.flatten(1)), "head"
        )


class Squeezed(nn.Module):
    """Squeeze and excitation over tokens, then a product with the image itself."""

    def __init__(self, residual):
        super().__init__()
        for name in ("body", "squeeze", "excite"):
            self.add_module(name, nn.Linear(4, 4))
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = x[:, 0]
        y = self.body(x)
        gate = self.excite(F.relu6(self.squeeze(y.mean(dim=1, keepdim=True)))).sigmoid()
        return self.head((y * gate * x).flatten(1))

    def dual(self, x, linear):
        y = linear(x, "body")
        gate = linear(linear(y.mapped(lambda t: t.mean(dim=1, keepdim=True)), "squeeze"), "excite")
        return linear((y * gate * x).mapped(lambda t: t.flatten(1)), "head")


def drawn(kind, residual, density, seed):
    torch.manual_seed(seed)
    model = kind(residual)
    with torch.no_grad():
        for layer in model.children():
            layer.weight.mul_(torch.rand(layer.weight.shape) < density)
    return model


def by_dual_numbers(model):
    """(name -> entries on a path, pixels with a path, logits with a path)."""
    weights = {name: layer.weight.detach().abs().double() for name, layer in model.named_children()}
    twins = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    pixels = torch.ones(1, 3, 4, dtype=torch.float64, requires_grad=True)
    image = Dual(torch.rand(1, 3, 4, dtype=torch.float64) + 0.1, pixels)
    logits = model.dual(image, lambda x, name: x.linear(weights[name], twins[name]))
    read, *entries = torch.autograd.grad(logits.tangent.sum(), [pixels, *twins.values()], allow_unused=True)
    on_path = {f"{name}.weight": entry > 0 for name, entry in zip(twins, entries, strict=True)}
    return on_path, read > 0, logits.tangent.flatten() > 0


@pytest.mark.parametrize("kind", [Block, Squeezed])
@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize(("density", "seed"), [(0.1, 0), (0.2, 1), (0.2, 2), (0.3, 3), (0.4, 4)])
def test_random_nets_with_attention_and_gates_agree_with_dual_numbers(kind, residual, density, seed):
    model = drawn(kind, residual, density, seed)
    on_path, pixels, logits = by_dual_numbers(model)
    reach = reachability(model, input_shape=(1, 3, 4))
    for name, entries in on_path.items():
        assert torch.equal(reach.on_path[name], entries), name
    assert torch.equal(reach.pixels, pixels)
    assert torch.equal(reach.logits, logits)


@pytest.mark.parametrize("kind", [Block, Squeezed, nn.LSTM, nn.GRU])
def test_nothing_that_changes_an_output_is_missed(kind):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = kind(4, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            return self.head(self.cell(x[:, 0])[0][:, -1])

    found = 0
    for seed in range(6):
        if kind in (Block, Squeezed):
            model = drawn(kind, False, 0.25, seed)
        else:
            torch.manual_seed(seed)
            model = Recurrent()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.mul_(torch.rand(weight.shape) < (0.15 if weight.dim() > 1 else 1))
        image = torch.rand(1, 1, 3, 4, dtype=torch.float64)
        slopes = torch.autograd.functional.jacobian(model.double(), image)[0].abs()
        reach = reachability(model.float(), input_shape=(1, 3, 4))
        moving = slopes.flatten(1) > 1e-12
        assert not (moving.any(dim=0) & ~reach.pixels.flatten()).any()
        assert not (moving.any(dim=1) & ~reach.logits).any()
        if kind in (nn.LSTM, nn.GRU):  # no activation is flat and nothing cancels there
            assert torch.equal(moving.any(dim=0), reach.pixels.flatten())
        found += int(moving.any(dim=0).sum())
    assert 0 < found < 6 * 12
