"""The epoch whose weights a training ends with, and why that one."""

from __future__ import annotations

from typing import Any, Literal

import torch

from sparserobust.records import ChosenBecause
from sparserobust.training.snapshot import Snapshot
from sparserobust.weights.attach import SparseWeights


class Chosen:
    """The best epoch so far, the earliest of equals; at first the weights that training starts from.

    Attributes:
        epoch: from 1; 0 before the first.
        accuracy: what it was judged by; -1 where nothing is judged.
        unsettled: whether it is the last one because the mask got where it was to get only at the end.
        weights: of that epoch.
    """

    def __init__(self, weights: SparseWeights) -> None:
        self.epoch = 0
        self.accuracy = -1.0
        self.unsettled = False
        self.weights = Snapshot.of(weights)

    def consider(self, epoch: int, judged: float | None, weights: SparseWeights) -> None:
        """Takes the epoch if it is better than the best so far, or if nothing is judged."""
        if judged is None or judged > self.accuracy:
            self.epoch, self.weights = epoch, Snapshot.of(weights)
            self.accuracy = -1.0 if judged is None else judged

    def take_last(self, epoch: int, weights: SparseWeights) -> None:
        """Takes the last epoch, whatever it is worth."""
        self.epoch, self.weights, self.unsettled = epoch, Snapshot.of(weights), True

    def why(self, judged_by: Literal["best-validation", "best-robust-validation"] | None) -> ChosenBecause:
        """For the record.

        Args:
            judged_by: which accuracy decides; None without a validation split.
        """
        if not self.epoch:
            return "none-completed"
        if self.unsettled:
            return "last-at-its-sparsity"
        return "last-without-validation" if judged_by is None else judged_by

    def tree(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"epoch": self.epoch, "accuracy": self.accuracy, "weights": self.weights.tree()}

    def resume(self, tree: dict[str, Any], device: torch.device) -> None:
        """Takes back what `tree` gave."""
        self.epoch, self.accuracy = tree["epoch"], tree["accuracy"]
        self.weights = Snapshot.from_tree(tree["weights"], device)
