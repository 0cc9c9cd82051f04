"""SET: a sparse network that drops its smallest weights after each epoch and grows as many at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.during import BetweenEpochs, StartsSparse
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.settings import ShareOrAll
from sparserobust.sparsity.drop_and_grow import drop_smallest, exchanged, grow_random


@dataclass(frozen=True, kw_only=True)
class SET(StartsSparse):
    """Starts from a random mask; after each epoch but the last every layer replaces a share of its weights.

    It does so with the next epoch's first step, so that what is validated are the weights that the epoch ended with.
    The paper drops the smallest positive and the largest negative weights, which is the smallest by magnitude
    where signs are balanced, and draws new weights; here new weights start at 0, as in RigL's comparison.

    Attributes:
        fraction: share of a layer's weights that is replaced (zeta).
    """

    name: ClassVar[str] = "set"
    title: ClassVar[str] = "SET"
    source: ClassVar[str] = "Mocanu et al. 2018, arXiv:1707.04780, Algorithm 1"
    when: ClassVar[str] = "drop and grow at random after each epoch"

    allocation: str = "erk"
    fraction: ShareOrAll = 0.3

    def pruner(self, training: TrainingState) -> Pruner:
        """An exchange after each epoch but the last."""
        return _Exchange(self, training)


class _Exchange(BetweenEpochs):
    def __init__(self, method: SET, training: TrainingState) -> None:
        super().__init__(training)
        self.fraction = method.fraction

    def move(self) -> None:
        training = self.training
        masks: Masks = {}
        for name, value in training.values.items():
            mask = training.masks[name]
            count = exchanged(mask, self.fraction)
            fewer = drop_smallest(value.detach(), mask, count, generator=training.generator)
            masks[name] = grow_random(fewer, ~mask, count, generator=training.generator)
        training.set_masks(masks)
