"""What one pass over a split tells: mean and standard deviation per channel, the labels, the shape of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sparserobust.data.batches import batches


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Of all examples of a split; `mean` and `std` are over all pixels of each channel."""

    labels: Tensor
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def summary_of(dataset: Dataset[Any] | DataLoader[Any]) -> Summary:
    """What one pass tells, sums accumulated in float64."""
    count = 0
    shape: tuple[int, ...] = ()
    total = squares = torch.zeros(1, dtype=torch.float64)
    found = [torch.zeros(0, dtype=torch.int64)]
    for images, labels in batches(dataset, 512, torch.device("cpu")):
        pixels = images.double()
        total = total + pixels.sum(dim=(0, 2, 3))
        squares = squares + (pixels**2).sum(dim=(0, 2, 3))
        count += images.shape[0] * images.shape[2] * images.shape[3]
        shape = tuple(images.shape[1:])
        found.append(labels)
    mean = total / count
    std = (squares / count - mean**2).clamp_min(1e-12).sqrt()
    return Summary(labels=torch.cat(found), shape=shape, mean=tuple(mean.tolist()), std=tuple(std.tolist()))


def channel_statistics(
    dataset: Dataset[Any] | DataLoader[Any],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) over all pixels of each channel."""
    summary = summary_of(dataset)
    return summary.mean, summary.std
