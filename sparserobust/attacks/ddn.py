"""Minimum-norm attacks that move on the gradient's direction and adapt each example's radius (DDN)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.budget import Norm, steepest
from sparserobust.attacks.closest import Closest
from sparserobust.attacks.losses import soft_margin
from sparserobust.attacks.nearest import look_around
from sparserobust.attacks.oracle import Oracle

SHARPNESS = 64.0
"""Of the soft margin, at the last step of a run."""
FIRST_SHARPNESS = (8.0, 2.0, 32.0, 4.0)
"""At the first step of the first run, the second ..."""
RUN = 50
"""Steps of a run, about. A longer one settles in the first basin that the blunt margin leads to (on MLP5 and MNIST
1,000 steps in one run end 4 % farther away than 100); further runs start at the clean image again."""


def ddn(
    oracle: Oracle,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    steps: int,
    norm: Norm = "l2",
    stop_below: float = 0.0,
) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, " n"]]:
    """(closest adversarial images, their distance; the clean image and infinity where none was found).

    The radius of each example shrinks while it is adversarial and grows while it is not; the image is the
    point of the radius in the direction that the gradients have summed up to. Where we differ from the paper:
    the objective is a soft margin that knows which class is near and has no scale (theirs is the cross-entropy),
    the first radius is the estimated distance (theirs is 1), steps are in units of the radius, the radius never
    exceeds the best distance and settles, and the last segment is bisected. For linf the step is the sign of the
    gradient and the ball that of linf.

    Args:
        images: in [0, 1].
        steps: forward and backward passes for each example.
        stop_below: examples found within this distance are not improved any further.

    Source: Rony et al. 2019, arXiv:1811.09600, Algorithm 1; for linf the steps of Pintor et al. 2021,
    arXiv:2102.12827.
    """
    closest = Closest(images, labels, norm)
    views, radius = look_around(oracle, images, labels, norm)
    search(oracle, closest, views, radius, steps=steps, stop_below=stop_below)
    closest.shrink(oracle, BISECTIONS)
    return closest.images, closest.distance


BISECTIONS = 6
GROWTH = 0.1
"""Of the radius per step while nothing was found; afterwards it adapts by 5 % down to 0.5 %."""


def search(
    oracle: Oracle,
    closest: Closest,
    views: tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]],
    first_radius: Float[Tensor, " n"],
    *,
    steps: int,
    stop_below: float = 0.0,
) -> None:
    """Runs of about 50 steps in turn with either view of the classes; what they find goes into `closest`.

    Args:
        views, first_radius: see `look_around`.
        steps: in all.
    """
    count = 1 if steps < RUN else 2 * max(1, round(steps / (2 * RUN)))
    for number in range(count):
        shrink_radius(
            oracle,
            closest,
            views[number % 2],
            first_radius,
            steps=steps // count + (number < steps % count),
            sharpness=(FIRST_SHARPNESS[number // 2 % len(FIRST_SHARPNESS)], SHARPNESS),
            stop_below=stop_below,
        )


def shrink_radius(
    oracle: Oracle,
    closest: Closest,
    units: Float[Tensor, "n k"],
    first_radius: Float[Tensor, " n"],
    *,
    steps: int,
    sharpness: tuple[float, float],
    stop_below: float = 0.0,
) -> None:
    """One run of `ddn` from the clean images; what it finds goes into `closest`.

    Args:
        units, first_radius: see `look_around`.
        sharpness: of the soft margin, at the first and towards the last step.
    """
    which = torch.arange(len(closest.labels), device=closest.labels.device)
    which = which[closest.distance > stop_below]
    clean = closest.clean[which]
    change = torch.zeros_like(clean)
    radius = torch.minimum(closest.distance[which].to(clean.dtype), first_radius[which])
    for step in range(steps):
        if not len(which):
            return
        done = step / steps
        objective = soft_margin(units[which], sharpness[0] * (sharpness[1] / sharpness[0]) ** done)
        logits, _, gradient = oracle.gradient(clean + change, closest.labels[which], objective)
        fooled = closest.take(which, clean + change, logits)
        best = closest.distance[which].to(clean.dtype)
        size = (_length(step, steps) * radius).view(-1, 1, 1, 1)
        change = change + size * steepest(gradient, closest.norm)
        settle = 0.05 * 0.1**done
        growth = torch.where(best.isfinite(), settle, GROWTH)
        radius = torch.where(fooled, torch.minimum(radius, best) * (1 - settle), radius * (1 + growth))
        change = _onto(change, torch.minimum(radius, best), closest.norm)
        change = (clean + change).clamp(0, 1) - clean
        keep = best > stop_below
        if not bool(keep.all()):
            which, clean, change, radius = which[keep], clean[keep], change[keep], radius[keep]
    if len(which):
        closest.take(which, clean + change, oracle.logits(clean + change))


def _length(step: int, steps: int) -> float:
    """Falls from 1 to 0.01 along half a cosine."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps))


def _onto(change: Tensor, radius: Tensor, norm: Norm) -> Tensor:
    """Changes put onto the sphere (l2) or into the ball (linf) of their radius."""
    bound = radius.view(-1, 1, 1, 1)
    if norm == "linf":
        return torch.minimum(torch.maximum(change, -bound), bound)
    size: Tensor = change.flatten(1).norm(dim=1).clamp_min(1e-12)
    return change * (bound / size.view(-1, 1, 1, 1))
