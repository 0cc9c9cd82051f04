"""What a method is: score, allocation, schedule, structure and offset, with the paper's name and defaults.

`FixedMask` is every method that fixes its mask before training. `Scored` adds what a score on training
examples takes, `Scheduled` several pruning events, `Iterative` both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.records import Remark
from sparserobust.settings import Positive, Settings
from sparserobust.sparsity.allocation import ALLOCATIONS, WORDS, kept_count
from sparserobust.sparsity.probe import BatchNorm, Loss, Probe
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.schedule import SCHEDULES, check_schedule
from sparserobust.sparsity.scores import CRITERIA, Criterion
from sparserobust.sparsity.select import Ties, rescue_empty_layers, shuffle_within_layers
from sparserobust.weights.plan import OFFSET_WORDS, OffsetKind

ALPHAS = ("auto", "one", "fixup", "fixup-published")


@dataclass(frozen=True)
class Choice:
    """The masks a method chose, what it added to the exact count, and what a reader should know of it."""

    masks: dict[str, Tensor]
    rescued: dict[str, int]
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FixedMask(Settings):
    """A method that fixes its mask before training. Subclasses set the class variables and new defaults.

    Attributes:
        allocation: "global" (the scores alone decide), "uniform", "erk", "epl", "epf", or the last three as
            published, "erk-published" ..., which lose what small layers cannot take.
        offset: what stands off the mask: "zero" (pruned), "frozen" (initial weights) or "dct".
        rescue: "random" gives a layer that keeps nothing one random weight, on top of the exact count;
            None leaves it empty.
        control: "layer-shuffled" puts each layer's kept weights at random places, "reinitialised" draws new
            weights after the mask is found (FreezeNet, Algorithm S1); None does neither.
        initialisation: that the new weights of control="reinitialised" are drawn by; None: the network's own.
        trainable_alpha: of a DCT offset; False keeps alpha as it starts.
        initial_alpha: of a DCT offset: "one", "fixup" (as large as Fixup's own initialisation), or
            "fixup-published" (with the additional square root of the authors' code); "auto" is
            "fixup-published" in a Fixup network and "one" in any other.
    """

    source: ClassVar[str]
    criterion: ClassVar[str]
    recipe: ClassVar[str] = "freezenet-mnist"
    decay_offset: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = ()
    """Parameters that it does not have a choice of."""
    revive: ClassVar[bool] = False

    allocation: str = field(default="global", metadata={"words": WORDS})
    offset: OffsetKind = field(default="zero", metadata={"words": OFFSET_WORDS})
    rescue: Literal["random"] | None = field(
        default=None, metadata={"words": {"random": "rescue", None: "no rescue"}}
    )
    control: Literal["layer-shuffled", "reinitialised"] | None = field(
        default=None,
        metadata={"words": {"layer-shuffled": "layer-shuffled", "reinitialised": "reinitialised"}},
    )
    initialisation: str | None = None
    trainable_alpha: bool = field(default=True, metadata={"words": {False: "fixed alpha"}})
    initial_alpha: Literal["auto", "one", "fixup", "fixup-published"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("allocation", ("global", *ALLOCATIONS))
        if self.initialisation is not None and self.control != "reinitialised":
            raise ConfigError(
                f"initialisation of {self.name} is that of new weights and needs control='reinitialised'"
            )
        if self.control == "reinitialised" and self.offset == "dct":
            raise ConfigError(
                "control='reinitialised' does nothing with a DCT offset, whose values start at 0; "
                "choose 'layer-shuffled', or another offset"
            )

    @property
    def rule(self) -> Criterion:
        """The score and what it needs."""
        return CRITERIA[self.criterion]

    @property
    def needs_data(self) -> bool:
        """Whether the criterion sees training examples."""
        return self.rule.needs == "examples"

    @property
    def positions(self) -> Literal["stored", "seeded"]:
        """Whether a file must store the kept positions, or the seed brings them back."""
        return "seeded" if self.rule is CRITERIA["random"] else "stored"

    def scoring(self) -> dict[str, Any]:
        """Settings of the `Probe` that this method scores on."""
        return {}

    def events(self, prunable: int, k: int) -> list[int]:
        """How many weights each pruning event keeps; the last one k."""
        return [k]

    def choose(self, probe: Probe, sparsity: float, generator: torch.Generator) -> Choice:
        """Masks that keep exactly k = floor((1 - sparsity) * prunable) weights, and what a rescue added."""
        prunable = sum(weight.numel() for weight in probe.dense.values())
        pruned = prune(
            probe,
            self.rule,
            self.events(prunable, kept_count(prunable, sparsity)),
            allocation=self.allocation,
            revive=self.revive,
            generator=generator,
            ties=getattr(self, "ties", "draw"),
        )
        masks = {name: mask.clone() for name, mask in pruned.masks.items()}
        if self.control == "layer-shuffled":
            masks = shuffle_within_layers(masks, generator=generator)
        rescued = rescue_empty_layers(masks, generator=generator) if self.rescue == "random" else {}
        return Choice(masks, rescued, pruned.notes)

    def parts(self) -> dict[str, str]:
        """The parts by name, for `sparserobust describe`."""
        return {
            "score": self.criterion,
            "allocation": self.allocation,
            "schedule": "one shot, before training",
            "structure": "weight",
            "offset": self.offset,
        }


@dataclass(frozen=True, kw_only=True)
class Scored(FixedMask):
    """A method whose score sees training examples.

    Dropout is off while scoring. Defaults are the papers'; the other values are what published codes do.

    Attributes:
        score_samples: training examples that each scoring sees.
        batchnorm: "running" normalises with the running statistics, 0 and 1 at initialisation (the official
            SNIP, SNIP-it and SynFlow codes); "batch" with those of each batch (the FORCE and GraSP codes).
            The papers say nothing; one mode for all lets a comparison rank the same function.
        loss: "cross-entropy", as all papers say; "raw-logits" is `nll_loss` without a softmax, as the codes
            of SNIP-it and FORCE compute it: minus the mean logit of the label.
        ties: "draw" keeps exactly k, ties at the threshold drawn by the seed. "keep" (FORCE, FreezeNet's
            Algorithm 1), "drop" (SynFlow) and "strict" (SNIP-it, k - 1 weights) are the published rules.
    """

    score_samples: Positive = 100
    batchnorm: BatchNorm = "running"
    loss: Loss = "cross-entropy"
    ties: Ties = "draw"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batchnorm == "batch" and self.score_samples < 2:
            raise ConfigError(
                f"score_samples of {self.name} must be a whole number, at least 2, got {self.score_samples}: "
                "BatchNorm has no variance of one example"
            )

    def scoring(self) -> dict[str, Any]:
        """Loss and BatchNorm mode."""
        return {"loss": self.loss, "batchnorm": self.batchnorm}


@dataclass(frozen=True, kw_only=True)
class Scheduled(FixedMask):
    """A method that prunes in several events before training and scores again at each.

    Attributes:
        schedule: "exponential" or "linear" (in `steps` events), "halving" (steps + 2 events) or "one-shot".
        steps: see there.
    """

    schedule: str = "exponential"
    steps: int = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        check_schedule(self.schedule, self.steps)

    def events(self, prunable: int, k: int) -> list[int]:
        """By the schedule."""
        return SCHEDULES[self.schedule](prunable, k, self.steps)

    def parts(self) -> dict[str, str]:
        """With the schedule, and whether a weight may come back."""
        back = "pruned weights may come back" if self.revive else "pruned weights stay pruned"
        return super().parts() | {"schedule": f"{self.schedule}, steps {self.steps}, before training; {back}"}


@dataclass(frozen=True, kw_only=True)
class Iterative(Scheduled, Scored):
    """A scheduled method whose score sees training examples, new ones at each event."""
