"""The multiply-adds of random networks are those that an interpreter counts while it computes their output."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sparserobust.uses import trace_uses
from tests.test_uses.interpreter import Interpreter, numbers


class Convolved(nn.Conv2d):
    """Called as a layer."""

    def interpreted(self, interpreter, x):
        return interpreter.convolution(self, x)


class ConvolvedByFunction(Convolved):
    """By torch's function, with the weight as a view of itself."""

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.flatten(1).reshape(self.weight.shape)
        return F.conv2d(x, kernel, self.bias, self.stride, self.padding, groups=self.groups)


class Tokens(nn.Module):
    """Places become tokens, channels their numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(2).transpose(1, 2)

    def interpreted(self, interpreter, x):
        return x.reshape(len(x), -1).T


class Rectified(nn.ReLU):
    def interpreted(self, interpreter, x):
        return np.maximum(x, 0)


class Linear(nn.Linear):
    def interpreted(self, interpreter, x):
        return interpreter.linear(numbers(self.weight), numbers(self.bias), x)


class LinearByMatmul(Linear):
    """With a bare product instead of a layer's."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(x, self.weight.t()) + self.bias


class LinearByEinsum(Linear):
    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...i,oi->...o", x, self.weight) + self.bias


class SelfAttention(nn.MultiheadAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x, x, x, need_weights=False)[0]

    def interpreted(self, interpreter, x):
        return interpreter.attention(self, x)


class Recurrent(nn.Module):
    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]

    def interpreted(self, interpreter, x):
        return interpreter.recurrent(self.layer, x)


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)

    def interpreted(self, interpreter, x):
        return x.mean(0)


@st.composite
def networks(draw):
    """(network, shape of an image): convolutions, then what works on tokens, then a head; some weights are tied."""
    small = st.integers(1, 3)
    shape = (channels, *_) = (draw(small), draw(st.integers(4, 6)), draw(st.integers(4, 6)))
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(0, 2))):
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        out = groups * draw(st.integers(1, 2))
        kernel, stride = (draw(small), draw(small)), (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
        kind = draw(st.sampled_from([Convolved, ConvolvedByFunction]))
        layers += [kind(channels, out, kernel, stride, padding=(1, draw(st.integers(1, 2))), groups=groups)]
        layers += [Rectified()] * draw(st.integers(0, 1))
        channels = out
    layers.append(Tokens())
    for _ in range(draw(st.integers(0, 3))):
        out = draw(st.sampled_from([2, 4]))
        kind = draw(st.sampled_from(["linear", "attention", "lstm", "gru", "again"]))
        if kind == "linear":
            layers.append(draw(st.sampled_from([Linear, LinearByMatmul, LinearByEinsum]))(channels, out))
        elif kind == "attention" and channels % 2 == 0:
            layers.append(SelfAttention(channels, 2, batch_first=True))
            out = channels
        elif kind in ("lstm", "gru"):
            layer = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](channels, out, batch_first=True)
            layers.append(Recurrent(layer))
        else:  # one weight in two layers, one of which is called twice
            first, second = Linear(channels, channels), LinearByMatmul(channels, channels)
            second.weight = first.weight
            layers += [first, second, Rectified(), first]
            out = channels
        channels = out
    layers += [Mean(), draw(st.sampled_from([Linear, LinearByMatmul]))(channels, 2)]
    return nn.Sequential(*layers).double().eval(), shape


@pytest.mark.filterwarnings("ignore:.*even kernel lengths:UserWarning")
@settings(deadline=None, max_examples=60)
@given(networks(), st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 0.9]))
def test_a_network_multiplies_what_an_interpreter_multiplies(drawn, seed, sparsity):
    network, shape = drawn
    stream = torch.Generator().manual_seed(seed)
    weights = {p for p in network.parameters() if p.dim() > 1}
    with torch.no_grad():
        for p in network.parameters():
            p.copy_(torch.randn(p.shape, generator=stream, dtype=p.dtype))
        for p in weights:
            p.mul_(torch.rand(p.shape, generator=stream) >= sparsity)
    image = torch.rand(1, *shape, generator=stream, dtype=torch.float64)

    interpreter, made = Interpreter(), numbers(image[0])
    for layer in network:
        made = layer.interpreted(interpreter, made)
    np.testing.assert_allclose(made, numbers(network(image)[0]), rtol=1e-9, atol=1e-9)

    uses = trace_uses(network, shape)
    assert uses.macs == interpreter.dense
    assert uses.executed == interpreter.executed
    assert {network.get_parameter(name) for name in uses.prunable} == weights
