"""Projected gradient descent, with restarts, keeping the best image on the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.budget import Norm, project, steepest
from sparserobust.attacks.draws import normal, streams, uniform
from sparserobust.attacks.losses import LOSSES, SOFT_MARGIN, OfEachExample, margin, soft_margin_from
from sparserobust.attacks.oracle import AttackLoss, Oracle


def pgd(
    oracle: Oracle,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    norm: Norm,
    eps: float,
    steps: int,
    step_size: float | None = None,
    restarts: int = 1,
    losses: Sequence[str | AttackLoss] = (SOFT_MARGIN,),
    stop_when_fooled: bool = True,
    seed: int = 0,
) -> Float[Tensor, "n c h w"]:
    """For each example the image within eps that came closest to fooling the model, by its margin.

    The first start is the clean image, the others are drawn in the ball, from a stream of each example's
    own: neither the batch nor the order matters.

    Args:
        images: in [0, 1].
        eps: radius of the ball in pixel units, >= 0.
        steps: for each start and loss, each a forward and a backward pass; one forward more at the end.
        step_size: the first one in pixel units, by default 2 * eps; it falls to 0 along half a cosine. However many
            steps there are, they lead to every point of the ball, and the last ones are small.
        restarts: starts, at least 1.
        losses: what grows, tried one after another: names of `LOSS_NAMES`, or functions; one that is an `OfEachExample`
            follows the examples left. The soft margin costs a forward pass more.
        stop_when_fooled: whether an example is left alone as soon as it is fooled. Otherwise the margin grows on to
            the last step: the model is fooled no more often, but such images carry over to other models.

    Source: Madry et al. 2018, arXiv:1706.06083, sec. 2.1; best iterate and margin: Carlini et al. 2019,
    arXiv:1902.06705; a first step of 2 * eps: Croce and Hein 2020, arXiv:2003.01690, sec. 3.2.
    """
    owners = streams(images, seed, f"pgd {norm}") if restarts > 1 else []
    best = images.clone()
    last = 0.0 if stop_when_fooled else torch.inf
    best_margin = torch.full((len(images),), -torch.inf, dtype=images.dtype, device=images.device)
    if SOFT_MARGIN in losses:
        ours = soft_margin_from(oracle.logits(images), labels)
        losses = [ours if loss == SOFT_MARGIN else loss for loss in losses]
    first_step = 2 * eps if step_size is None else step_size
    for start in range(restarts):
        first = images if start == 0 else _inside(images, owners, norm, eps)
        for loss in losses:
            objective = LOSSES[loss] if isinstance(loss, str) else loss
            (which,) = (best_margin <= last).nonzero(as_tuple=True)
            current = first[which]
            for step in range(steps + 1):
                if not len(which):
                    return best
                clean = images[which]
                if step < steps:
                    own = objective.of(which) if isinstance(objective, OfEachExample) else objective
                    logits, _, gradient = oracle.gradient(current, labels[which], own)
                else:
                    logits, gradient = oracle.logits(current), current
                reached = margin(logits, labels[which])
                better = reached > best_margin[which]
                best_margin[which[better]] = reached[better]
                best[which[better]] = current[better]
                keep = reached <= last
                which, current, clean, gradient = which[keep], current[keep], clean[keep], gradient[keep]
                rate = first_step * (1 + math.cos(math.pi * step / steps)) / 2
                current = project(clean, current + rate * steepest(gradient, norm), norm, eps)
    return best


def _inside(images: Tensor, owners: list[np.random.Generator], norm: Norm, eps: float) -> Tensor:
    """A random point of each ball, clipped to [0, 1]: uniform for linf, uniform in direction and radius for l2."""
    shape = tuple(images.shape[1:])
    if norm == "linf":
        return (images + uniform(owners, shape, images, low=-eps, high=eps)).clamp(0, 1)
    change = steepest(normal(owners, shape, images), "l2")
    return (images + change * eps * uniform(owners, (1, 1, 1), images)).clamp(0, 1)
