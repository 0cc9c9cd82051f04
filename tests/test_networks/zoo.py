"""Small networks of every kind that images are classified by: ours have none of these layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import torchvision
from torch import Tensor, nn

CLASSES = 4


class Recurrent(nn.Module):
    """Two LSTM layers, the second in both directions, read the rows of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.LSTM(8, 12, batch_first=True)
        self.second = nn.LSTM(12, 10, batch_first=True, bidirectional=True)
        self.head = nn.Linear(20, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        rows, _ = self.first(images.mean(dim=1))
        rows, _ = self.second(rows)
        return self.head(rows.mean(dim=1))


class Encoder(nn.Module):
    """An `nn.TransformerEncoder` of two layers reads patches of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.position = nn.Parameter(0.02 * torch.randn(4, 16))
        self.head = nn.Linear(16, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.position
        return self.head(self.encoder(tokens).mean(dim=1))


def _vit() -> nn.Module:
    vit = torchvision.models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=CLASSES
    )
    nn.init.normal_(vit.heads.head.weight, std=0.1)  # torchvision: zeros, which no gradient passes
    return vit


def _convnext() -> nn.Module:
    block = torchvision.models.convnext.CNBlockConfig
    settings = [block(16, 32, 1), block(32, 64, 1), block(64, None, 1)]
    return torchvision.models.ConvNeXt(settings, num_classes=CLASSES)


def _densenet() -> nn.Module:
    return torchvision.models.DenseNet(8, (2, 2, 2), 16, num_classes=CLASSES)


def _timm(name: str, **settings: object) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name, num_classes=CLASSES, **settings)


def _timm_vit() -> nn.Module:
    return timm.models.VisionTransformer(
        img_size=32, patch_size=8, num_classes=CLASSES, embed_dim=32, depth=2, num_heads=2, mlp_ratio=2
    )


def _of_torchvision(name: str, **settings: object) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, num_classes=CLASSES, **settings)


@dataclass(frozen=True)
class Network:
    """How a network is built, and the side of its images, which have three channels."""

    build: Callable[[], nn.Module]
    side: int

    def __call__(self, seed: int = 0) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build()

    def images(self, n: int = 8, seed: int = 0) -> tuple[Tensor, Tensor]:
        stream = torch.Generator().manual_seed(seed)
        return torch.rand(n, 3, self.side, self.side, generator=stream), torch.arange(n) % CLASSES


NETWORKS = {
    "lstm": Network(Recurrent, 8),
    "encoder": Network(Encoder, 8),
    "vit": Network(_vit, 32),
    "convnext": Network(_convnext, 32),
    "mobilenet_v3_small": Network(_of_torchvision("mobilenet_v3_small"), 32),
    "efficientnet_b0": Network(_of_torchvision("efficientnet_b0"), 32),
    "densenet": Network(_densenet, 32),
    "googlenet": Network(_of_torchvision("googlenet", aux_logits=True, init_weights=False), 64),
    "inception_v3": Network(_of_torchvision("inception_v3", aux_logits=True, init_weights=False), 299),
    "timm vit": Network(_timm_vit, 32),
    "timm convnext": Network(_timm("convnext_atto", depths=(1, 1, 1, 1), dims=(8, 16, 32, 64)), 32),
    "timm mobilenetv3": Network(_timm("mobilenetv3_small_050"), 32),
    "timm efficientnet": Network(_timm("efficientnet_lite0"), 32),
}
