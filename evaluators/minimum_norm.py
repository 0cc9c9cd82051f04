"""Minimum-norm: the nearest image that fools the model, by DDN, in l2 or linf."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sparserobust.arguments import whole_number
from sparserobust.attacks import foolbox_adapter
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.ddn import ddn
from sparserobust.attacks.oracle import Oracle
from sparserobust.errors import ConfigError
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.attack_scores import distance_scores
from sparserobust.scoring.settings import caps, one_of

CAPS: dict[Norm, tuple[float, ...]] = {
    "l2": (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
    "linf": (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
}
BACKENDS = ("native", "foolbox")


class MinimumNorm(AttackEvaluator):
    """The nearest adversarial image by a decoupled direction and norm attack (DDN), and success within caps.

    Ours moves on the margin in units of the clean margin, so that the scale of the logits does not matter;
    foolbox's moves on the cross-entropy. Where nothing was found the distance is infinite.

    Args:
        norm: "l2" or "linf"; the second is an evaluator of its own, `minimum-norm-linf`.
        eps: distance caps that success is reported at, in pixels from 0 to 1.
        backend: "native", or "foolbox" (its DDN, l2 only).
        steps: forward and backward passes for each example.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "minimum-norm"
    title = "minimum norm"
    source = "Rony et al. 2019, arXiv:1811.09600, Algorithm 1"
    minimum_norm = True
    scores = distance_scores("l2")

    def __init__(
        self,
        *,
        norm: Norm = "l2",
        eps: Sequence[float] | None = None,
        backend: str = "native",
        steps: int = 100,
    ) -> None:
        self.norm = one_of("norm", norm, CAPS)
        self.eps = caps(CAPS[self.norm] if eps is None else eps)
        self.backend = one_of("backend", backend, BACKENDS)
        if norm == "linf" and backend != "native":
            raise ConfigError("norm 'linf' needs backend 'native'; foolbox has no DDN for it")
        self.steps = whole_number("steps", steps, least=1)
        self.headline_eps = 0.5 if norm == "l2" else 0.1
        if norm == "linf":
            self.name = "minimum-norm-linf"
            self.scores = distance_scores("linf")

    def perturb(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images, whether one was found)."""
        if self.backend == "foolbox":
            images = foolbox_adapter.ddn(
                batch.model, batch.images, batch.labels, steps=self.steps, seed=0, passes=batch.passes
            )
            return images, (images != batch.images).flatten(1).any(dim=1)
        oracle = Oracle(batch.model, batch.passes)
        images, distance = ddn(oracle, batch.images, batch.labels, steps=self.steps, norm=self.norm)
        return images, distance.isfinite()
