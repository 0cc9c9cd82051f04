"""Attention in all its forms. Images of 3 x 8 x 8 are 16 tokens, patches of 2 x 2, of width 32."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils import prune

from tests.test_uses.structures.structure import Net, Structure, Weight, weight

TOKENS, WIDTH = 16, 32
BETWEEN = 2 * TOKENS * TOKENS * WIDTH
"""Queries with keys, and the attention with values."""


def tokens(m: Net, x: Tensor) -> Tensor:
    return m.patches(x).flatten(2).transpose(1, 2)


def patches() -> nn.Conv2d:
    return nn.Conv2d(3, WIDTH, 2, stride=2)


def around(between: dict[str, Weight]) -> dict[str, Weight]:
    """The weights of a network with patches at the start and a head on the mean token at the end."""
    return {
        "patches.weight": Weight(shape=(WIDTH, 3, 2, 2), positions=TOKENS),
        **between,
        "head.weight": Weight(shape=(10, WIDTH)),
    }


BIASES = WIDTH + 10
"""Of patches and head."""


def attention_on_32_by_32() -> Structure:
    """64 tokens: 1536 * 64 + 3072 * 64 + 1024 * 64 + 320 + 2 * 64 * 64 * 32 = 622,912."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        return m.head((t + m.attention(t, t, t, need_weights=False)[0]).mean(1))

    attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
    model = Net(run, patches=nn.Conv2d(3, WIDTH, 4, 4), attention=attention, head=nn.Linear(WIDTH, 10))
    weights = {
        "patches.weight": Weight(shape=(WIDTH, 3, 4, 4), positions=64),
        "attention.in_proj_weight": Weight(shape=(96, WIDTH), positions=64),
        "attention.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=64),
        "head.weight": Weight(shape=(10, WIDTH)),
    }
    return Structure(
        model=model,
        weights=weights,
        besides=2 * 64 * 64 * 32,
        other_entries=32 + 96 + 32 + 10,
        shape=(3, 32, 32),
    )


def attention_with_weights_asked_for() -> Structure:
    """Tokens first, and the averaged attention is asked for, which takes another way through torch."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x).transpose(0, 1)
        return m.head(m.attention(t, t, t)[0].mean(0))

    model = Net(run, patches=patches(), attention=nn.MultiheadAttention(WIDTH, 4), head=nn.Linear(WIDTH, 10))
    between = {
        "attention.in_proj_weight": Weight(shape=(96, WIDTH), positions=TOKENS),
        "attention.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=TOKENS),
    }
    return Structure(model=model, weights=around(between), besides=BETWEEN, other_entries=96 + 32 + BIASES)


def attention_pruned_by_torch() -> Structure:
    """Hooks mask both matrices; that of `out_proj`, which is read and never called, does not run in a pass."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        return m.head(m.attention(t, t, t, need_weights=False)[0].mean(1))

    attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
    prune.l1_unstructured(attention, "in_proj_weight", amount=0.5)
    prune.l1_unstructured(attention.out_proj, "weight", amount=0.25)
    model = Net(run, patches=patches(), attention=attention, head=nn.Linear(WIDTH, 10))
    between = {
        "attention.in_proj_weight": Weight(
            shape=(96, WIDTH),
            positions=TOKENS,
            held="attention.in_proj_weight_orig",
            mask=attention.in_proj_weight_mask,
        ),
        "attention.out_proj.weight": Weight(
            shape=(WIDTH, WIDTH),
            positions=TOKENS,
            held="attention.out_proj.weight_orig",
            mask=attention.out_proj.weight_mask,
        ),
    }
    return Structure(model=model, weights=around(between), besides=BETWEEN, other_entries=96 + 32 + BIASES)


def attention_with_keys_of_other_widths() -> Structure:
    """Three matrices of their own: keys of 24 numbers, values of 20."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        return m.head(m.attention(t, t[..., :24], t[..., :20], need_weights=False)[0].mean(1))

    attention = nn.MultiheadAttention(WIDTH, 4, kdim=24, vdim=20, batch_first=True)
    model = Net(run, patches=patches(), attention=attention, head=nn.Linear(WIDTH, 10))
    between = {
        "attention.q_proj_weight": Weight(shape=(WIDTH, 32), positions=TOKENS),
        "attention.k_proj_weight": Weight(shape=(WIDTH, 24), positions=TOKENS),
        "attention.v_proj_weight": Weight(shape=(WIDTH, 20), positions=TOKENS),
        "attention.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=TOKENS),
    }
    return Structure(model=model, weights=around(between), besides=BETWEEN, other_entries=96 + 32 + BIASES)


def attention_with_a_trained_key() -> Structure:
    """One trained key and value more, and one of zeros: 18 keys; they are no weights."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        return m.head(m.attention(t, t, t, need_weights=False)[0].mean(1))

    attention = nn.MultiheadAttention(WIDTH, 4, add_bias_kv=True, add_zero_attn=True, batch_first=True)
    model = Net(run, patches=patches(), attention=attention, head=nn.Linear(WIDTH, 10))
    between = {
        "attention.in_proj_weight": Weight(shape=(96, WIDTH), positions=TOKENS),
        "attention.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=TOKENS),
    }
    return Structure(
        model=model,
        weights=around(between),
        besides=2 * 16 * 18 * 32,
        other_entries=96 + 32 + 2 * 32 + BIASES,
        outside={"attention.bias_k": "cat", "attention.bias_v": "cat"},
    )


def cross_attention_with_trained_queries() -> Structure:
    """4 queries are projected once for all images; what comes of them is a weight that meets 16 keys.

    Rows 0 to 31 of the fused matrix make the queries, and only the others meet the image.
    """

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        queries = m.queries.expand(len(x), -1, -1)
        return m.head(m.attention(queries, t, t, need_weights=False)[0].mean(1))

    attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
    model = Net(
        run, patches=patches(), attention=attention, head=nn.Linear(WIDTH, 10), queries=weight(1, 4, WIDTH)
    )

    def executed(m: nn.Module) -> int:
        made = F.linear(m.queries, m.attention.in_proj_weight[:32])
        others = [(m.attention.in_proj_weight[32:], 16), (m.attention.out_proj.weight, 4)]
        others += [(m.patches.weight, 16), (m.head.weight, 1), (made, 16)]
        return sum(int((w != 0).sum()) * positions for w, positions in others) + 4 * 16 * 32

    per_row = torch.tensor([0] * 32 + [TOKENS] * 64)[:, None]
    between = {
        "attention.in_proj_weight": Weight(shape=(96, WIDTH), positions=per_row),
        "attention.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=4),
    }
    return Structure(
        model=model,
        weights={"queries": Weight(shape=(1, 4, WIDTH), positions=0)} | around(between),
        besides=2 * 4 * 16 * 32,
        other_entries=96 + 32 + BIASES,
        executed=executed,
    )


def linear_biases_and_a_relative_table() -> Structure:
    """Attention by torch's function; a fixed slope (ALiBi) and a trained table of distances are added to scores."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        heads = m.qkv(t).reshape(len(x), TOKENS, 3, 4, 8).permute(2, 0, 3, 1, 4)
        far = torch.arange(TOKENS)[:, None] - torch.arange(TOKENS)
        bias = m.table[far + TOKENS - 1].permute(2, 0, 1) - m.slopes[:, None, None] * far.abs()
        out = F.scaled_dot_product_attention(*heads, attn_mask=bias[None])
        return m.head(out.transpose(1, 2).flatten(2).mean(1))

    model = Net(
        run,
        patches=patches(),
        qkv=nn.Linear(WIDTH, 96, bias=False),
        head=nn.Linear(WIDTH, 10),
        table=weight(2 * TOKENS - 1, 4),
        slopes=torch.tensor([0.5, 0.25, 0.125, 0.0625]),
    )
    between = {"qkv.weight": Weight(shape=(96, WIDTH), positions=TOKENS)}
    return Structure(
        model=model,
        weights=around(between),
        besides=BETWEEN,
        other_entries=31 * 4 + 4 + BIASES,
        outside={"table": "add"},
    )


def grouped_query_attention() -> Structure:
    """8 heads of 4 numbers share 2 heads of keys and values, which are repeated; causal."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        q, k, v = (p(t).unflatten(-1, (-1, 4)).transpose(1, 2) for p in (m.q, m.k, m.v))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return m.head(out.transpose(1, 2).flatten(2).mean(1))

    model = Net(
        run,
        patches=patches(),
        q=nn.Linear(WIDTH, 32, bias=False),
        k=nn.Linear(WIDTH, 8, bias=False),
        v=nn.Linear(WIDTH, 8, bias=False),
        head=nn.Linear(WIDTH, 10),
    )
    between = {
        f"{n}.weight": Weight(shape=(rows, WIDTH), positions=TOKENS)
        for n, rows in (("q", 32), ("k", 8), ("v", 8))
    }
    return Structure(model=model, weights=around(between), besides=BETWEEN, other_entries=BIASES)
