"""SET: a sparse network that drops its smallest weights after each epoch and grows as many at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.during import BetweenEpochs, StartsSparse
from sparserobust.settings import ShareOrAll
from sparserobust.sparsity.drop_and_grow import drop_smallest, exchanged, grow_random
from sparserobust.training.pruner import Course, Masks, Pruner


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

    def __post_init__(self) -> None:
        super().__post_init__()

    def pruner(self, course: Course) -> Pruner:
        """An exchange after each epoch but the last."""
        return _Exchange(self, course)


class _Exchange(BetweenEpochs):
    def __init__(self, method: SET, course: Course) -> None:
        super().__init__(course)
        self.fraction = method.fraction

    def move(self) -> None:
        course = self.course
        masks: Masks = {}
        for name, value in course.values.items():
            mask = course.masks[name]
            count = exchanged(mask, self.fraction)
            fewer = drop_smallest(value.detach(), mask, count, generator=course.generator)
            masks[name] = grow_random(fewer, ~mask, count, generator=course.generator)
        course.set_masks(masks)
