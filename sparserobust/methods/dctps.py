"""DCTpS: a few trained weights at random places on top of a scaled DCT matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from sparserobust.methods.base import FixedMask
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True, kw_only=True)
class DCTpS(FixedMask):
    """Random support, equally many weights per layer, values from 0, offset alpha * DCT with alpha from 1.

    The published allocation loses what small layers cannot take; here nothing is lost.

    Attributes:
        trainable_alpha: False keeps alpha at 1 (supplement A.4).
    """

    name: ClassVar[str] = "dctps"
    source: ClassVar[str] = "Price and Tanner 2021, arXiv:2102.07655, sec. 3; supplement B"
    criterion: ClassVar[str] = "random"
    recipe: ClassVar[str] = "dctps"
    positions: ClassVar[Literal["stored", "seeded"]] = "seeded"

    allocation: str = "epl"
    offset: OffsetKind = "dct"
    trainable_alpha: bool = True
