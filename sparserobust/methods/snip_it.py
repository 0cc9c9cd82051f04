"""SNIP-it: SNIP in several events, before or during training, so that the ranking follows the shrinking network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from sparserobust.errors import ConfigError
from sparserobust.methods.base import Choice, Iterative
from sparserobust.methods.during import DuringTraining, keep_highest
from sparserobust.sparsity.probe import Probe
from sparserobust.training.pruner import Course, Pruner


@dataclass(frozen=True, kw_only=True)
class SNIPit(Iterative):
    """Elasticity |w * dL/dw / L|, first half of the weights, then the distance to the target halved: 7 events.

    Each event sees new examples (2,560 in the paper: the recipe `snip-it` sets it). The authors' code scores
    on raw logits and prunes the k-th score too: loss="raw-logits", ties="strict".
    """

    name: ClassVar[str] = "snip-it"
    title: ClassVar[str] = "SNIP-it"
    source: ClassVar[str] = "Verdenius et al. 2020, arXiv:2006.00896, sec. 3, eq. 3 and Algorithm 1"
    criterion: ClassVar[str] = "elasticity"
    recipe: ClassVar[str] = "snip-it"

    schedule: str = "halving"
    steps: int = 5


@dataclass(frozen=True, kw_only=True)
class SNIPitDuring(DuringTraining, SNIPit):
    """The same events, one after every few epochs, on the weights as training has made them.

    Pruned weights stay away. Where fewer weights than an event keeps have a gradient, the others are drawn.

    Attributes:
        every: epochs between two events (4 in the paper); None: 4, or fewer where the training is so short that
            its events would not be done by three quarters of it.
    """

    name: ClassVar[str] = "snip-it-during"
    title: ClassVar[str] = "SNIP-it during"
    source: ClassVar[str] = "Verdenius et al. 2020, arXiv:2006.00896, sec. 3 and 4, during training"
    criterion: ClassVar[str] = "elasticity"
    when: ClassVar[str] = "halving, an event every few epochs of training"

    every: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every is not None and self.every < 1:
            raise ConfigError(f"every of {self.name} must be at least 1 epoch, got {self.every}")
        if self.offset != "zero":
            raise ConfigError(
                f"offset of {self.name} must be 'zero', got {self.offset!r}: pruned weights are 0"
            )

    def choose(self, probe: Probe, sparsity: float, generator: torch.Generator) -> Choice:
        """All weights."""
        return DuringTraining.choose(self, probe, sparsity, generator)

    def pruner(self, course: Course) -> Pruner:
        """An event at the end of every few epochs.

        Raises:
            ConfigError: the training has no room for the events, or no examples to score on.
        """
        return _Elastic(self, course)


class _Elastic(Pruner):
    def __init__(self, method: SNIPitDuring, course: Course) -> None:
        super().__init__(course)
        self.method = method
        self.counts = method.events(course.prunable, course.k)
        events = len(self.counts)
        self.every = method.every or min(4, max(1, int(0.75 * course.epochs) // events))
        if self.every * events > course.epochs:
            raise ConfigError(
                f"{method.name} prunes {events} times, every {self.every} epochs, and needs {self.every * events} "
                f"epochs, got {course.epochs}; train longer, or take fewer steps"
            )
        if course.examples is None:
            raise ConfigError(
                f"{method.name} scores weights on training examples; give a data set, not a DataLoader"
            )

    @property
    def settled(self) -> bool:  # type: ignore[override]
        return self.course.epoch >= self.every * len(self.counts)

    def end_of_epoch(self) -> None:
        course, (event, rest) = self.course, divmod(self.course.epoch, self.every)
        if rest or event > len(self.counts):
            return
        examples = course.examples
        assert examples is not None
        device = next(iter(course.values.values())).device
        probe = Probe(
            course.model,
            device,
            course.generator,
            examples=lambda _: examples(event - 1),
            **self.method.scoring(),
        )
        with torch.enable_grad():
            probe.move(0, None)
            scores = self.method.rule.score(probe)
        kept = self.counts[event - 1]
        course.set_masks(keep_highest(course, scores, kept, self.method.allocation))
