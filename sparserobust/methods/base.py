"""What a method is: a criterion, an allocation and an offset, with the paper's name and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.sparsity import scores
from sparserobust.sparsity.allocation import ALLOCATIONS, allocate, kept_count
from sparserobust.sparsity.select import rescue_empty_layers, select
from sparserobust.weights.plan import OFFSET_KINDS, OffsetKind


@dataclass(frozen=True)
class Choice:
    """The masks a method chose and what it added to the exact count."""

    masks: dict[str, Tensor]
    rescued: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class FixedMask:
    """A method that fixes its mask before training. Subclasses set the class variables and new defaults.

    Attributes:
        allocation: "global" (the scores alone decide), "uniform", "erk", "epl" or "epf".
        offset: what stands off the mask: "zero" (pruned), "frozen" (initial weights) or "dct".
        rescue: "random" gives a layer that keeps nothing one random weight, on top of the exact count;
            None leaves it empty.
        score_samples: training examples that the criterion sees, where it needs any.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    criterion: ClassVar[str]
    recipe: ClassVar[str] = "freezenet-mnist"
    positions: ClassVar[Literal["stored", "seeded"]] = "stored"

    allocation: str = "global"
    offset: OffsetKind = "zero"
    rescue: Literal["random"] | None = None
    score_samples: int = 100

    def __post_init__(self) -> None:
        for field, value, known in (
            ("allocation", self.allocation, ("global", *ALLOCATIONS)),
            ("offset", self.offset, OFFSET_KINDS),
            ("rescue", self.rescue, ("random", None)),
        ):
            if value not in known:
                names = [str(k) for k in known]
                raise ConfigError(
                    f"{field} of {self.name} must be one of {', '.join(names)}, "
                    f"got {value!r}{did_you_mean(str(value), names)}"
                )
        if self.score_samples < 1:
            raise ConfigError(f"score_samples must be at least 1, got {self.score_samples}")

    @property
    def needs_data(self) -> bool:
        """Whether the criterion sees training examples."""
        return self.criterion in scores.NEED_DATA

    def score(
        self, model: nn.Module, batches: scores.Batches, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Name -> importance of every prunable weight; larger = keep."""
        return scores.CRITERIA[self.criterion](model, batches, generator)

    def choose(self, importance: dict[str, Tensor], sparsity: float, generator: torch.Generator) -> Choice:
        """Masks that keep exactly k = floor((1 - sparsity) * prunable) weights, and what a rescue added."""
        shapes = {name: tuple(tensor.shape) for name, tensor in importance.items()}
        k = kept_count(sum(tensor.numel() for tensor in importance.values()), sparsity)
        counts = allocate(self.allocation, shapes, k)
        masks = select(importance, k, counts=counts, generator=generator)
        rescued = rescue_empty_layers(masks, generator=generator) if self.rescue == "random" else {}
        return Choice(masks, rescued)

    def parts(self) -> dict[str, str]:
        """The parts by name, for `sparserobust describe`."""
        return {
            "score": self.criterion,
            "allocation": self.allocation,
            "schedule": "one shot, before training",
            "structure": "weight",
            "offset": self.offset,
        }
