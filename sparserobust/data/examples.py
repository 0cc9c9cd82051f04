"""The training examples that a method scores weights on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sparserobust.data.batches import batches, labels_of
from sparserobust.data.subset import stratified_subset
from sparserobust.seeds import derived_seed

SCORE_BATCH = 512


@dataclass
class ScoringExamples:
    """The examples of each pruning event: a stratified subset, another one at every event."""

    dataset: Dataset[Any] | DataLoader[Any]
    samples: int
    seed: int
    device: torch.device
    dtype: torch.dtype

    @cached_property
    def _labels(self) -> Tensor:
        """Read once: not every data set has them at hand."""
        return labels_of(self.dataset)

    def __call__(self, event: int) -> list[tuple[Tensor, Tensor]]:
        """Batches of about one size, at most SCORE_BATCH."""
        seed = self.seed if event == 0 else derived_seed(self.seed, f"examples of event {event}")
        subset, _ = stratified_subset(self.dataset, self.samples, seed, labels=self._labels)
        size = math.ceil(self.samples / math.ceil(self.samples / SCORE_BATCH))  # no last batch of one example
        return list(batches(subset, size, self.device, dtype=self.dtype))
