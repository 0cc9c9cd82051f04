"""Validation accuracy while training."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.data import AnySet, batches

BATCH = 512

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(model in evaluation mode, images, labels) -> other images in the place of these."""


@torch.no_grad()
def accuracy_of(model: Adapter, dataset: AnySet, device: torch.device, attack: Attack | None = None) -> float:
    """Share classified correctly in evaluation mode; under an attack, those that also stay so."""
    model.eval()
    hits = total = 0
    for images, labels in batches(dataset, BATCH, device):
        right = model(images).argmax(dim=1) == labels
        if attack is not None:
            moved = attack(model, images, labels)
            right &= model(moved).argmax(dim=1) == labels
        hits += int(right.sum())
        total += len(labels)
    return hits / total
