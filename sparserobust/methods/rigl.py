"""RigL: a sparse network that drops its smallest weights and grows those of largest gradient while it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.during import StartsSparse, cosine, moving_steps
from sparserobust.pruner import Masks, Pruner, TrainingState
from sparserobust.settings import Positive, ShareOrAll
from sparserobust.sparsity.drop_and_grow import drop_smallest, exchanged, grow_largest
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True, kw_only=True)
class RigL(StartsSparse):
    """Starts from a random mask and keeps its number of weights in every layer.

    Every `every` steps each layer drops the share of its kept weights that the cosine says, the smallest ones, and
    grows as many where the gradient is largest. New weights are 0 and have no momentum. That update stands in the
    place of the optimizer's step. A weight just dropped may grow again at once, and then keeps its value (the
    authors' code); `regrow=False` leaves those out.

    Attributes:
        every: optimizer steps between two updates (Delta T); None: 100, or fewer in a training too short for ten
            updates.
        fraction: share of a layer's weights replaced at the first update (alpha).
        until: share of the training's steps after which the mask stays (T_end).
        regrow: whether a weight just dropped is a candidate.
    """

    name: ClassVar[str] = "rigl"
    title: ClassVar[str] = "RigL"
    source: ClassVar[str] = "Evci et al. 2020, arXiv:1911.11134, sec. 3, Algorithm 1"
    when: ClassVar[str] = "drop and grow during training"

    allocation: str = "erk"
    every: Positive | None = None
    fraction: ShareOrAll = 0.3
    until: ShareOrAll = 0.75
    regrow: bool = True

    def pruner(self, training: TrainingState) -> Pruner:
        """Updates until T_end."""
        return _DropAndGrow(self, training)


@dataclass(frozen=True, kw_only=True)
class RigLDCTpS(RigL):
    """RigL on the sparse part of DCT layers, every layer with as many weights (EPL)."""

    name: ClassVar[str] = "rigl-dctps"
    title: ClassVar[str] = "RigL-DCTpS"
    source: ClassVar[str] = (
        "Price and Tanner 2021 (DCTpS), sec. 4 and its supplement; Evci et al. 2020, Algorithm 1"
    )
    recipe: ClassVar[str] = "dctps"

    allocation: str = "epl"
    offset: OffsetKind = "dct"


class _DropAndGrow(Pruner):
    def __init__(self, method: RigL, training: TrainingState) -> None:
        super().__init__(training)
        self.method = method
        self.every, self.end = moving_steps(training, method.every, method.until)

    def after_backward(self) -> bool:
        training = self.training
        step = training.step + 1
        share = cosine(self.method.fraction, step, self.end)
        if step % self.every or not share or training.kept == training.prunable:
            return False
        masks: Masks = {}
        for name, value in training.values.items():
            if (gradient := value.grad) is None:  # a layer that the loss does not depend on
                continue
            mask = training.masks[name]
            count = exchanged(mask, share)
            kept = drop_smallest(value.detach(), mask, count, generator=training.generator)
            candidates = ~kept if self.method.regrow else ~mask
            masks[name] = grow_largest(gradient.abs(), kept, candidates, count, generator=training.generator)
        training.set_masks(masks)
        return True
