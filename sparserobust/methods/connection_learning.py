"""Learning both weights and connections: train, prune below a threshold per layer, retrain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparserobust.methods.during import DuringTraining, keep_highest, magnitudes, prune_epochs
from sparserobust.settings import Positive, Share
from sparserobust.sparsity.schedule import exponential
from sparserobust.training.pruner import Course, Pruner


@dataclass(frozen=True, kw_only=True)
class ConnectionLearning(DuringTraining):
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

    def pruner(self, course: Course) -> Pruner:
        """Prunes after epochs; nothing is done in a step.

        Raises:
            ConfigError: there are fewer epochs than the rounds need.
        """
        return _Retraining(self, course)


class _Retraining(Pruner):
    def __init__(self, method: ConnectionLearning, course: Course) -> None:
        super().__init__(course)
        self.method = method
        self.events = prune_epochs(course, max(1.0, method.first * course.epochs), method.rounds)
        self.counts = exponential(course.prunable, course.k, method.rounds)

    @property
    def settled(self) -> bool:  # type: ignore[override]
        return self.course.epoch >= self.events[-1]

    def end_of_epoch(self) -> None:
        course = self.course
        if course.epoch not in self.events:
            return
        kept = min(self.counts[self.events.index(course.epoch)], course.kept)
        scores = magnitudes(course, in_deviations=self.method.threshold == "deviation")
        course.set_masks(keep_highest(course, scores, kept, self.method.allocation))
