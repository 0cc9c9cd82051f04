"""Minimum-norm: the nearest image that fools the model, by DDN, in l2 or linf."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.attacks import foolbox_adapter
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.ddn import ddn
from sparserobust.errors import ConfigError
from sparserobust.scoring import Batch, MinimumNormAttack
from sparserobust.settings import Positive


@dataclass(frozen=True, kw_only=True)
class MinimumNorm(MinimumNormAttack):
    """The nearest adversarial image by a decoupled direction and norm attack (DDN), and success within caps.

    Ours moves on the margin in units of the clean margin, so that the scale of the logits does not matter;
    foolbox's moves on the cross-entropy. Where nothing was found the distance is infinite.

    Attributes:
        norm: "l2" or "linf"; the second is an evaluator of its own, `minimum-norm-linf`.
        eps: distance caps that success is reported at, in pixels from 0 to 1.
        backend: "native", or "foolbox" (its DDN, l2 only).
        steps: forward and backward passes for each example.
    """

    name: ClassVar[str] = "minimum-norm"
    title: ClassVar[str] = "minimum norm"
    source: ClassVar[str] = "Rony et al. 2019, arXiv:1811.09600, Algorithm 1"

    norm: Norm = "l2"
    backend: Literal["native", "foolbox"] = "native"
    steps: Positive = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm == "linf" and self.backend != "native":
            raise ConfigError("norm 'linf' needs backend 'native'; foolbox has no DDN for it")

    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images, whether one was found)."""
        if self.backend == "foolbox":
            images = foolbox_adapter.ddn(
                batch.model, batch.images, batch.labels, steps=self.steps, seed=0, passes=batch.passes
            )
            return images, (images != batch.images).flatten(1).any(dim=1)
        images, distance = ddn(batch.oracle, batch.images, batch.labels, steps=self.steps, norm=self.norm)
        return images, distance.isfinite()
