"""What a method is: score, allocation, schedule, structure and offset, with the paper's name and defaults.

`FixedMask` is every method that fixes its mask before training. `Scored` adds what a score on training
examples takes, `Scheduled` several pruning events, `Iterative` both.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.sparsity.allocation import ALLOCATIONS, kept_count
from sparserobust.sparsity.probe import BatchNorm, Loss, Probe
from sparserobust.sparsity.prune import prune
from sparserobust.sparsity.schedule import SCHEDULES, check_schedule
from sparserobust.sparsity.scores import CRITERIA, Criterion
from sparserobust.sparsity.select import TIES, Ties, rescue_empty_layers, shuffle_within_layers
from sparserobust.weights.plan import OFFSET_KINDS, OffsetKind

ALPHAS = ("auto", "one", "fixup", "fixup-published")


@dataclass(frozen=True)
class Choice:
    """The masks a method chose, what it added to the exact count, and what a reader should know of it."""

    masks: dict[str, Tensor]
    rescued: dict[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FixedMask:
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

    name: ClassVar[str]
    source: ClassVar[str]
    criterion: ClassVar[str]
    recipe: ClassVar[str] = "freezenet-mnist"
    decay_offset: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = ()
    """Parameters that it does not have a choice of."""
    revive: ClassVar[bool] = False

    allocation: str = "global"
    offset: OffsetKind = "zero"
    rescue: Literal["random"] | None = None
    control: Literal["layer-shuffled", "reinitialised"] | None = None
    initialisation: str | None = None
    trainable_alpha: bool = True
    initial_alpha: Literal["auto", "one", "fixup", "fixup-published"] = "auto"

    def __post_init__(self) -> None:
        self.require("allocation", ("global", *ALLOCATIONS))
        self.require("offset", OFFSET_KINDS)
        self.require("rescue", ("random", None))
        self.require("control", ("layer-shuffled", "reinitialised", None))
        self.require("trainable_alpha", (True, False))
        self.require("initial_alpha", ALPHAS)
        if self.initialisation is not None and self.control != "reinitialised":
            raise ConfigError(
                f"initialisation of {self.name} is that of new weights and needs control='reinitialised'"
            )
        if self.control == "reinitialised" and self.offset == "dct":
            raise ConfigError(
                "control='reinitialised' does nothing with a DCT offset, whose values start at 0; "
                "choose 'layer-shuffled', or another offset"
            )

    def require(self, field: str, known: tuple[Any, ...]) -> None:
        """Raises ConfigError unless the field has one of the known values."""
        value = getattr(self, field)
        if value not in known:
            names = [str(k) for k in known]
            raise ConfigError(
                f"{field} of {self.name} must be one of {', '.join(names)}, "
                f"got {value!r}{did_you_mean(str(value), names)}"
            )

    def require_whole(self, field: str, *, least: int, none: bool = False) -> None:
        """Raises ConfigError unless the field has a whole number that is at least `least`, or None where that goes."""
        value = getattr(self, field)
        if none and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(
                f"{field} of {self.name} must be a whole number, at least {least}, got {value!r}"
            )

    def require_share(self, field: str, *, zero: bool = False, one: bool = False) -> None:
        """Raises ConfigError unless the field has a number from 0 to 1, the ends where they are allowed."""
        value = getattr(self, field)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (0 < value < 1 or (zero and value == 0) or (one and value == 1)):
            ends = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
            raise ConfigError(f"{field} of {self.name} must be a number in {ends}, got {value!r}")

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

    def variant(self) -> str:
        """Name and parameters that differ from the defaults: "snip" or "random[allocation=epl, offset=dct]".

        How many examples are scored on is left out: a comparison sets it for all methods alike.
        """
        changed = [
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if field.name != "score_samples" and getattr(self, field.name) != field.default
        ]
        return f"{self.name}[{', '.join(changed)}]" if changed else self.name

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

    score_samples: int = 100
    batchnorm: BatchNorm = "running"
    loss: Loss = "cross-entropy"
    ties: Ties = "draw"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("batchnorm", ("running", "batch"))
        self.require("loss", ("cross-entropy", "raw-logits"))
        self.require("ties", TIES)
        self.require_whole("score_samples", least=2 if self.batchnorm == "batch" else 1)

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
