"""An attack: the whole image made brighter or darker by one number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.scoring import Batch, FixedBudgetAttack


@dataclass(frozen=True, kw_only=True)
class Brightness(FixedBudgetAttack):
    """Adds eps to every pixel, or takes it away where that fools the model more.

    Attributes:
        darker: whether darker images are tried too.
    """

    name: ClassVar = "brightness"
    source: ClassVar = "an example of sparserobust"
    norm: ClassVar = "linf"
    access: ClassVar = "black-box"
    needs_gradient: ClassVar = False

    eps: tuple[float, ...] = (0.05, 0.1, 0.2)
    darker: bool = True

    def within(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) for every budget; the library checks them, asks the model and counts."""
        for eps in self.budgets:
            images = (batch.images + eps).clamp(0, 1)
            if self.darker:
                stands = ~batch.oracle.fooled(images, batch.labels)
                images[stands] = (batch.images[stands] - eps).clamp(0, 1)
            yield eps, images
