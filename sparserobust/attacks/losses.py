"""What an attack makes grow: numbers per example that are larger the closer the model is to a mistake."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.oracle import Objective


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


def soft_margin(units: Float[Tensor, "n k"], sharpness: float) -> Objective:
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


LOSSES: dict[str, Objective] = {"margin": margin, "cross-entropy": cross_entropy, "logit-ratio": logit_ratio}
