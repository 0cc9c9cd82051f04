"""What an attack makes grow: numbers per example that are larger the closer the model is to a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.oracle import AttackLoss


def margin(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Largest other logit minus the label's: above 0 the model is wrong. Linear in the scale of the logits.

    Source: Carlini and Wagner 2017, arXiv:1608.04644, sec. V-A, f6 with the opposite sign.
    """
    own = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    others = logits.scatter(1, labels.unsqueeze(1), float("-inf")).amax(dim=1)
    return others - own


def cross_entropy(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Cross-entropy in nats. Its gradient vanishes where the model is very sure (float32: beyond a gap of 17)."""
    return F.cross_entropy(logits, labels, reduction="none")


def logit_ratio(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The margin over the gap between the largest and the third largest logit: the scale cancels out (DLR).

    With two classes the gap is that between the two, and the ratio has no gradient: use the margin there.

    Source: Croce and Hein 2020, arXiv:2003.01690, eq. 6.
    """
    ordered = logits.sort(dim=1, descending=True).values
    third = ordered[:, min(2, logits.shape[1] - 1)]
    gap: Tensor = (ordered[:, 0] - third).clamp_min(torch.finfo(logits.dtype).tiny)
    return margin(logits, labels) / gap


def soft_margin(units: Float[Tensor, "n k"], sharpness: float) -> AttackLoss:
    """The smooth maximum over the other classes of (their logit - the label's) / unit: a margin without a scale.

    A blunt one (8) leads towards all near classes at once, a sharp one (64) towards the nearest. Unlike
    cross-entropy it never saturates, and in units that grow with the logits it does not depend on their scale.

    Args:
        units: of the gap between the label's logit and each class's, > 0; see `nearest.look_around`.
        sharpness: > 0; logsumexp(sharpness * gap) / sharpness.
    """

    def objective(logits: Tensor, labels: Tensor) -> Tensor:
        gaps = (logits - logits.gather(1, labels.unsqueeze(1))) / units
        others = gaps.scatter(1, labels.unsqueeze(1), float("-inf"))
        return torch.logsumexp(sharpness * others, dim=1) / sharpness

    return objective


@dataclass(frozen=True)
class OfEachExample:
    """A loss with a number of its own for every example of a batch, which goes with those that an attack has left.

    Attributes:
        numbers: (n,), of the whole batch.
        loss: (logits (n, k), labels (n,), numbers (n,)) -> (n,).
    """

    numbers: Float[Tensor, " n"]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __call__(self, logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
        """The loss of all examples."""
        return self.loss(logits, labels, self.numbers.to(logits))

    def of(self, which: Int[Tensor, " m"]) -> OfEachExample:
        """The same for some of the examples."""
        return OfEachExample(self.numbers[which], self.loss)


SOFT = 8.0
"""Sharpness of the soft margin in units of the clean gap: about ln(9) / 8 of a gap is what nine equal classes add."""


def clean_gaps(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """The label's logit minus the largest other one, at least a millionth of the largest logit.

    A unit for losses that are to have no scale; a tie, as coarse logits have them, must not make it 0.
    """
    least = 1e-6 * logits.abs().amax(dim=1) + torch.finfo(logits.dtype).tiny
    return torch.maximum(-margin(logits, labels), least)


def soft_margin_from(logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]) -> OfEachExample:
    """The soft margin in units of each example's gap at the clean image.

    Every near class pulls, as in the cross-entropy; the scale of the logits cancels out, as in the margin.

    Args:
        logits: of the clean images.
    """

    def loss(logits: Tensor, labels: Tensor, gaps: Tensor) -> Tensor:
        return soft_margin(gaps.unsqueeze(1), SOFT)(logits, labels)

    return OfEachExample(clean_gaps(logits, labels), loss)


LOSSES: dict[str, AttackLoss] = {"margin": margin, "cross-entropy": cross_entropy, "logit-ratio": logit_ratio}
SOFT_MARGIN = "soft-margin"
LOSS_NAMES = (SOFT_MARGIN, *LOSSES)
