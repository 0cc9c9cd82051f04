"""What methods that change their mask while the network trains are made of, and the eras in which they do.

`sparsify` binds such a method with the mask it starts from, a full one unless it says otherwise; `train` then asks it
for a `Pruner`, whose hooks do the rest.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.base import ChosenMasks, PruneDuringTraining
from sparserobust.methods.parameters import WithAllocation, WithAlpha
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.sparsity import scores
from sparserobust.sparsity.allocation import allocate, share_out
from sparserobust.sparsity.drop_and_grow import largest
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.scoring_model import ScoringModel

Era = tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class StartsFull(WithAlpha, WithAllocation, PruneDuringTraining):
    """A method that begins with all weights and takes them away. Subclasses write `pruner`."""


@dataclass(frozen=True, kw_only=True)
class StartsSparse(WithAlpha, WithAllocation, PruneDuringTraining):
    """A method that begins with a random mask of the final sparsity, and moves it. Subclasses write `pruner`."""

    def choose(self, model: ScoringModel, sparsity: float, generator: torch.Generator) -> ChosenMasks:
        """A random mask under the allocation."""
        drawn = prune(
            model,
            scores.random,
            [model.kept_at(sparsity)],
            allocation=self.allocation,
            revive=False,
            generator=generator,
        )
        return ChosenMasks(drawn.masks)


class AfterEpochs(Pruner):
    """Prunes after some of the epochs: subclasses write `prune`.

    Attributes:
        events: after how many epochs -> how many weights are kept from then on.
    """

    def __init__(self, training: TrainingState, events: Mapping[int, int]) -> None:
        super().__init__(training)
        self.events = events

    @abstractmethod
    def prune(self, kept: int) -> None:
        """Sets masks that keep so many weights."""

    @property
    def settled(self) -> bool:
        """From the last event on."""
        return self.training.epoch >= max(self.events)

    def end_of_epoch(self) -> None:
        """Prunes where an event is due."""
        if (kept := self.events.get(self.training.epoch)) is not None:
            self.prune(min(kept, self.training.kept))


class BetweenEpochs(Pruner):
    """Moves the mask after each epoch but the last: subclasses write `move`.

    It does so with the next epoch's first step, so that what is validated are the weights that the epoch ended with.
    """

    def __init__(self, training: TrainingState) -> None:
        super().__init__(training)
        self.due = False

    @abstractmethod
    def move(self) -> None:
        """Sets other masks."""

    def end_of_epoch(self) -> None:
        """The mask is due to move, unless training ends here."""
        self.due = self.training.epoch < self.training.epochs

    @torch.no_grad()
    def after_step(self) -> None:
        """Moves it where it is due."""
        if self.due:
            self.due = False
            self.move()

    def state(self) -> dict[str, Any]:
        """Whether it is due."""
        return {"due": self.due}

    def resume(self, state: dict[str, Any]) -> None:
        """Takes it back."""
        self.due = state["due"]


def cosine(start: float, step: int, end: int) -> float:
    """Falls from `start` to 0 along half a cosine: start / 2 * (1 + cos(pi * step / end)); 0 from the end on.

    Source: Evci et al. 2020, arXiv:1911.11134, sec. 3, (2) update schedule.
    """
    return start / 2 * (1 + math.cos(math.pi * step / end)) if step < end else 0.0


def era_epochs(training: TrainingState, era: Era, *, default: tuple[float, float]) -> tuple[float, float]:
    """(first, last) epoch of an era, counted from 0, or else of these shares of the training.

    Raises:
        ConfigError: it does not begin before it ends, or ends after the training.
    """
    first, last = (share * training.epochs for share in default) if era is None else era
    if not 0 <= first < last <= training.epochs:
        raise ConfigError(
            f"era must begin before it ends, within the {training.epochs} epochs, got {first:g} to {last:g}"
        )
    return first, last


def era_steps(training: TrainingState, era: Era, *, default: tuple[float, float]) -> tuple[int, int]:
    """(first, last) optimizer step of an era that is given in epochs, or else as shares of the training.

    An era has at least one step, where rounding leaves none: the last one is first + 1, or that of the training.

    Raises:
        ConfigError: as `era_epochs`.
    """
    first, last = era_epochs(training, era, default=default)
    start = min(round(first * training.steps_per_epoch), training.steps - 1)
    return start, max(round(last * training.steps_per_epoch), start + 1)


def interval(every: int | None, steps: int) -> int:
    """Steps between two events: as asked for, else 100, or fewer where there would not be ten of them."""
    return max(1, min(100, steps // 10)) if every is None else every


def moving_steps(training: TrainingState, every: int | None, until: float) -> tuple[int, int]:
    """(steps between two moves of a mask, step before which it moves).

    Args:
        every: asked for; None: 100, or fewer where the training is too short for ten moves.
        until: share of the training's steps.

    Raises:
        ConfigError: what was asked for leaves not a single move.
    """
    end = round(until * training.steps)
    if every is not None and training.steps > 0 and every >= end:
        raise ConfigError(
            f"the mask moves every {every} steps until step {end} of {training.steps}, so never; give a smaller "
            "`every`, or none, or train longer"
        )
    return interval(every, end), end


def keep_highest(
    training: TrainingState,
    scores: Mapping[str, Tensor],
    kept: int,
    allocation: str = "global",
    *,
    among: Masks | None = None,
) -> Masks:
    """Masks of the `kept` weights of highest score, exactly, whatever the scores have come to.

    Unlike in `select` a weight of score 0 counts as any other (a score that is NaN counts as 0), and under an
    allocation what a layer has no longer is taken from the others: rounding may give a layer one weight more in a
    later event.

    Args:
        training: its masks' device is that of the scores.
        scores: name -> importance, each of the weight's shape; larger is kept.
        kept: over the whole network, 0 <= kept <= candidates.
        allocation: "global", or the share that each layer keeps.
        among: name -> bool, the candidates; None: the weights that are kept now.
    """
    candidates = training.masks if among is None else among
    numbers = {name: torch.nan_to_num(score.detach()) for name, score in scores.items()}
    counts = allocate(allocation, {name: tuple(score.shape) for name, score in scores.items()}, kept)
    if counts is not None:
        room = {name: int(mask.sum()) for name, mask in candidates.items()}
        counts = share_out(counts, room, sum(counts.values()))
        return {
            name: largest(numbers[name], candidates[name], count, generator=training.generator)
            for name, count in counts.items()
        }
    one = torch.cat([number.flatten() for number in numbers.values()])
    where = torch.cat([candidates[name].flatten() for name in numbers])
    mask = largest(one, where, kept, generator=training.generator)
    parts = torch.split(mask, [number.numel() for number in numbers.values()])
    return {name: part.view_as(number) for (name, number), part in zip(numbers.items(), parts, strict=True)}


def magnitudes(training: TrainingState, *, in_deviations: bool = False) -> dict[str, Tensor]:
    """Name -> |weight|, or how many standard deviations of its layer's kept weights that is.

    To keep what reaches one bound q in the second case is to prune each layer at q times its own deviation.

    Source: Han et al. 2015, arXiv:1506.02626, sec. 4 (the threshold is a quality parameter times the deviation).
    """
    sizes = {name: value.detach().abs() for name, value in training.values.items()}
    if not in_deviations:
        return sizes
    tiny = {name: torch.finfo(size.dtype).tiny for name, size in sizes.items()}
    return {
        name: size
        / training.values[name].detach()[training.masks[name]].std(correction=0).clamp_min(tiny[name])
        for name, size in sizes.items()
    }


def prune_epochs(training: TrainingState, first: float, rounds: int) -> list[int]:
    """Numbers of epochs after which the pruning events of `rounds` rounds fall, with equally long training after each.

    Args:
        training: whose epochs there are.
        first: epoch of the first event, counted from 0.
        rounds: how many events, at least 1.

    Raises:
        ConfigError: they do not fit: fewer than one epoch before the first, or after each.
    """
    length = (training.epochs - first) / rounds
    if first < 1 or length < 1:
        raise ConfigError(
            f"{rounds} rounds of pruning from epoch {first:g} on need an epoch before the first and one after each, "
            f"got a training of {training.epochs}; train longer or take fewer rounds"
        )
    return [math.floor(first + length * i + 0.5) for i in range(rounds)]
