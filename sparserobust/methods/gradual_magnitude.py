"""Gradual magnitude pruning: sparsity rises along a cubic while the network trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Lt

from sparserobust.errors import ConfigError
from sparserobust.methods.during import Era, StartsFull, era_steps, interval, keep_highest, magnitudes
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import Positive


def cubic(start: float, final: float, progress: float) -> float:
    """Sparsity final + (start - final) * (1 - progress)^3, for progress in [0, 1] from start to final.

    Source: Zhu and Gupta 2017, arXiv:1710.01878, eq. 1.
    """
    return final + (start - final) * (1 - min(max(progress, 0.0), 1.0)) ** 3


@dataclass(frozen=True, kw_only=True)
class GradualMagnitude(StartsFull):
    """Removes the smallest weights every `every` steps of an era; removed weights stay away.

    Attributes:
        era: first and last epoch of pruning, counted from 0; None: from the start to half of the training.
        every: optimizer steps between two pruning events; None: 100, or fewer in an era too short for ten events.
        start_sparsity: at the first event; no higher than the sparsity that is asked for.
    """

    name: ClassVar[str] = "gradual-magnitude"
    title: ClassVar[str] = "Gradual magnitude"
    source: ClassVar[str] = "Zhu and Gupta 2017, arXiv:1710.01878, sec. 3, eq. 1"
    when: ClassVar[str] = "cubic rise of the sparsity during training"

    era: Era = None
    every: Positive | None = None
    start_sparsity: Annotated[float, Ge(0), Lt(1)] = 0.0

    def pruner(self, training: TrainingState) -> Pruner:
        """The cubic over the era, its last event at the era's last step."""
        return _Cubic(self, training)


class _Cubic(Pruner):
    def __init__(self, method: GradualMagnitude, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        self.first, self.last = era_steps(training, method.era, default=(0.0, 0.5))
        self.every = interval(method.every, self.last - self.first)
        if method.start_sparsity > training.sparsity:
            raise ConfigError(
                f"start_sparsity of {method.name} is {method.start_sparsity:g}, above the sparsity "
                f"{training.sparsity:g} that is asked for"
            )

    def after_step(self) -> None:
        training, done = self.training, self.training.step - self.first
        if done < 0 or training.step > self.last or (done % self.every and training.step != self.last):
            return
        progress = done / (self.last - self.first)
        sparsity = cubic(self.method.start_sparsity, training.sparsity, progress)
        kept = training.k if training.step == self.last else round((1 - sparsity) * training.prunable)
        if training.k <= kept < training.kept:
            training.set_masks(keep_highest(training, magnitudes(training), kept, self.method.allocation))

    def finish(self) -> None:
        """Prunes to the end where there were fewer steps than foreseen."""
        training = self.training
        if training.k < training.kept:
            training.set_masks(
                keep_highest(training, magnitudes(training), training.k, self.method.allocation)
            )
