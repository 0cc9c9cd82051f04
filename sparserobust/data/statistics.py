"""Mean and standard deviation per channel."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from sparserobust.data.batches import batches


def channel_statistics(
    dataset: Dataset[Any] | DataLoader[Any],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) over all pixels of each channel, in one pass, accumulated in float64."""
    count = 0
    total = squares = torch.zeros(1, dtype=torch.float64)
    for images, _ in batches(dataset, 512, torch.device("cpu")):
        pixels = images.double()
        total = total + pixels.sum(dim=(0, 2, 3))
        squares = squares + (pixels**2).sum(dim=(0, 2, 3))
        count += images.shape[0] * images.shape[2] * images.shape[3]
    mean = total / count
    std = (squares / count - mean**2).clamp_min(1e-12).sqrt()
    return tuple(mean.tolist()), tuple(std.tolist())
