"""Weights, buffers, masks and the decay of the offset at one moment of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparserobust.storage.tree import moved
from sparserobust.weights.attach import SparseWeights


@dataclass(frozen=True)
class Snapshot:
    """Copies, on the model's device.

    Attributes:
        state: the model's state_dict.
        masks: name -> bool.
        decay: what a decaying offset has come to, None where it does not decay.
    """

    state: dict[str, Tensor]
    masks: dict[str, Tensor]
    decay: dict[str, Any] | None

    @classmethod
    def of(cls, weights: SparseWeights) -> Snapshot:
        """Of a model as it is."""
        return cls(
            {name: tensor.detach().clone() for name, tensor in weights.model.state_dict().items()},
            {name: mask.clone() for name, mask in weights.masks.items()},
            None if weights.decay is None else weights.decay.state(),
        )

    def load(self, weights: SparseWeights) -> None:
        """Puts the model back to that moment, bit for bit."""
        weights.set_masks(self.masks)
        weights.model.load_state_dict(self.state)
        if weights.decay is not None and self.decay is not None:
            weights.decay.resume(self.decay)

    def tree(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"state": self.state, "masks": self.masks, "decay": self.decay}

    @classmethod
    def from_tree(cls, tree: dict[str, Any], device: torch.device) -> Snapshot:
        """What `tree` gave, on a device."""
        return cls(**moved(tree, device))
