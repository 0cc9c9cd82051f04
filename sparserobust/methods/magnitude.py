"""Magnitude pruning in one shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.base import FixedMask


@dataclass(frozen=True, kw_only=True)
class Magnitude(FixedMask):
    """Keeps the weights of largest absolute value, over the whole network.

    On a network at initialisation this ranks layers by the scale of their initialisation; on a trained one
    it is classic one-shot pruning.
    """

    name: ClassVar[str] = "magnitude"
    source: ClassVar[str] = "Han et al. 2015, arXiv:1506.02626, sec. 3; one shot, no retraining cycles"
    criterion: ClassVar[str] = "magnitude"
