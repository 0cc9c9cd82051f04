"""Parameters that many methods take, one class each with what follows from it.

A method derives from those that it obeys: `class Mine(WithAllocation, PruneDuringTraining)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import nn

from sparserobust.errors import ConfigError, ModelError
from sparserobust.methods.base import Method
from sparserobust.models.fixup import fixup_alphas
from sparserobust.models.redraw import redraw
from sparserobust.origin import origin_of
from sparserobust.pruner import Masks
from sparserobust.seeds import derived_seed
from sparserobust.settings import Positive
from sparserobust.sparsity.allocation import ALLOCATIONS, WORDS
from sparserobust.sparsity.schedule import SCHEDULES
from sparserobust.sparsity.scoring_model import BatchNorm, Loss, ScoringSettings
from sparserobust.sparsity.select import rescue_empty_layers, shuffle_within_layers
from sparserobust.weights.plan import OFFSET_WORDS, OffsetKind


@dataclass(frozen=True, kw_only=True)
class WithAllocation(Method):
    """A method that can be told how many weights each layer keeps.

    Attributes:
        allocation: "global" (the scores alone decide), "uniform", "erk", "epl", "epf", or the last three as
            published, "erk-published" ..., which lose what small layers cannot take.
    """

    allocation: str = field(default="global", metadata={"words": WORDS})

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("allocation", ("global", *ALLOCATIONS))

    def parts(self) -> dict[str, str]:
        """With the allocation."""
        return {"allocation": self.allocation} | super().parts()


@dataclass(frozen=True, kw_only=True)
class WithOffset(Method):
    """A method whose masks go with any offset.

    Attributes:
        offset: what stands off the mask: "zero" (pruned), "frozen" (initial weights) or "dct".
    """

    offset: OffsetKind = field(default="zero", metadata={"words": OFFSET_WORDS})


@dataclass(frozen=True, kw_only=True)
class WithAlpha(WithOffset):
    """A method whose masks go with any offset, and the scale of one that is a DCT.

    Attributes:
        trainable_alpha: of a DCT offset; False keeps alpha as it starts.
        initial_alpha: of a DCT offset: "one", "fixup" (as large as Fixup's own initialisation), or
            "fixup-published" (with the additional square root of the authors' code); "auto" is
            "fixup-published" in a Fixup network and "one" in any other.
    """

    trainable_alpha: bool = field(default=True, metadata={"words": {False: "fixed alpha"}})
    initial_alpha: Literal["auto", "one", "fixup", "fixup-published"] = "auto"

    def initial_alphas(self, model: nn.Module) -> dict[str, float] | None:
        """By `initial_alpha`.

        Raises:
            ModelError: Fixup's initialisation is asked for and the network has no Fixup block.
        """
        if self.offset != "dct" or self.initial_alpha == "one":
            return None
        alphas = fixup_alphas(model, published=self.initial_alpha != "fixup")
        if alphas is None and self.initial_alpha != "auto":
            raise ModelError(
                f"initial_alpha={self.initial_alpha!r} needs a Fixup network, got "
                f"{origin_of(model, 'name') or type(model).__name__}; use 'one'"
            )
        return alphas


@dataclass(frozen=True, kw_only=True)
class WithControl(Method):
    """A method whose mask is fixed before training, so that it can be rescued, shuffled, or given new weights.

    Attributes:
        rescue: "random" gives a layer that keeps nothing one random weight, on top of the exact count;
            None leaves it empty.
        control: "layer-shuffled" puts each layer's kept weights at random places, "reinitialised" draws new
            weights after the mask is found (FreezeNet, Algorithm S1); None does neither.
        initialisation: that the new weights of control="reinitialised" are drawn by; None: the network's own.
    """

    rescue: Literal["random"] | None = field(
        default=None, metadata={"words": {"random": "rescue", None: "no rescue"}}
    )
    control: Literal["layer-shuffled", "reinitialised"] | None = field(
        default=None,
        metadata={"words": {"layer-shuffled": "layer-shuffled", "reinitialised": "reinitialised"}},
    )
    initialisation: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.initialisation is not None and self.control != "reinitialised":
            raise ConfigError(
                f"initialisation of {self.name} is that of new weights and needs control='reinitialised'"
            )
        if self.control == "reinitialised" and self.offset == "dct":
            raise ConfigError(
                "control='reinitialised' does nothing with a DCT offset, whose values start at 0; "
                "choose 'layer-shuffled', or another offset"
            )

    def controlled(self, masks: Masks, generator: torch.Generator) -> tuple[Masks, dict[str, int]]:
        """(the masks as the control has them, name -> how many weights were rescued)."""
        if self.control == "layer-shuffled":
            masks = shuffle_within_layers(masks, generator=generator)
        rescued = rescue_empty_layers(masks, generator=generator) if self.rescue == "random" else {}
        return masks, rescued

    def redraw(self, model: nn.Module, seed: int) -> None:
        """New weights under control="reinitialised"."""
        if self.control == "reinitialised":
            redraw(model, self.initialisation, derived_seed(seed, "reinitialised"))


@dataclass(frozen=True, kw_only=True)
class WithExamples(Method):
    """A method whose score sees training examples.

    Dropout is off while scoring. Defaults are the papers'; the other values are what published codes do.

    Attributes:
        score_samples: training examples that each scoring sees.
        batchnorm: "running" normalises with the running statistics, 0 and 1 at initialisation (the official
            SNIP, SNIP-it and SynFlow codes); "batch" with those of each batch (the FORCE and GraSP codes).
            The papers say nothing; one mode for all lets a comparison rank the same function.
        loss: "cross-entropy", as all papers say; "raw-logits" is `nll_loss` without a softmax, as the codes
            of SNIP-it and FORCE compute it: minus the mean logit of the label.
    """

    score_samples: Positive = 100
    batchnorm: BatchNorm = "running"
    loss: Loss = "cross-entropy"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batchnorm == "batch" and self.score_samples < 2:
            raise ConfigError(
                f"score_samples of {self.name} must be a whole number, at least 2, got {self.score_samples}: "
                "BatchNorm has no variance of one example"
            )

    @property
    def needs(self) -> Literal["examples", "shape"] | None:
        """Training examples."""
        return "examples"

    @property
    def samples(self) -> int | None:
        """As many as were asked for."""
        return self.score_samples if self.needs == "examples" else None

    def scoring(self) -> ScoringSettings:
        """Loss and BatchNorm mode."""
        return {"loss": self.loss, "batchnorm": self.batchnorm}


@dataclass(frozen=True, kw_only=True)
class WithSchedule(Method):
    """A method that prunes in several events and scores again at each.

    Attributes:
        schedule: "exponential" or "linear" (in `steps` events), "halving" (steps + 2 events) or "one-shot".
        steps: how many events; see schedule.
    """

    schedule: str = "exponential"
    steps: Positive = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("schedule", SCHEDULES)

    def events(self, prunable: int, k: int) -> list[int]:
        """How many weights each pruning event keeps; the last one k."""
        return SCHEDULES[self.schedule](prunable, k, self.steps)
