"""FreezeNet: SNIP's mask, but what is not chosen stays at its initial value instead of becoming zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparserobust.methods.base import FixedMask
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True, kw_only=True)
class FreezeNet(FixedMask):
    """SNIP with a frozen offset. The twist: a layer without any trainable weight gets one at random.

    Weight decay acts on trainable parameters only; all biases and normalisation parameters are trained.
    """

    name: ClassVar[str] = "freezenet"
    source: ClassVar[str] = "Wimmer et al. 2020, arXiv:2011.14087, Algorithm 1 and sec. 4"
    criterion: ClassVar[str] = "snip"

    offset: OffsetKind = "frozen"
    rescue: Literal["random"] | None = "random"
