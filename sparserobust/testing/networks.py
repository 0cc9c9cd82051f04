"""The small networks and data of the conformance kit, and the global random states."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.data.bundle import Data, ImageTensors


class SmallConv(nn.Module):
    """A convolution with BatchNorm and dropout, pooled, and two linear layers; 8x8 images, 3 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.2)
        self.hidden = nn.Linear(6 * 16, 24)
        self.head = nn.Linear(24, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        pooled = F.max_pool2d(_active(self.norm(self.conv(images))), 2)
        logits: Tensor = self.head(_active(self.hidden(self.drop(pooled.flatten(1)))))
        return logits


class SmallResidual(nn.Module):
    """A residual block between two convolutions and a linear head; 8x8 images, 3 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.first = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.second = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 3)

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        x = _active(self.norm(self.stem(images)))
        x = _active(x + self.second(_active(self.first(x))))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def _active(x: Tensor) -> Tensor:
    """A leaky ReLU: in networks this small, units that are dead for all examples would leave too few scores."""
    return F.leaky_relu(x, 0.1)


def small_networks() -> list[nn.Module]:
    """Both networks, freshly drawn, always alike."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [SmallConv(), SmallResidual()]


def small_data() -> Data:
    """Three classes of noisy bars, 8x8: 96 to train, 24 to validate, 60 to test; always the same."""
    stream = torch.Generator().manual_seed(0)

    def split(n: int) -> ImageTensors:
        labels = torch.arange(n) % 3
        images = 0.35 * torch.rand(n, 1, 8, 8, generator=stream)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[:, 2 * label + 1, :] += 0.5
        return ImageTensors(images, labels)

    return Data("bars", split(96), split(24), split(60), (0.2,), (0.25,), ("a", "b", "c"), (1, 8, 8))


def random_state() -> dict[str, Any]:
    """The global random states, comparable with ==."""
    return {
        "the global random state of torch": torch.get_rng_state().tolist(),
        "the global random state of numpy": [np.asarray(part).tolist() for part in np.random.get_state()],
        "the global random state of Python": random.getstate(),
    }


def examples_of(data: Data) -> tuple[Tensor, Tensor]:
    """The first 32 training examples."""
    images, labels = data.train.slice(torch.arange(32))  # type: ignore[union-attr]
    return images, labels
