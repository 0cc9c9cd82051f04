"""Paths through products of tensors that depend on the image: attention, gates, recurrent layers."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from sparserobust.paths import UnsupportedOperation, log10_paths, reachability, read_pixels, trace


class Attention(nn.Module):
    """Rows of the image are tokens of two numbers; one head, then a linear layer over all tokens."""

    def __init__(self, tokens=2, fused=False):
        super().__init__()
        self.fused = fused
        if fused:
            self.qkv = nn.Linear(2, 6)
        else:
            self.q, self.k, self.v = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
        self.head = nn.Linear(2 * tokens, 1)

    def forward(self, x):
        x = x[:, 0]
        q, k, v = self.qkv(x).chunk(3, dim=-1) if self.fused else (self.q(x), self.k(x), self.v(x))
        return self.head(F.scaled_dot_product_attention(q, k, v).flatten(1))


def with_weights(model, **weights):
    with torch.no_grad():
        for name, weight in weights.items():
            layer = getattr(model, name)
            layer.weight.copy_(torch.as_tensor(weight, dtype=torch.float32).expand(layer.weight.shape))
    return model


def test_attention_with_a_zeroed_value_matrix_still_passes_the_paths_of_its_scores():
    model = with_weights(Attention(), q=[[1, 0], [0, 0]], k=0, v=0)
    reach = reachability(model, input_shape=(1, 2, 2))
    assert reach.connected  # the values are constants, which need not be 0
    assert reach.pixels.flatten().tolist() == [True, False, True, False]  # what queries read
    assert reach.forward_effective["q.weight"].tolist() == [[True, False], [False, False]]
    assert reach.on_path["v.weight"].all()
    assert reach.on_path["k.weight"].all()
    assert not reach.forward_effective["v.weight"].any()
    assert reach.constant_units == {"q.weight": 1, "k.weight": 2, "v.weight": 2, "head.weight": 0}
    assert not reachability(with_weights(model, q=0), input_shape=(1, 2, 2)).connected


def test_softmax_connects_all_tokens_and_values_only_those_that_they_lead_to():
    only_values = with_weights(Attention(3), q=0, k=0, v=[[0, 1], [0, 0]], head=[[1, 0, 0, 0, 0, 0]])
    reach = reachability(only_values, input_shape=(1, 3, 2))
    assert reach.pixels[0].tolist() == [[False, True]] * 3  # token 0 mixes the values of all
    assert reach.forward_effective["v.weight"].tolist() == [[False, True], [False, False]]
    assert reach.on_path["v.weight"].tolist() == [[True, True], [False, False]]  # no logit reads its unit 1
    keys = with_weights(only_values, v=0, k=[[1, 0], [0, 0]])
    assert reachability(keys, input_shape=(1, 3, 2)).pixels[0].tolist() == [[True, False]] * 3
    queries = with_weights(keys, k=0, q=[[1, 0], [0, 0]])
    rows = reachability(queries, input_shape=(1, 3, 2)).pixels[0].tolist()
    assert rows == [[True, False], [False, False], [False, False]]  # and asks for itself alone


def test_a_fused_projection_has_the_paths_of_its_three_parts():
    apart, fused = Attention(), Attention(fused=True)
    apart = with_weights(
        apart, q=[[1, 0], [0, 0]], k=[[0, 0], [0, 1]], v=[[1, 0], [0, 0]], head=[[0, 0, 0, 1]]
    )
    parts = torch.cat([apart.q.weight, apart.k.weight, apart.v.weight]).detach()
    with_weights(fused, qkv=parts, head=apart.head.weight.detach())
    expected, reach = (reachability(model, input_shape=(1, 2, 2)) for model in (apart, fused))
    for kind in ("on_path", "forward_effective", "live_units"):
        own = getattr(expected, kind)
        together = torch.cat([own[f"{name}.weight"] for name in "qkv"])
        assert torch.equal(getattr(reach, kind)["qkv.weight"], together)
    assert torch.equal(reach.pixels, expected.pixels)


class Sliced(Attention):
    """The fused matrix is cut before it is multiplied, as `nn.MultiheadAttention` does for other keys than queries."""

    def forward(self, x):
        x = x[:, 0]
        q, k, v = (
            F.linear(x, w, b) for w, b in zip(self.qkv.weight.chunk(3), self.qkv.bias.chunk(3), strict=True)
        )
        return self.head(F.scaled_dot_product_attention(q, k, v).flatten(1))


def test_chunks_of_a_fused_matrix_are_mapped_back_to_its_rows():
    weight = torch.tensor([[1, 0], [0, 0], [0, 0], [0, 1], [0, 0], [1, 1]]).float()
    whole, sliced = (with_weights(kind(fused=True), qkv=weight, head=1) for kind in (Attention, Sliced))
    expected, reach = (reachability(model, input_shape=(1, 2, 2)) for model in (whole, sliced))
    for kind in ("on_path", "forward_effective", "present", "live_units"):
        assert torch.equal(getattr(reach, kind)["qkv.weight"], getattr(expected, kind)["qkv.weight"]), kind
    assert reach.live_units["qkv.weight"].tolist() == [True, False, False, True, False, True]


def test_our_pieces_of_torch_attention_agree_with_its_layer():
    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(12, 2)

        def forward(self, x):
            x = x[:, 0]
            return self.head(self.attention(x, x, x, need_weights=False)[0].flatten(1))

    model = Layer()
    with torch.no_grad():
        model.attention.in_proj_weight[8:] = 0  # values
        model.attention.in_proj_weight[:2] = 0  # queries of the first head, whose keys go on
    reach = reachability(model, input_shape=(1, 3, 4))
    assert reach.live_units["attention.in_proj_weight"].tolist() == [False] * 2 + [True] * 6 + [False] * 4
    assert reach.on_path["attention.in_proj_weight"].all()
    assert reach.on_path["attention.out_proj.weight"].all()
    assert reach.joins == ("bmm", "_safe_softmax")


class Gated(nn.Module):
    def __init__(self, gate):
        super().__init__()
        self.value, self.gate, self.head = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 1)
        self.join = gate

    def forward(self, x):
        x = x.flatten(1)
        return self.head(self.join(self.value(x), self.gate(x)))


GATES = {
    "mul": lambda value, gate: value * gate.sigmoid(),
    "div": lambda value, gate: value / gate.exp(),
    "glu": lambda value, gate: F.glu(torch.cat([value, gate], dim=1)),
    "where": lambda value, gate: torch.where(gate > 0, value, 0),
    "addcmul": lambda value, gate: torch.addcmul(torch.ones(2), value, gate),
    "masked_fill": lambda value, gate: value.masked_fill(gate > 0, 1.0),
}


@pytest.mark.parametrize("operator", GATES)
def test_a_gate_passes_the_paths_of_both_sides_and_of_one_where_the_other_is_constant(operator):
    model = with_weights(Gated(GATES[operator]), value=[[1, 0], [0, 0]], gate=[[0, 0], [0, 1]], head=[[1, 1]])
    reach = reachability(model, input_shape=(1, 1, 2))
    assert reach.pixels.flatten().tolist() == [True, True]
    assert reach.forward_effective["value.weight"].tolist() == [[True, False], [False, False]]
    assert reach.forward_effective["gate.weight"].tolist() == [[False, False], [False, True]]
    assert reach.on_path["gate.weight"].all()
    assert operator in reach.joins
    shut = reachability(with_weights(model, head=[[1, 0]]), input_shape=(1, 1, 2))
    assert shut.pixels.flatten().tolist() == [True, False]
    assert shut.on_path["gate.weight"].tolist() == [[True, True], [False, False]]
    with pytest.raises(
        UnsupportedOperation, match=f"{operator}.* the number of paths is not defined"
    ) as refused:
        log10_paths(model, input_shape=(1, 1, 2))
    assert "\n" not in str(refused.value)


def test_a_weight_of_a_bilinear_layer_is_on_a_path_where_either_input_is_live():
    class Bilinear(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.join = nn.Linear(2, 2), nn.Linear(2, 2), nn.Bilinear(2, 2, 1)

        def forward(self, x):
            x = x.flatten(1)
            return self.join(self.one(x), self.two(x))

    model = with_weights(Bilinear(), one=[[1, 0], [0, 0]], two=0, join=[[[1, 0], [0, 1]]])
    reach = reachability(model, input_shape=(1, 1, 2))
    assert reach.on_path["join.weight"].tolist() == [[[True, True], [False, False]]]
    assert reach.pixels.flatten().tolist() == [True, False]
    assert reach.on_path["two.weight"].tolist() == [[True, True], [True, True]]
    assert reach.constant_units == {"one.weight": 1, "two.weight": 2, "join.weight": 0}


class Recurrent(nn.Module):
    """Rows of the image, one after the other; logits of the last state."""

    def __init__(self, kind, **options):
        super().__init__()
        self.cell = kind(2, 3, batch_first=True, **options)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head(self.cell(x[:, 0])[0][:, -1])


def test_without_hidden_to_hidden_weights_a_plain_recurrent_layer_sees_the_last_step_only():
    model = Recurrent(nn.RNN)
    assert reachability(model, input_shape=(1, 4, 2)).pixels.all()
    assert log10_paths(model, input_shape=(1, 4, 2)) == pytest.approx(
        math.log10(2 * 2 * sum(3**t for t in (1, 2, 3, 4)))
    )
    with torch.no_grad():
        model.cell.weight_hh_l0.zero_()
    reach = reachability(model, input_shape=(1, 4, 2))
    assert reach.pixels[0].tolist() == [[False, False]] * 3 + [[True, True]]
    assert reach.on_path["cell.weight_hh_l0"].all()
    assert not reach.present["cell.weight_hh_l0"].any()
    assert reach.constant_units == {"cell.weight_ih_l0": 0, "cell.weight_hh_l0": 3, "head.weight": 0}


def test_the_cell_of_an_lstm_carries_paths_that_its_hidden_state_no_longer_does():
    model = Recurrent(nn.LSTM)
    with torch.no_grad():
        model.cell.weight_hh_l0.zero_()
        model.head.weight[:, 1:] = 0
    reach = reachability(model, input_shape=(1, 4, 2))
    assert reach.pixels.all()
    row = torch.tensor([True, False, False]).repeat(4)  # unit 0 of each of the four gates
    assert torch.equal(reach.on_path["cell.weight_ih_l0"], row[:, None].expand(12, 2))
    assert torch.equal(reach.on_path["cell.weight_hh_l0"], row[:, None].expand(12, 3))
    assert reach.joins == ("mul",)


def test_the_first_step_has_a_state_of_zeros_that_no_path_comes_from():
    names = ["cell.weight_ih_l0", "cell.weight_hh_l0", "head.weight"]
    reach = reachability(trace(Recurrent(nn.LSTM), (1, 1, 2), names))
    assert not reach.on_path["cell.weight_hh_l0"].any()
    assert reach.ran == {"cell.weight_ih_l0", "head.weight"}
    rows = reach.on_path["cell.weight_ih_l0"].all(dim=1).reshape(4, 3).all(dim=1)
    assert rows.tolist() == [True, False, True, True]  # there is nothing to forget yet


def test_reverse_and_stacked_layers_are_followed_too():
    model = nn.Sequential(nn.Flatten(1, 2), nn.GRU(2, 3, num_layers=2, bidirectional=True, batch_first=True))

    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = model, nn.Linear(6, 2)

        def forward(self, x):
            return self.head(self.body(x)[0][:, 0])

    reach = reachability(Last(), input_shape=(1, 3, 2))
    cut = {name for name, entries in reach.on_path.items() if not entries.all()}
    assert cut == {"body.1.weight_hh_l1"}  # of the forward direction step 0 is the first
    assert reach.logits.all()


def test_pixels_of_attention_are_read_by_its_projections():
    model = with_weights(Attention(), q=0, k=[[0, 1], [0, 0]], v=0)
    graph = trace(model, (1, 2, 2))
    assert read_pixels(graph).flatten().tolist() == [False, True, False, True]
    supports = {name: torch.zeros(shape) for name, shape in graph.shapes.items()}
    assert not read_pixels(graph, supports | {"head.weight": torch.ones(1, 4)}).any()
    assert read_pixels(graph, supports | {"q.weight": torch.eye(2)}).all()


def test_normalisation_is_the_identity_and_an_embedding_of_places_brings_no_path():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.places, self.norm = nn.Embedding(2, 2), nn.LayerNorm(2)
            self.body, self.head = nn.Linear(2, 2), nn.Linear(4, 1)

        def forward(self, x):
            return self.head(self.norm(self.body(x[:, 0]) + self.places(torch.arange(2))).flatten(1))

    model = with_weights(Tokens(), body=[[1, 0], [0, 0]], head=[[0, 1, 1, 0]])
    reach = reachability(model, input_shape=(1, 2, 2))
    assert reach.pixels[0].tolist() == [[False, False], [True, False]]
    assert log10_paths(model, input_shape=(1, 2, 2)) == 0.0
