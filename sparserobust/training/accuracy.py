"""Validation accuracy while training."""

from __future__ import annotations

import torch
from torch import nn

from sparserobust.data import AnySet, batches
from sparserobust.device import dtype_of

BATCH = 512


@torch.no_grad()
def accuracy_of(model: nn.Module, dataset: AnySet, device: torch.device) -> float:
    """Share classified correctly, in evaluation mode."""
    model.eval()
    hits = total = 0
    for images, labels in batches(dataset, BATCH, device, dtype=dtype_of(model)):
        hits += int((model(images).argmax(dim=1) == labels).sum())
        total += len(labels)
    return hits / total
