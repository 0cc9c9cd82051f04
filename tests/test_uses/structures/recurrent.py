"""Recurrent layers that read an image row by row: 8 steps of 24 numbers, hidden states of 32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tests.test_uses.structures.structure import Net, Structure, Weight, weight

STEPS, INPUTS, HIDDEN = 8, 24, 32


def _rows(images: Tensor) -> Tensor:
    return images.permute(0, 2, 1, 3).flatten(2)


def _last(m: Net, x: Tensor) -> Tensor:
    return m.head(m.layer(_rows(x))[0][:, -1])


def _matrices(gates: int, *, inputs: int = INPUTS, end: str = "l0", state: int = HIDDEN) -> dict[str, Weight]:
    """Both matrices of a layer: each meets every step."""
    return {
        f"layer.weight_ih_{end}": Weight(shape=(gates * HIDDEN, inputs), positions=STEPS),
        f"layer.weight_hh_{end}": Weight(shape=(gates * HIDDEN, state), positions=STEPS),
    }


def _head(inputs: int = HIDDEN) -> dict[str, Weight]:
    return {"head.weight": Weight(shape=(10, inputs))}


def long_short_term_memory() -> Structure:
    """8 * (24 * 128 + 32 * 128) + 320 = 57,664."""
    model = Net(_last, layer=nn.LSTM(INPUTS, HIDDEN, batch_first=True), head=nn.Linear(HIDDEN, 10))
    return Structure(model=model, weights=_matrices(4) | _head(), other_entries=2 * 128 + 10)


def gated_recurrent_unit() -> Structure:
    model = Net(_last, layer=nn.GRU(INPUTS, HIDDEN, batch_first=True), head=nn.Linear(HIDDEN, 10))
    return Structure(model=model, weights=_matrices(3) | _head(), other_entries=2 * 96 + 10)


def elman_network_with_relu() -> Structure:
    """Steps first."""

    def run(m: Net, x: Tensor) -> Tensor:
        return m.head(m.layer(_rows(x).transpose(0, 1))[1][0])

    layer = nn.RNN(INPUTS, HIDDEN, nonlinearity="relu", bias=False)
    model = Net(run, layer=layer, head=nn.Linear(HIDDEN, 10))
    return Structure(model=model, weights=_matrices(1) | _head(), other_entries=10)


def bidirectional_lstm_of_two_layers() -> Structure:
    """The second layer reads both directions."""
    layer = nn.LSTM(INPUTS, HIDDEN, num_layers=2, bidirectional=True, batch_first=True, dropout=0.5)
    model = Net(_last, layer=layer, head=nn.Linear(2 * HIDDEN, 10))
    weights = _matrices(4) | _matrices(4, end="l0_reverse")
    weights |= _matrices(4, inputs=2 * HIDDEN, end="l1") | _matrices(4, inputs=2 * HIDDEN, end="l1_reverse")
    return Structure(model=model, weights=weights | _head(2 * HIDDEN), other_entries=4 * 2 * 128 + 10)


def lstm_with_projection() -> Structure:
    """States of 5 numbers, projected from 32 at every step."""
    layer = nn.LSTM(INPUTS, HIDDEN, proj_size=5, batch_first=True)
    model = Net(_last, layer=layer, head=nn.Linear(5, 10))
    weights = _matrices(4, state=5) | {"layer.weight_hr_l0": Weight(shape=(5, HIDDEN), positions=STEPS)}
    return Structure(model=model, weights=weights | _head(5), other_entries=2 * 128 + 10)


def lstm_cell_in_a_loop() -> Structure:
    def run(m: Net, x: Tensor) -> Tensor:
        state = None
        for row in _rows(x).unbind(1):
            state = m.layer(row, state)
        return m.head(state[0])

    model = Net(run, layer=nn.LSTMCell(INPUTS, HIDDEN), head=nn.Linear(HIDDEN, 10))
    weights = {name.replace("_l0", ""): one for name, one in _matrices(4).items()}
    return Structure(model=model, weights=weights | _head(), other_entries=2 * 128 + 10)


def gru_cell_that_starts_from_the_image() -> Structure:
    """Its state is made of the image, by a layer of its own."""

    def run(m: Net, x: Tensor) -> Tensor:
        state = m.start(x.flatten(1)).tanh()
        for row in _rows(x).unbind(1):
            state = m.layer(row, state)
        return m.head(state)

    model = Net(
        run, start=nn.Linear(192, HIDDEN), layer=nn.GRUCell(INPUTS, HIDDEN), head=nn.Linear(HIDDEN, 10)
    )
    weights = {"start.weight": Weight(shape=(HIDDEN, 192))}
    weights |= {name.replace("_l0", ""): one for name, one in _matrices(3).items()}
    return Structure(model=model, weights=weights | _head(), other_entries=32 + 2 * 96 + 10)


def minimal_recurrence_of_ones_own() -> Structure:
    """h = tanh(U h + W x) from a trained first state, written with matmul."""

    def run(m: Net, x: Tensor) -> Tensor:
        state = m.first
        for row in _rows(x).unbind(1):
            state = torch.tanh(row @ m.w + state @ m.u)
        return state

    model = Net(run, w=weight(INPUTS, 16), u=weight(16, 16), first=weight(1, 16))
    weights = {"w": Weight(shape=(INPUTS, 16), positions=STEPS), "u": Weight(shape=(16, 16), positions=STEPS)}
    return Structure(model=model, weights=weights, other_entries=16, outside={"first": "constant"})
