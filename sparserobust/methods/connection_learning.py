"""Learning both weights and connections: train, prune below a threshold per layer, retrain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparserobust.methods.during import AfterEpochs, StartsFull, keep_highest, magnitudes, prune_epochs
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import Positive, Share
from sparserobust.sparsity.schedule import exponential


@dataclass(frozen=True, kw_only=True)
class ConnectionLearning(StartsFull):
    """Trains, prunes the weights below a threshold, and retrains those that are left from where they are.

    The threshold of a layer is one quality parameter times the standard deviation of its kept weights. The paper
    tries quality parameters; here the one is solved for that keeps exactly the target. Whole layers of small spread
    are spared in this way. Learning rate and dropout go on as the recipe has them: the paper retrains at a tenth or
    a hundredth of the rate and scales dropout by the square root of the share of weights left.

    Attributes:
        threshold: "deviation" (the paper's) or "magnitude": one threshold for all layers. Under an allocation other
            than "global" both keep the same weights.
        rounds: how often is pruned and retrained; each round prunes the same fraction. One is the three-step
            pipeline; the paper finds several to be better.
        first: share of the training before the first pruning, in (0, 1); what is left is divided evenly among the
            rounds. Ours: the paper trains to the end first.
    """

    name: ClassVar[str] = "connection-learning"
    title: ClassVar[str] = "Connection learning"
    source: ClassVar[str] = "Han et al. 2015, arXiv:1506.02626, sec. 3 and 4"
    when: ClassVar[str] = "train, prune, retrain"

    threshold: Literal["deviation", "magnitude"] = "deviation"
    rounds: Positive = 1
    first: Share = 0.5

    def pruner(self, training: TrainingState) -> Pruner:
        """Prunes after epochs; nothing is done in a step.

        Raises:
            ConfigError: there are fewer epochs than the rounds need.
        """
        return _Retraining(self, training)


class _Retraining(AfterEpochs):
    def __init__(self, method: ConnectionLearning, training: TrainingState) -> None:
        ends = prune_epochs(training, max(1.0, method.first * training.epochs), method.rounds)
        counts = exponential(training.prunable, training.k, method.rounds)
        super().__init__(training, dict(zip(ends, counts, strict=True)))
        self.method = method

    def prune(self, kept: int) -> None:
        training = self.training
        scores = magnitudes(training, in_deviations=self.method.threshold == "deviation")
        training.set_masks(keep_highest(training, scores, kept, self.method.allocation))
