"""DCTpS: a few trained weights at random places on top of a scaled DCT matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.random import Random
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True, kw_only=True)
class DCTpS(Random):
    """Random support, equally many weights per layer, values from 0, offset alpha * DCT with alpha from 1.

    The published allocation loses what small layers cannot take (13 % of it on VGG19 at density 0.05), which
    allocation="epl-published" shows; here nothing is lost and the density reported is the realised one.
    """

    name: ClassVar[str] = "dctps"
    title: ClassVar[str] = "DCTpS"
    source: ClassVar[str] = "Price and Tanner 2021, arXiv:2102.07655, sec. 3; supplement B"
    recipe: ClassVar[str] = "dctps"

    allocation: str = "epl"
    offset: OffsetKind = "dct"
