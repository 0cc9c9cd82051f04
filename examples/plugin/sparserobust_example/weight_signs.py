"""An evaluator of parameters: which share of the kept weights is positive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.records import Outcome, ScoreSpec
from sparserobust.scoring import Context, Evaluator, Measurement


@dataclass(frozen=True, kw_only=True)
class WeightSigns(Evaluator):
    """How many of the kept weights are above 0."""

    name: ClassVar = "weight-signs"
    title: ClassVar = "weight signs"
    source: ClassVar = "an example of sparserobust"
    sees_data: ClassVar = False
    scores: ClassVar = (
        ScoreSpec(
            name="positive", unit="fraction", headline=True, about="kept weights above 0 / kept weights"
        ),
    )

    def begin(self, context: Context) -> Measurement:
        """Skipped for a model without weights that could be sparse."""
        context.require_prunable()
        return Counting(self, context)


class Counting(Measurement):
    """What has been counted; an evaluator that sees data has `update(batch)` too."""

    def __init__(self, evaluator: WeightSigns, context: Context) -> None:
        self.evaluator = evaluator
        self.subject = context.subject

    def finish(self) -> Outcome:
        """The share over all layers, with its interval."""
        masks, weights = self.subject.weights.masks, self.subject.effective_weights()
        positive = sum(int((weights[name][mask] > 0).sum()) for name, mask in masks.items())
        return self.evaluator.outcome(scores=(self.evaluator.rate("positive", positive, self.subject.kept),))
