"""The base of evaluators: their contract, and the call on any model and data."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sparserobust.records import Outcome
from sparserobust.scoring.contract import EvaluatorBase
from sparserobust.scoring.measure import measure
from sparserobust.subject import Subject


class Evaluator(EvaluatorBase):
    """Scores any model the same way. Instances hold hyper-parameters only.

    A subclass sets the class variables, takes keyword-only hyper-parameters that it keeps under the same
    names, and writes `begin`. Attacks derive from `AttackEvaluator` and write `perturb` instead.
    """

    def __call__(
        self,
        model: nn.Module | Subject,
        data: Any,
        *,
        seed: int = 0,
        device: str | torch.device = "auto",
        batch_size: int | None = None,
        dense_model: nn.Module | Subject | None = None,
    ) -> Outcome:
        """The outcome of this evaluator alone, on any module and any data; needs no registry.

        Args:
            model: maps images (n, c, h, w) in [0, 1] to logits; or a Subject.
            data: (images, labels) tensors, a Dataset, a DataLoader or a Data (its test split).
            dense_model: for evaluators that compare with the dense reference.
        """
        measured = measure(
            model, data, [self], seed=seed, device=device, batch_size=batch_size, dense_model=dense_model
        )
        return measured.outcomes[self.name]
