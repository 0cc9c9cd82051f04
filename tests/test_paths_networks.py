"""Networks of torchvision and timm: nothing in them is refused, and every weight of a dense one is on a path."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from sparserobust.paths import log10_paths, reachability, trace

TORCHVISION = {
    "mobilenet_v2": (64, {"width_mult": 0.25}),
    "mobilenet_v3_small": (96, {}),
    "efficientnet_b0": (96, {}),
    "convnext_tiny": (128, {}),
    "densenet121": (64, {}),
    "googlenet": (64, {"init_weights": False}),
    "inception_v3": (171, {"init_weights": False}),
    "regnet_y_400mf": (64, {}),
    "shufflenet_v2_x0_5": (64, {}),
    "swin_t": (64, {}),
    "swin_v2_t": (64, {}),
    "vit_b_16": (224, {}),
}
SWIN = {"img_size": 56, "depths": (2, 2), "num_heads": (2, 4), "embed_dim": 16}
TIMM = {
    "vit_tiny_patch16_224": (64, {"img_size": 64}),
    "swin_tiny_patch4_window7_224": (56, SWIN),
    "convnext_atto": (128, {}),
    "mobilenetv3_small_050": (96, {}),
    "efficientnet_lite0": (96, {}),
}


def built(name):
    if name in TIMM:
        size, options = TIMM[name]
        return timm.create_model(name, num_classes=10, **options), (3, size, size)
    size, options = TORCHVISION[name]
    return getattr(torchvision.models, name)(num_classes=10, **options), (3, size, size)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TORCHVISION, *TIMM])
def test_every_weight_of_a_dense_network_is_on_a_path(name):
    model, shape = built(name)
    for parameter in model.parameters():
        if parameter.dim() > 1 and not parameter.any():  # a head that starts at zero
            nn.init.normal_(parameter)
    reach = reachability(trace(model, shape))
    assert all(entries.all() for entries in reach.on_path.values())
    assert reach.pixels.all()
    assert reach.logits.all()
    assert set(reach.constant_units.values()) == {0}
    assert list(reach.live_units) == list(dict.fromkeys(reach.live_units))
    assert reach.ran == set(reach.on_path)


class Small(nn.Module):
    """Patches as tokens, an encoder of two layers, a class token in front."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(1, 8, 4, stride=4)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, 8)), nn.Parameter(torch.zeros(1, 5, 8))
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), 2
        )
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.places
        return self.head(self.encoder(x)[:, 0])


def test_every_weight_of_a_small_transformer_is_on_a_path_and_its_class_token_reads_by_attention_alone():
    model = Small()
    reach = reachability(model, input_shape=(1, 8, 8))
    assert all(entries.all() for entries in reach.forward_effective.values())
    assert reach.pixels.all()
    for layer in model.encoder.layers:
        nn.init.zeros_(layer.self_attn.out_proj.weight)
    cut = reachability(model, input_shape=(1, 8, 8))
    assert not cut.connected
    assert cut.on_path["encoder.layers.0.self_attn.out_proj.weight"].all()
    assert cut.present["patches.weight"].all()


def test_a_network_without_products_of_tokens_still_counts_its_paths():
    model = nn.Sequential(
        nn.Flatten(2), nn.LayerNorm(16), nn.Linear(16, 4), nn.GELU(), nn.Flatten(), nn.Linear(4, 2)
    )
    assert log10_paths(model, input_shape=(1, 4, 4)) == pytest.approx(2.107209969647868)  # 16 * 4 * 2
