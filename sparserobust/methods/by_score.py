"""Methods that rank weights by a score before training, in one event or several, with examples or without."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sparserobust.errors import PluginError
from sparserobust.methods.base import ChosenMasks, PruneBeforeTraining
from sparserobust.methods.parameters import (
    WithAllocation,
    WithAlpha,
    WithControl,
    WithExamples,
    WithOffset,
    WithSchedule,
)
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.sparsity.select import Ties


@dataclass(frozen=True, kw_only=True)
class PruneByScore(WithAlpha, WithControl, WithOffset, WithAllocation, PruneBeforeTraining):
    """Keeps the weights of highest score. Subclasses write `score`, and defaults that differ.

    The count is exact, ties are drawn, and a score that cannot choose is refused; allocation, offset, rescue and
    control go with any score.

    Attributes:
        revive: whether a weight that an event has pruned is ranked again by its dense value at the next.
    """

    revive: ClassVar[bool] = False

    @abstractmethod
    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """Name -> importance of each prunable weight, of the weight's shape; larger is kept, 0 is never chosen.

        Must be 0 where `model.candidates` is: a weight that was pruned there and may not come back.
        """

    def prepare(self, model: ScoringModel) -> None:
        """Changes the copy that is scored on, once, before the first score; does nothing by default."""

    def events(self, prunable: int, k: int) -> list[int]:
        """How many weights each pruning event keeps; the last one k."""
        return [k]

    @property
    def scores_once(self) -> bool:
        """Where there is one event."""
        return len(self.events(1000, 10)) == 1

    @property
    def ties(self) -> Ties:
        """What becomes of weights that tie at the threshold, see `select.topk_mask`."""
        return "draw"

    def parts(self) -> dict[str, str]:
        """With the first line of what is written of the score, and in how many events it is taken."""
        written = (type(self).score.__doc__ or "").strip()
        score = {"score": written.splitlines()[0].rstrip(".")} if written else {}
        return score | super().parts() | {"schedule": "one shot, before training"}

    def choose(self, model: ScoringModel, sparsity: float, generator: torch.Generator) -> ChosenMasks:
        """Masks that keep exactly k = floor((1 - sparsity) * prunable) weights, and what a rescue added."""
        pruned = prune(
            model,
            self._scores,
            self.events(model.prunable, model.kept_at(sparsity)),
            allocation=self.allocation,
            revive=self.revive,
            generator=generator,
            ties=self.ties,
            prepare=self.prepare,
        )
        masks = {name: mask.clone() for name, mask in pruned.masks.items()}
        return ChosenMasks(*self.controlled(masks, generator), pruned.notes)

    def _scores(self, model: ScoringModel) -> dict[str, Tensor]:
        """The scores in the order of the network.

        Raises:
            PluginError: a weight has none, or one of another shape.
        """
        scores = self.score(model)
        for name, shape in model.shapes.items():
            got = tuple(scores[name].shape) if name in scores else "none"
            if got != shape:
                raise PluginError(f"{self.name} must score {name} by a tensor of shape {shape}, got {got}")
        return {name: scores[name] for name in model.dense}


@dataclass(frozen=True, kw_only=True)
class PruneInEvents(WithSchedule, PruneByScore):
    """A score taken again at every sparse point on the way to the target."""

    def parts(self) -> dict[str, str]:
        """With the schedule, and whether a weight may come back."""
        back = "pruned weights may come back" if self.revive else "pruned weights stay pruned"
        return super().parts() | {"schedule": f"{self.schedule}, steps {self.steps}, before training; {back}"}


@dataclass(frozen=True, kw_only=True)
class ScoreOnExamples(WithExamples, PruneByScore):
    """A score on training examples, which stand in `model.batches`.

    Attributes:
        ties: "draw" keeps exactly k, ties at the threshold drawn by the seed. "keep" (FORCE, FreezeNet's
            Algorithm 1), "drop" (SynFlow) and "strict" (SNIP-it, k - 1 weights) are the published rules.
    """

    ties: Ties = "draw"


@dataclass(frozen=True, kw_only=True)
class ScoreInEvents(PruneInEvents, ScoreOnExamples):
    """A score on training examples, new ones at each event."""
