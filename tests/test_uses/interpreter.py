"""A naive interpreter of small networks: explicit loops of scalar products, which it counts while it computes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from torch import Tensor, nn


def numbers(tensor: Tensor) -> ndarray:
    return tensor.detach().double().numpy()


def sigmoid(x: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-x))


class Interpreter:
    """Computes in float64 what a layer computes.

    Attributes:
        dense: multiply-adds so far.
        executed: those of them whose weight is not zero; all where both factors depend on the image.
    """

    def __init__(self) -> None:
        self.dense = self.executed = 0

    def dot(self, weights: ndarray, values: ndarray) -> float:
        """One sum of products of weights and what depends on the image."""
        total = 0.0
        for w, x in zip(weights.ravel(), values.ravel(), strict=True):
            self.dense += 1
            if w != 0:
                self.executed += 1
                total += w * x
        return total

    def between(self, left: ndarray, right: ndarray) -> float:
        """One sum of products of what depends on the image with what does too."""
        self.dense += left.size
        self.executed += left.size
        return float(sum(a * b for a, b in zip(left, right, strict=True)))

    def linear(self, weight: ndarray, bias: ndarray | float, rows: ndarray) -> ndarray:
        """(..., in) -> (..., out)."""
        flat = rows.reshape(-1, rows.shape[-1])
        made = np.array([[self.dot(w, row) for w in weight] for row in flat]) + bias
        return made.reshape(*rows.shape[:-1], len(weight))

    def convolution(self, layer: nn.Conv2d, image: ndarray) -> ndarray:
        """(c, h, w) -> (out, h, w); the padding is multiplied like any pixel."""
        weight, bias = numbers(layer.weight), numbers(layer.bias)
        (kh, kw), (sh, sw), (ph, pw) = layer.kernel_size, layer.stride, layer.padding
        image = np.pad(image, ((0, 0), (ph, ph), (pw, pw)))
        rows, columns = (image.shape[1] - kh) // sh + 1, (image.shape[2] - kw) // sw + 1
        made = np.zeros((len(weight), rows, columns))
        each_in, each_out = weight.shape[1], len(weight) // layer.groups
        for o in range(len(weight)):
            first = o // each_out * each_in
            for r in range(rows):
                for c in range(columns):
                    patch = image[first : first + each_in, r * sh : r * sh + kh, c * sw : c * sw + kw]
                    made[o, r, c] = self.dot(weight[o], patch) + bias[o]
        return made

    def attention(self, layer: nn.MultiheadAttention, tokens: ndarray) -> ndarray:
        """Self-attention, (tokens, width) -> the same."""
        width, heads = layer.embed_dim, layer.num_heads
        fused = self.linear(numbers(layer.in_proj_weight), numbers(layer.in_proj_bias), tokens)
        made = np.zeros_like(tokens)
        for start in range(0, width, width // heads):
            q, k, v = (fused[:, part * width + start :][:, : width // heads] for part in range(3))
            scores = np.array([[self.between(a, b) for b in k] for a in q]) / np.sqrt(width // heads)
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            made[:, start : start + width // heads] = [
                [self.between(share, column) for column in v.T] for share in shares
            ]
        return self.linear(numbers(layer.out_proj.weight), numbers(layer.out_proj.bias), made)

    def recurrent(self, layer: nn.RNNBase, tokens: ndarray) -> ndarray:
        """(tokens, in) -> (tokens, states); an LSTM or GRU of one layer."""
        own = [
            numbers(p) for p in (layer.weight_ih_l0, layer.bias_ih_l0, layer.weight_hh_l0, layer.bias_hh_l0)
        ]
        step = self._lstm if isinstance(layer, nn.LSTM) else self._gru
        return np.array(list(step(own, layer.hidden_size, tokens)))

    def _lstm(self, own: list[ndarray], size: int, tokens: ndarray) -> Iterator[ndarray]:
        state, cell = np.zeros(size), np.zeros(size)
        for token in tokens:
            gates = self.linear(own[0], own[1], token) + self.linear(own[2], own[3], state)
            take, forget, new, give = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(take) * np.tanh(new)
            state = sigmoid(give) * np.tanh(cell)
            yield state

    def _gru(self, own: list[ndarray], size: int, tokens: ndarray) -> Iterator[ndarray]:
        state = np.zeros(size)
        for token in tokens:
            from_input = np.split(self.linear(own[0], own[1], token), 3)
            from_state = np.split(self.linear(own[2], own[3], state), 3)
            reset = sigmoid(from_input[0] + from_state[0])
            update = sigmoid(from_input[1] + from_state[1])
            new = np.tanh(from_input[2] + reset * from_state[2])
            state = (1 - update) * new + update * state
            yield state
