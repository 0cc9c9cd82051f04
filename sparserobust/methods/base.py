"""What a method is: masks chosen before training, or moved while the network trains, and the offset off the mask.

A method before training derives from `PruneBeforeTraining` and writes `choose`, or from `PruneByScore` (in
`by_score.py`) and writes `score`. One that prunes while the network trains derives from `PruneDuringTraining` and
writes `pruner`. Parameters that many methods take are in `parameters.py`; a method takes those that it obeys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sparserobust.made_by import MadeBy
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.records import Remark
from sparserobust.settings import Settings
from sparserobust.sparsity.scoring_model import ScoringModel, ScoringSettings
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True)
class ChosenMasks:
    """The masks a method chose, what it added to the exact count, and what a reader should know of it.

    Attributes:
        masks: name -> bool of the weight's shape, True = kept, for every prunable weight.
        rescued: name -> how many weights a rescue rule added there.
        notes: for the record.
    """

    masks: Masks
    rescued: dict[str, int] = field(default_factory=dict)
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Method(Settings, ABC):
    """What every method is: a name, a source, and a choice of masks. Parameters are the fields of its dataclass.

    Whatever has a default here is stated by those methods alone for which it is otherwise.

    Attributes:
        source: paper and section, in one line.
        recipe: name of the training recipe of its paper, which the recipe "own" stands for.
        decay_offset: whether weight decay shrinks a frozen offset, see `OffsetDecay`.
    """

    source: ClassVar[str] = ""
    recipe: ClassVar[str] = "freezenet-mnist"
    decay_offset: ClassVar[bool] = False

    @abstractmethod
    def choose(self, model: ScoringModel, sparsity: float, generator: torch.Generator) -> ChosenMasks:
        """The masks that training starts from.

        Args:
            model: a copy of the network to look at; several sparsities share it, so leave its weights as they are.
            sparsity: that is asked for, in [0, 1); `model.kept_at(sparsity)` weights are kept at it.
            generator: of everything that is drawn.
        """

    @property
    def offset(self) -> OffsetKind:
        """What stands off the mask."""
        return "zero"

    @property
    def trainable_alpha(self) -> bool:
        """Whether the scale of a DCT offset is trained."""
        return True

    def initial_alphas(self, model: nn.Module) -> dict[str, float] | None:
        """Name -> scale of a DCT offset at the start; None where it is 1 everywhere."""
        return None

    def redraw(self, model: nn.Module, seed: int) -> None:
        """Draws the weights anew that training starts from, after the mask is found; by default they stay."""

    @property
    def prune_at_end(self) -> bool:
        """Whether training ends with setting a frozen offset to zero."""
        return False

    @property
    def needs(self) -> Literal["examples", "shape"] | None:
        """What it scores on: training examples, an input of the shape of an image, or nothing of the data."""
        return None

    @property
    def samples(self) -> int | None:
        """How many training examples each scoring sees; None where it sees none."""
        return None

    def scoring(self) -> ScoringSettings:
        """Settings of the `ScoringModel` that it looks at."""
        return {}

    @property
    def scores_once(self) -> bool:
        """Whether one scoring serves every sparsity: a method of several events scores anew for each."""
        return True

    @property
    def positions(self) -> Literal["stored", "seeded"]:
        """Whether a file must store the kept positions, or the seed brings them back."""
        return "stored"

    def label(self, sparsity: float) -> str:
        """The name of a subject in one line."""
        return f"{self.variant()} {sparsity:g}"

    def made(self, sparsity: float, seed: int | None) -> MadeBy:
        """What a subject and its record say of how it was made."""
        return {
            "label": self.label(sparsity),
            "method": self.name,
            "method_title": self.title,
            "method_source": self.source,
            "params": self.params(),
            "changed": self.changed(),
            "positions": self.positions,
            "target_sparsity": sparsity,
            "score_samples": self.samples,
            "seed": seed,
        }

    def parts(self) -> dict[str, str]:
        """The parts by name, for `sparserobust describe`."""
        return {"structure": "weight", "offset": self.offset}


@dataclass(frozen=True, kw_only=True)
class PruneBeforeTraining(Method):
    """A method whose mask is fixed before training. Subclasses write `choose`."""

    def parts(self) -> dict[str, str]:
        """With when it prunes."""
        return {"schedule": "before training"} | super().parts()


@dataclass(frozen=True, kw_only=True)
class PruneDuringTraining(Method):
    """A method that prunes, or moves its mask, while the network trains. Subclasses write `pruner`.

    Attributes:
        when: it prunes, for `sparserobust describe`.
    """

    when: ClassVar[str] = "during training"

    def choose(self, model: ScoringModel, sparsity: float, generator: torch.Generator) -> ChosenMasks:
        """All weights; a method that starts sparse writes its own."""
        return ChosenMasks(full_masks(model))

    @abstractmethod
    def pruner(self, training: TrainingState) -> Pruner:
        """What this method does in one training.

        Raises:
            ConfigError: it cannot do its work in such a training.
        """

    def reaches(self, shapes: Mapping[str, tuple[int, ...]], k: int) -> int | range:
        """How many weights a training ends with when k are asked for: k, unless the method's rule cannot.

        A range where that depends on the values of the weights.
        """
        return k

    def parts(self) -> dict[str, str]:
        """With when it prunes."""
        return {"schedule": self.when} | super().parts()


def full_masks(model: ScoringModel) -> dict[str, Tensor]:
    """Masks that keep every weight."""
    return {name: torch.ones(shape, dtype=torch.bool) for name, shape in model.shapes.items()}
