"""SNIP-it: SNIP in several events before training, so that the ranking follows the shrinking network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sparserobust.methods.base import Iterative


@dataclass(frozen=True, kw_only=True)
class SNIPit(Iterative):
    """Elasticity |w * dL/dw / L|, first half of the weights, then the distance to the target halved: 7 events.

    Each event sees new examples (2,560 in the paper: the recipe `snip-it` sets it). The authors' code scores
    on raw logits and prunes the k-th score too: loss="raw-logits", ties="strict".
    """

    name: ClassVar[str] = "snip-it"
    source: ClassVar[str] = "Verdenius et al. 2020, arXiv:2006.00896, sec. 3, eq. 3 and Algorithm 1"
    criterion: ClassVar[str] = "elasticity"
    recipe: ClassVar[str] = "snip-it"

    schedule: str = "halving"
    steps: int = 5
