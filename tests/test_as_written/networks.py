"""Small networks in the forms in which people write them, and the plain one that each of them must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

N, CLASSES, SHAPE = 24, 10, (3, 8, 8)


def plain() -> nn.Sequential:
    """A convolution and a linear layer, always with the same weights."""
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, CLASSES)
    return nn.Sequential(*layers).eval()


def examples() -> tuple[Tensor, Tensor]:
    """Images, and labels of which the plain network gets most right."""
    images = torch.rand(N, *SHAPE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        labels = plain()(images).argmax(dim=1)
    labels[::4] = (labels[::4] + 1) % CLASSES
    return images, labels


class Returning(nn.Module):
    """The plain network, what it returns put into some form."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.body = plain()
        self.form = form

    def forward(self, images: Tensor) -> Any:
        return self.form(self.body(images), images)


class FeaturesFirst(NamedTuple):
    features: Tensor
    logits: Tensor


@dataclass
class WithLoss:
    loss: Tensor | None
    logits: Tensor


class Answer:
    """What no library knows, with the logits among other things."""

    def __init__(self, logits: Tensor) -> None:
        self.note = "made up"
        self.logits = logits
