"""The base of evaluators: their contract, and the call on any model and data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from sparserobust.data import image_shape
from sparserobust.data.subset import repeatable
from sparserobust.outputs import OutputOf
from sparserobust.records import Outcome
from sparserobust.scoring.evaluator_base import EvaluatorBase
from sparserobust.scoring.run import RunOptions, measure
from sparserobust.subject import Subject


@dataclass(frozen=True, kw_only=True)
class Evaluator(EvaluatorBase):
    """Scores any model the same way. Instances hold settings only; see `EvaluatorBase` for what a subclass states.

    @dataclass(frozen=True, kw_only=True)
    class Kept(Evaluator):
        name: ClassVar = "kept"
        source: ClassVar = "ours"
        scores: ClassVar = (ScoreSpec(name="kept", unit="count", headline=True),)
        sees_data: ClassVar = False

        def begin(self, context):
            return Counting(self, context.subject)  # a Measurement: update(batch) and finish() -> Outcome
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
        output: OutputOf = None,
    ) -> Outcome:
        """The outcome of this evaluator alone, on any module and any data; needs no registry.

        Args:
            model: takes images (n, c, h, w) in [0, 1] and returns logits; or a Subject.
            data: (images, labels) tensors, a Dataset, a DataLoader or a Data (its test split).
            dense_model: for evaluators that compare with the dense reference.
            output: where the logits lie in what a bare model returns, as in `sparsify`.
        """
        options = RunOptions(seed=seed, device=device, batch_size=batch_size, dense_model=dense_model)
        data = repeatable(data)
        subject = Subject.of(model, partial(image_shape, data), output=output)
        return measure(subject, data, [self], options).outcomes[self.label]
