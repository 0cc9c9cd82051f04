"""The fast gradient sign method."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def fgsm_step(
    images: Float[Tensor, "n c h w"], gradient: Float[Tensor, "n c h w"], eps: float
) -> Float[Tensor, "n c h w"]:
    """Images + eps * sign(gradient), clipped to [0, 1]; a pixel with zero gradient does not move.

    Args:
        images: in [0, 1].
        gradient: of what is to grow, e.g. each example's cross-entropy.
        eps: linf budget in pixel units, >= 0.
    Source: Goodfellow et al. 2015, arXiv:1412.6572, sec. 4.
    """
    return torch.add(images, gradient.sign(), alpha=eps).clamp_(0, 1)
