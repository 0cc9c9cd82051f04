"""A fused q/k/v weight names its thirds, found from what happens to its product, whatever the modules are called."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, scaled_dot_product_attention

from sparserobust.uses import trace_uses

D, HEADS = 12, 2
CONTIGUOUS = (("q", D), ("k", D), ("v", D))


class Attending(nn.Module):
    """Patches of an 8x8 image, one attention, logits; `attend` is what is tried."""

    def __init__(self, attend, layer=None):
        super().__init__()
        self.patches = nn.Conv2d(1, D, 4, stride=4)
        self.fused = nn.Linear(D, 3 * D) if layer is None else layer
        self.attend = attend
        self.head = nn.Linear(D, 10)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        return self.head(self.attend(self.fused, tokens).mean(1))


def split_heads(x: Tensor) -> Tensor:
    return x.reshape(*x.shape[:2], HEADS, D // HEADS).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def timm(fused, x):
    """As timm's Attention without its fused kernel."""
    b, n, c = x.shape
    qkv = fused(x).reshape(b, n, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    attn = (q * (c // HEADS) ** -0.5) @ k.transpose(-2, -1)
    return (attn.softmax(dim=-1) @ v).transpose(1, 2).reshape(b, n, c)


def timm_fused(fused, x):
    b, n, c = x.shape
    q, k, v = fused(x).reshape(b, n, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
    q, k = layer_norm(q, q.shape[-1:]), layer_norm(k, k.shape[-1:])
    return scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c)


def chunked(fused, x):
    q, k, v = (split_heads(part) for part in fused(x).chunk(3, -1))
    return joined(scaled_dot_product_attention(q, k, v))


def value_first(fused, x):
    v, k, q = (split_heads(part) for part in fused(x).chunk(3, -1))
    return joined(torch.softmax(torch.einsum("bhid,bhjd->bhij", q, k), -1) @ v)


def rotated(fused, x):
    """Rotary positions: halves change places, so that the units move too."""

    def turn(x):
        return x * 0.5 + torch.cat([-x[..., D // 4 :], x[..., : D // 4]], -1) * 0.3

    q, k, v = (split_heads(part) for part in fused(x).chunk(3, -1))
    return joined(scaled_dot_product_attention(turn(q), turn(k), v))


def by_head(fused, x):
    """Each head has its q, k and v beside each other."""
    b, n, c = x.shape
    q, k, v = fused(x).view(b, n, HEADS, 3, c // HEADS).transpose(1, 2).unbind(3)
    return joined(scaled_dot_product_attention(q, k, v))


def mha(fused, x):
    return fused(x, x, x, need_weights=True)[0]


def mha_cross(fused, x):
    """Queries from other tokens: two products of one tensor."""
    other = x.flip(1) * 2
    return fused(x, other, other, need_weights=False)[0]


@pytest.mark.parametrize(
    "attend",
    [timm, timm_fused, chunked, rotated],
)
def test_a_fused_linear_has_its_thirds(attend):
    assert trace_uses(Attending(attend), (1, 8, 8)).thirds.keys() == {"fused.weight"}
    found = trace_uses(Attending(attend), (1, 8, 8)).thirds["fused.weight"]
    assert (found.axis, found.runs) == (0, CONTIGUOUS)


@pytest.mark.parametrize("attend", [mha, mha_cross])
@pytest.mark.parametrize("batch_first", [True, False])
def test_torchs_own_attention_has_its_thirds(attend, batch_first):
    layer = nn.MultiheadAttention(D, HEADS, batch_first=batch_first)
    thirds = trace_uses(Attending(attend, layer), (1, 8, 8)).thirds
    assert thirds.keys() == {"fused.in_proj_weight"}
    assert thirds["fused.in_proj_weight"].runs == CONTIGUOUS


def test_a_transformer_layer_has_them_too():
    layer = nn.TransformerEncoderLayer(D, HEADS, 24, batch_first=True)
    thirds = trace_uses(Attending(lambda own, x: own(x), layer), (1, 8, 8)).thirds
    assert {name: own.runs for name, own in thirds.items()} == {"fused.self_attn.in_proj_weight": CONTIGUOUS}


def test_the_order_is_what_is_done_and_not_where_it_stands():
    runs = trace_uses(Attending(value_first), (1, 8, 8)).thirds["fused.weight"].runs
    assert runs == (("v", D), ("k", D), ("q", D))


def test_thirds_may_lie_head_by_head():
    found = trace_uses(Attending(by_head), (1, 8, 8)).thirds["fused.weight"]
    assert found.runs == (("q", D // 2), ("k", D // 2), ("v", D // 2)) * HEADS
    mask = torch.zeros(3 * D, D, dtype=torch.bool)
    mask[: D // 2] = True  # the first head's queries
    mask[D // 2, 0] = True  # one of its keys
    assert found.kept(mask) == {"q": (D * D, D * D // 2), "k": (D * D, 1), "v": (D * D, 0)}


def test_a_convolution_and_a_weight_with_inputs_first_have_thirds():
    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(D, 3 * D))

        def forward(self, x):
            return x @ self.weight

    found = trace_uses(Attending(chunked, Transposed()), (1, 8, 8)).thirds["fused.weight"]
    assert (found.axis, found.runs) == (1, CONTIGUOUS)

    def of_maps(fused, x):
        maps = x.transpose(1, 2).unflatten(2, (2, 2))
        q, k, v = fused(maps).flatten(2).transpose(1, 2).chunk(3, -1)
        return torch.softmax(q @ k.transpose(1, 2), -1) @ v

    found = trace_uses(Attending(of_maps, nn.Conv2d(D, 3 * D, 1)), (1, 8, 8)).thirds["fused.weight"]
    assert (found.axis, found.runs) == (0, CONTIGUOUS)


class Separate(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(D, D) for _ in range(3))

    def forward(self, x):
        q, k, v = (split_heads(layer(x)) for layer in (self.q, self.k, self.v))
        return joined(scaled_dot_product_attention(q, k, v))


def gated(fused, x):
    a, b, c = fused(x).chunk(3, -1)
    return a * b.sigmoid() + c


def linear_attention(fused, x):
    """Products of thirds, but no softmax of scores."""
    q, k, v = fused(x).chunk(3, -1)
    return q.softmax(-1) @ (k.softmax(-2).transpose(1, 2) @ v)


def shared_keys(fused, x):
    """The first third is query and key at once."""
    q, _, v = fused(x).chunk(3, -1)
    return torch.softmax(q @ q.transpose(1, 2), -1) @ v


@pytest.mark.parametrize(
    "model",
    [
        Attending(lambda own, x: own(x), Separate()),
        Attending(lambda own, x: own[1](own[0](x).relu()), nn.Sequential(nn.Linear(D, 3 * D), nn.Linear(3 * D, D))),
        Attending(gated),
        Attending(linear_attention),
        Attending(shared_keys),
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Conv2d(3, 9, 3), nn.Flatten(), nn.Linear(144, 9)),
    ],
    ids=["separate", "mlp", "gated", "linear attention", "shared keys", "convolutions"],
)  # fmt: skip
def test_what_is_no_fused_attention_has_no_thirds(model):
    assert trace_uses(model, (1, 8, 8)).thirds == {}
