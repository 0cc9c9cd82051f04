"""Whole transformers: torch's encoder and decoder layers, the vision transformers of torchvision and timm."""

from __future__ import annotations

import timm
import torch
import torchvision
from torch import Tensor, nn

from tests.test_uses.structures.attention import BETWEEN, BIASES, TOKENS, WIDTH, around, patches, tokens
from tests.test_uses.structures.structure import Net, Structure, Weight


def _encoder_layer(prefix: str, wide: int) -> dict[str, Weight]:
    return {
        f"{prefix}.self_attn.in_proj_weight": Weight(shape=(96, WIDTH), positions=TOKENS),
        f"{prefix}.self_attn.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=TOKENS),
        f"{prefix}.linear1.weight": Weight(shape=(wide, WIDTH), positions=TOKENS),
        f"{prefix}.linear2.weight": Weight(shape=(WIDTH, wide), positions=TOKENS),
    }


def transformer_encoder() -> Structure:
    """Two layers; in evaluation mode torch would take its fast path."""
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(WIDTH, 4, 48, batch_first=True), 2)
    model = Net(
        lambda m, x: m.head(m.encoder(tokens(m, x)).mean(1)),
        patches=patches(),
        encoder=encoder,
        head=nn.Linear(WIDTH, 10),
    )
    between = _encoder_layer("encoder.layers.0", 48) | _encoder_layer("encoder.layers.1", 48)
    each = 96 + 32 + 48 + 32 + 4 * WIDTH  # biases, and two norms
    return Structure(
        model=model, weights=around(between), besides=2 * BETWEEN, other_entries=2 * each + BIASES
    )


def encoder_layer_with_tokens_first_and_a_mask() -> Structure:
    """A mask takes away attention and no product."""

    def run(m: Net, x: Tensor) -> Tensor:
        causal = nn.Transformer.generate_square_subsequent_mask(TOKENS)
        return m.head(m.encoder(tokens(m, x).transpose(0, 1), src_mask=causal).mean(0))

    encoder = nn.TransformerEncoderLayer(WIDTH, 4, 48, norm_first=True, activation="gelu", bias=False)
    model = Net(run, patches=patches(), encoder=encoder, head=nn.Linear(WIDTH, 10))
    return Structure(
        model=model,
        weights=around(_encoder_layer("encoder", 48)),
        besides=BETWEEN,
        other_entries=2 * WIDTH + BIASES,
    )


def transformer_decoder_layer() -> Structure:
    """4 tokens attend to themselves, then to all 16."""

    def run(m: Net, x: Tensor) -> Tensor:
        t = tokens(m, x)
        return m.head(m.decoder(t[:, :4], t).mean(1))

    decoder = nn.TransformerDecoderLayer(WIDTH, 4, 48, batch_first=True)
    model = Net(run, patches=patches(), decoder=decoder, head=nn.Linear(WIDTH, 10))
    per_row = torch.tensor([4] * 32 + [TOKENS] * 64)[:, None]
    between = {
        "decoder.self_attn.in_proj_weight": Weight(shape=(96, WIDTH), positions=4),
        "decoder.self_attn.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=4),
        "decoder.multihead_attn.in_proj_weight": Weight(shape=(96, WIDTH), positions=per_row),
        "decoder.multihead_attn.out_proj.weight": Weight(shape=(WIDTH, WIDTH), positions=4),
        "decoder.linear1.weight": Weight(shape=(48, WIDTH), positions=4),
        "decoder.linear2.weight": Weight(shape=(WIDTH, 48), positions=4),
    }
    return Structure(
        model=model,
        weights=around(between),
        besides=2 * 4 * 4 * 32 + 2 * 4 * 16 * 32,
        other_entries=2 * (96 + 32) + 48 + 32 + 6 * WIDTH + BIASES,
    )


def torchvisions_vision_transformer() -> Structure:
    """Two layers on 16 patches of 4 x 4 and the class token: 17 tokens of width 16; the head sees one of them."""
    model = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24, num_classes=10
    )
    nn.init.normal_(model.heads.head.weight)  # torchvision starts it at 0
    layer = "encoder.layers.encoder_layer_{}"
    weights = {"conv_proj.weight": Weight(shape=(16, 3, 4, 4), positions=16)}
    for at in (layer.format(0), layer.format(1)):
        weights |= {
            f"{at}.self_attention.in_proj_weight": Weight(shape=(48, 16), positions=17),
            f"{at}.self_attention.out_proj.weight": Weight(shape=(16, 16), positions=17),
            f"{at}.mlp.0.weight": Weight(shape=(24, 16), positions=17),
            f"{at}.mlp.3.weight": Weight(shape=(16, 24), positions=17),
        }
    weights |= {"heads.head.weight": Weight(shape=(10, 16))}
    each = 48 + 16 + 24 + 16 + 4 * 16
    return Structure(
        model=model,
        weights=weights,
        besides=2 * 2 * 17 * 17 * 16,
        other_entries=16 + 16 + 17 * 16 + 2 * each + 2 * 16 + 10,
        outside={"class_token": "cat", "encoder.pos_embedding": "add"},
        shape=(3, 16, 16),
    )


def timms_vision_transformer() -> Structure:
    """The same in timm's words, where attention is torch's fused function."""
    model = timm.models.VisionTransformer(
        img_size=16, patch_size=4, embed_dim=16, depth=2, num_heads=2, mlp_ratio=2, num_classes=10
    )
    nn.init.normal_(model.head.weight)
    weights = {"patch_embed.proj.weight": Weight(shape=(16, 3, 4, 4), positions=16)}
    for at in ("blocks.0", "blocks.1"):
        weights |= {
            f"{at}.attn.qkv.weight": Weight(shape=(48, 16), positions=17),
            f"{at}.attn.proj.weight": Weight(shape=(16, 16), positions=17),
            f"{at}.mlp.fc1.weight": Weight(shape=(32, 16), positions=17),
            f"{at}.mlp.fc2.weight": Weight(shape=(16, 32), positions=17),
        }
    weights |= {"head.weight": Weight(shape=(10, 16))}
    each = 48 + 16 + 32 + 16 + 4 * 16
    return Structure(
        model=model,
        weights=weights,
        besides=2 * 2 * 17 * 17 * 16,
        other_entries=16 + 17 * 16 + 16 + 2 * each + 2 * 16 + 10,
        outside={"cls_token": "cat", "pos_embed": "add"},
        shape=(3, 16, 16),
    )
