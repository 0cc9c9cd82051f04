"""The pruning era of STARFIRE: where the threshold is after each step, and the masks that follow from it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar, Literal, Protocol

import torch

from sparserobust.methods.during import Era, era_steps
from sparserobust.methods.live_inputs import LiveInputs
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.sparsity.structure import block_mask, kernel_mask, window_mask

DEFAULT = (0.3, 0.6)
"""Shares of the training between which the era lies where no other is given."""


def final_threshold(prunable: int, k: int) -> Fraction:
    """The threshold that ends with k weights asked for: the simplest fraction that does.

    Counts of windows and kernels follow from it alone, whatever digits the sparsity was written with.
    """
    for denominator in itertools.count(1):
        numerator = (prunable - k) * denominator // prunable
        if numerator * prunable > (prunable - k - 1) * denominator:
            return Fraction(numerator, denominator)
    raise AssertionError


class EraRule(Protocol):
    """What an era must know of its method: how much of windows and kernels goes as the threshold rises."""

    name: ClassVar[str]

    @property
    def era(self) -> Era: ...
    @property
    def locale(self) -> Literal["input", "output", "layer"]: ...
    @property
    def fc(self) -> str: ...
    @property
    def side(self) -> int: ...
    def can_die(self, shapes: Mapping[str, tuple[int, ...]], threshold: Fraction) -> bool: ...
    def shares(
        self, window: tuple[int, ...], threshold: Fraction, progress: Fraction
    ) -> tuple[int, Fraction]: ...


class StarfireEra(Pruner):
    """Computes masks after the first step of every epoch of the era, and those that stay after its last step.

    Attributes:
        threshold: the final one.
        progress: how far it had risen, in [0, 1], when masks were computed last.
    """

    def __init__(self, method: EraRule, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        self.first, self.last = era_steps(training, method.era, default=DEFAULT)
        self.threshold = final_threshold(training.prunable, training.k)
        self.progress = Fraction(0)
        shapes = {name: tuple(value.shape) for name, value in training.values.items()}
        self.live = LiveInputs(training.model) if method.can_die(shapes, self.threshold) else None

    @property
    def settled(self) -> bool:
        """From the end of the era on."""
        return self.progress == 1 or not self.threshold

    def after_step(self) -> None:
        """Prunes where the threshold has risen."""
        training = self.training
        if self.live is not None:
            self.live.ready(
                self.method.name, training.masks
            )  # at once: a refusal in mid-training would be late
        if training.step >= self.last:
            self._prune(Fraction(1))
        elif (begun := training.epoch * training.steps_per_epoch - self.first) > 0:
            self._prune(min(Fraction(begun, self.last - self.first), Fraction(1)))

    def finish(self) -> None:
        """Prunes to the end where there were fewer steps than foreseen."""
        self._prune(Fraction(1))

    def state(self) -> dict[str, Any]:
        """Where the threshold is."""
        return {"progress": str(self.progress)}

    def resume(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        self.progress = Fraction(state["progress"])

    def _prune(self, progress: Fraction) -> None:
        if progress <= self.progress or not self.threshold:
            return
        self.progress, training, method = progress, self.training, self.method
        masks: Masks = {}
        for name, value in training.values.items():
            if value.dim() > 2:
                kept, share = method.shares(tuple(value.shape[2:]), self.threshold, progress)
                mask = window_mask(value, training.masks[name], kept)
                masks[name] = kernel_mask(value, mask, share, locale=method.locale) if share else mask
        live = {} if self.live is None else self.live.of(training.masks, masks)
        share = Fraction(0) if method.fc == "none" else self.threshold * progress
        for name, value in training.values.items():
            if value.dim() == 2:
                mask = training.masks[name] & live.get(name, torch.ones((), dtype=torch.bool)).to(
                    value.device
                )
                masks[name] = block_mask(value, mask, share, block=method.side, generator=training.generator)
        training.set_masks(masks)
