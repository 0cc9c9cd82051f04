"""STARFIRE: windows, kernels and blocks of a network go while it trains, by a threshold that rises over an era."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le

from sparserobust.errors import ConfigError
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.methods.during import Era
from sparserobust.methods.parameters import WithAlpha
from sparserobust.methods.starfire_era import StarfireEra, final_threshold
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import Share
from sparserobust.sparsity.structure import (
    Locale,
    kept_in_blocks,
    kept_kernels,
    left_over,
    window_kept,
)


def _is_era(era: object) -> bool:
    """Whether these are two numbers, rising from 0 or later."""
    if not isinstance(era, tuple | list) or len(era) != 2:
        return False
    return all(isinstance(epoch, int | float) for epoch in era) and 0 <= era[0] < era[1]


@dataclass(frozen=True, kw_only=True)
class Starfire(WithAlpha, PruneDuringTraining):
    """What the four methods share; subclasses say what goes of a convolution.

    A threshold rises over an era, every layer loses that share, and what is gone does not come back. Whole windows,
    kernels or blocks count, so that a network ends near the sparsity asked for, not at it; the true one is recorded.
    Masks are computed after the first step of each epoch. The paper does so after every step, to the same effect:
    within an epoch the threshold does not move and zeros stay.

    Attributes:
        era: first and last epoch of pruning, counted from 0: nothing goes through the first, the mask stays from the
            last on, and between them the threshold rises by as much with every epoch. None: from .3 to .6 of the
            training, as the paper's 30 to 60 of 100; it also has 0 to 10 of 40 and 0 to 30 of 90.
        locale: which kernels are ranked together: those that read one "input" (Algorithm 1), those of one "output",
            or all of the "layer". With "input" every channel is still read by an output (unless inputs come in
            groups), so that the network stays connected.
        fc: fully connected layers lose single weights ("fine"), square blocks by the sum of their magnitudes
            ("block") or nothing ("none"). Each output keeps an input while it has a live one.
        block: side of a block, 1 to 4.
        remove_dead_inputs: whether weights of fully connected layers go, at any `fc`, to which no kept weight of the
            convolutions leads any more. They count towards the layer's share and may exceed it. Where a shortcut
            still leads to a channel its weights stay. Has no effect under an offset that is not zero.
    """

    source: ClassVar[str] = "STARFIRE (as Campfire: arXiv:2001.03253), sec. 2, 3.1 and 7.1"
    recipe: ClassVar[str] = "starfire-tiny-imagenet"
    when: ClassVar[str] = "linear rise of the threshold, epoch by epoch, over an era of the training"
    structure: ClassVar[str]

    era: Era = None
    locale: Locale = "input"
    fc: Literal["block", "fine", "none"] = "fine"
    block: Annotated[int, Ge(1), Le(4)] = 4
    remove_dead_inputs: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.era is not None and not _is_era(self.era):
            raise ConfigError(
                f"era of {self.name} must be two epochs, the second after the first, got {self.era!r}"
            )

    @abstractmethod
    def shares(
        self, window: tuple[int, ...], threshold: Fraction, progress: Fraction
    ) -> tuple[int, Fraction]:
        """(weights that a window keeps, share of the kernels that goes) in a convolution.

        Args:
            window: its shape, (3, 3) for instance.
            threshold: the final one, in [0, 1).
            progress: how far it has risen, in (0, 1].
        """

    def pruner(self, training: TrainingState) -> Pruner:
        """A new mask with every epoch of the era, the last one at the era's last step."""
        return StarfireEra(self, training)

    def reaches(self, shapes: Mapping[str, tuple[int, ...]], k: int) -> int | range:
        """How many weights are left of whole windows, kernels and blocks at the final threshold.

        A range where it depends on the values: fully connected layers can lose more than their share once
        convolutions have dead channels, and blocks that do not fit are of different sizes.
        """
        threshold = final_threshold(sum(math.prod(shape) for shape in shapes.values()), k)
        fewest = most = 0
        for shape in shapes.values():
            if len(shape) > 2:
                window, share = self.shares(shape[2:], threshold, Fraction(1))
                low = high = window * kept_kernels(shape, share, self.locale)
            elif self.fc == "none":
                low = high = math.prod(shape)
            else:
                low, high = kept_in_blocks(shape, threshold, self.side)
            fewest += 0 if len(shape) == 2 and self.can_die(shapes, threshold) else low
            most += high
        return most if fewest == most else range(fewest, most + 1)

    def can_die(self, shapes: Mapping[str, tuple[int, ...]], threshold: Fraction) -> bool:
        """Whether inputs of fully connected layers may lose their channel and are to be removed then."""
        kernels = any(
            self.shares(shape[2:], threshold, Fraction(1))[1] for shape in shapes.values() if len(shape) > 2
        )
        connected = any(len(shape) == 2 for shape in shapes.values())
        cleans = self.remove_dead_inputs and self.offset == "zero" and self.locale != "output"
        return cleans and kernels and connected

    @property
    def side(self) -> int:
        """Of a block in fully connected layers."""
        return self.block if self.fc == "block" else 1

    def parts(self) -> dict[str, str]:
        """With what goes as one."""
        return (
            {"allocation": "the same share in every layer"}
            | super().parts()
            | {
                "structure": f"{self.structure}; fully connected: {self.fc}",
            }
        )


@dataclass(frozen=True, kw_only=True)
class StarfireWindow(Starfire):
    """Every window of a convolution keeps its largest weights.

    3x3 windows keep two at most once the sparsity is final, so that "sparsity .2" removes nearly half of a ResNet50;
    a window always keeps one. Of 1x1 convolutions the smallest weights go, among those that share an input.

    Attributes:
        cap: from when on `max_non_zero` holds: "at-end" of the era (section 3.1), or "from-start", the first epoch
            with a threshold above 0 (Algorithm 3, read literally).
        max_non_zero: most weights that a 3x3 window may keep, 1 to 9; 9 for no such rule. That it is 2 is inferred
            from the true sparsities in Table 5, as is that other windows have no such rule.
    """

    name: ClassVar[str] = "starfire-window"
    title: ClassVar[str] = "STARFIRE window"
    structure: ClassVar[str] = "weights of a window"

    cap: Literal["at-end", "from-start"] = "at-end"
    max_non_zero: Annotated[int, Ge(1), Le(9)] = 2

    def shares(
        self, window: tuple[int, ...], threshold: Fraction, progress: Fraction
    ) -> tuple[int, Fraction]:
        """By the window alone; single weights as kernels."""
        size = math.prod(window)
        if size == 1:
            return 1, threshold * progress
        capped = tuple(window) == (3, 3) and threshold and (progress == 1 or self.cap == "from-start")
        most = self.max_non_zero if capped else None
        return window_kept(size, threshold * progress, most=most), Fraction(0)


@dataclass(frozen=True, kw_only=True)
class StarfireCK(Starfire):
    """Whole kernels go, those whose largest magnitude is smallest."""

    name: ClassVar[str] = "starfire-ck"
    title: ClassVar[str] = "STARFIRE CK"
    structure: ClassVar[str] = "kernel"

    def shares(
        self, window: tuple[int, ...], threshold: Fraction, progress: Fraction
    ) -> tuple[int, Fraction]:
        """By kernels alone."""
        return math.prod(window), threshold * progress


@dataclass(frozen=True, kw_only=True)
class StarfireIntra(Starfire):
    """Both in every epoch: weights of each window for a part of the threshold, whole kernels for the rest.

    The two masks are joined. Kernels take what is missing to the threshold, so that both together reach it. Of 1x1
    convolutions only kernels go.

    Attributes:
        split: part of the threshold that windows take, in [0, 1], rounded down to whole weights. The paper does not
            say which.
    """

    name: ClassVar[str] = "starfire-intra"
    title: ClassVar[str] = "STARFIRE intra"
    structure: ClassVar[str] = "weights of a window, and kernels"

    split: Annotated[float, Ge(0), Le(1)] = 0.5

    def shares(
        self, window: tuple[int, ...], threshold: Fraction, progress: Fraction
    ) -> tuple[int, Fraction]:
        """Each in proportion to its own progress."""
        windows, kernels = self.phases(progress)
        size = math.prod(window)
        in_windows = threshold * Fraction(repr(float(self.split))) if size > 1 else Fraction(0)
        in_kernels = 1 - (1 - threshold) * Fraction(size, left_over(size, in_windows))
        return left_over(size, in_windows * windows), in_kernels * kernels

    def phases(self, progress: Fraction) -> tuple[Fraction, Fraction]:
        """(progress of windows, progress of kernels)."""
        return progress, progress


@dataclass(frozen=True, kw_only=True)
class StarfireInter(StarfireIntra):
    """Both, one after the other: first whole kernels go, then weights of each window that is left.

    Attributes:
        switch: part of the era in which kernels go, in (0, 1); the paper does not say which.
    """

    name: ClassVar[str] = "starfire-inter"
    title: ClassVar[str] = "STARFIRE inter"
    structure: ClassVar[str] = "kernels, then weights of a window"

    switch: Share = 0.5

    def phases(self, progress: Fraction) -> tuple[Fraction, Fraction]:
        """Kernels up to the switch, windows from there on."""
        switch = Fraction(repr(float(self.switch)))
        return max(Fraction(0), (progress - switch) / (1 - switch)), min(Fraction(1), progress / switch)
