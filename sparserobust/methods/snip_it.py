"""SNIP-it: SNIP in several events, before or during training, so that the ranking follows the shrinking network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sparserobust.device import repeatable_kernels
from sparserobust.errors import ConfigError
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.methods.by_score import ScoreInEvents
from sparserobust.methods.during import AfterEpochs, keep_highest
from sparserobust.methods.parameters import WithAllocation, WithExamples, WithSchedule
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import Positive
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel


@dataclass(frozen=True, kw_only=True)
class SNIPit(ScoreInEvents):
    """Elasticity |w * dL/dw / L|, first half of the weights, then the distance to the target halved: 7 events.

    Each event sees new examples (2,560 in the paper: the recipe `snip-it` sets it). The authors' code scores
    on raw logits and prunes the k-th score too: loss="raw-logits", ties="strict".
    """

    name: ClassVar[str] = "snip-it"
    title: ClassVar[str] = "SNIP-it"
    source: ClassVar[str] = "Verdenius et al. 2020, arXiv:2006.00896, sec. 3, eq. 3 and Algorithm 1"
    recipe: ClassVar[str] = "snip-it"

    schedule: str = "halving"
    steps: Positive = 5

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w * dL/dw / L|."""
        return scores.elasticity(model)


@dataclass(frozen=True, kw_only=True)
class SNIPitDuring(WithSchedule, WithExamples, WithAllocation, PruneDuringTraining):
    """SNIP-it's events, one after every few epochs, on the weights as training has made them.

    Pruned weights are 0 and stay away. Where fewer weights than an event keeps have a gradient, the others are drawn.

    Attributes:
        every: epochs between two events (4 in the paper); None: 4, or fewer where the training is so short that
            its events would not be done by three quarters of it.
    """

    name: ClassVar[str] = "snip-it-during"
    title: ClassVar[str] = "SNIP-it during"
    source: ClassVar[str] = "Verdenius et al. 2020, arXiv:2006.00896, sec. 3 and 4, during training"
    recipe: ClassVar[str] = "snip-it"
    when: ClassVar[str] = "halving, an event every few epochs of training"

    schedule: str = "halving"
    steps: Positive = 5
    every: Positive | None = None

    def pruner(self, training: TrainingState) -> Pruner:
        """An event at the end of every few epochs.

        Raises:
            ConfigError: the training has no room for the events, or no examples to score on.
        """
        return _Elastic(self, training)


class _Elastic(AfterEpochs):
    def __init__(self, method: SNIPitDuring, training: TrainingState) -> None:
        counts = method.events(training.prunable, training.k)
        events = len(counts)
        self.every = method.every or min(4, max(1, int(0.75 * training.epochs) // events))
        if self.every * events > training.epochs:
            raise ConfigError(
                f"{method.name} prunes {events} times, every {self.every} epochs, and needs {self.every * events} "
                f"epochs, got {training.epochs}; train longer, or take fewer steps"
            )
        if training.examples is None:
            raise ConfigError(
                f"{method.name} scores weights on training examples; give a data set, not a DataLoader"
            )
        super().__init__(training, {self.every * (event + 1): kept for event, kept in enumerate(counts)})
        self.method = method

    def prune(self, kept: int) -> None:
        training, event = self.training, self.training.epoch // self.every - 1
        examples = training.examples
        assert examples is not None
        model = ScoringModel(
            training.model,
            training.masks,
            next(iter(training.values.values())).device,
            training.generator,
            examples=lambda _: examples(event),
            **self.method.scoring(),
        )
        with torch.enable_grad(), repeatable_kernels(model.network):
            model.move(0, None)
            importance = scores.elasticity(model)
        training.set_masks(keep_highest(training, importance, kept, self.method.allocation))
