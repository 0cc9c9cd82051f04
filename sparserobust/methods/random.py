"""Random pruning at initialisation, with any allocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.base import FixedMask


@dataclass(frozen=True, kw_only=True)
class Random(FixedMask):
    """Keeps weights drawn without replacement; by default the same density in every layer.

    SNIP-it's Random draws each weight by itself (the same expected density per layer); here counts are exact.
    allocation="erk", "epl" and "epf" are those of RigL and DCTpS.
    """

    name: ClassVar[str] = "random"
    source: ClassVar[str] = "Verdenius et al. 2020 (SNIP-it), sec. 4, baseline Random"
    criterion: ClassVar[str] = "random"

    allocation: str = "uniform"
