"""Which class is nearest, and how far it is: a linear estimate at the clean image, where attacks start from."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.attacks.oracle import Oracle, input_gradient

CLASSES = 9
"""Whose gradient is looked at: the most likely others."""
FIRST_RADIUS: dict[Norm, float] = {"l2": 1.0, "linf": 0.1}
"""In pixel units, where the estimate is larger or there is none."""


def look_around(
    oracle: Oracle, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], norm: Norm
) -> tuple[tuple[Float[Tensor, "n k"], Float[Tensor, "n k"]], Float[Tensor, " n"]]:
    """(two views of the classes, as units of each gap for `soft_margin`; estimated distance to the nearest class).

    The distance to a class is that to the half space where the gap, made linear at the clean image, is closed,
    without leaving the box: exact for a linear model. In the first view every gap is that distance divided by
    the smallest one: the class that is nearest leads. In the second all gaps have one unit, the smallest gap: the
    class that is most likely leads, which may be right where the model is far from linear. Where gradients are
    zero both are the second and the distance is the first radius.

    One forward pass and one backward pass for each of the nine most likely other classes.

    Source: Moosavi-Dezfooli et al. 2016 (DeepFool), arXiv:1511.04599, eq. 8; with the box, Croce and Hein 2020
    (FAB), arXiv:1907.02044, eq. 4.
    """
    images = images.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = oracle.model(images)
    oracle.passes["forward"] += len(images)
    rows = torch.arange(len(labels), device=labels.device)
    gaps = (logits.gather(1, labels.unsqueeze(1)) - logits).detach()
    ranking = gaps.scatter(1, labels.unsqueeze(1), torch.inf).argsort(dim=1)
    tiny = 1e-6 * logits.detach().abs().amax(dim=1, keepdim=True) + torch.finfo(gaps.dtype).tiny
    gaps = torch.maximum(gaps, tiny)
    away = torch.full_like(gaps, torch.nan)
    count = min(CLASSES, logits.shape[1] - 1)
    for rank in range(count):
        other = ranking[:, rank]
        with torch.enable_grad():
            gap = (logits[rows, labels] - logits[rows, other]).sum()
        gradient = input_gradient(gap, images, retain_graph=rank < count - 1)
        oracle.passes["backward"] += len(images)
        away[rows, other] = half_space_distance(images.detach(), -gradient, gaps[rows, other], norm)
    seen = away.isfinite()
    nearest = away.nan_to_num(torch.inf, posinf=torch.inf).amin(dim=1, keepdim=True)
    blind = nearest.isinf()
    nearest = torch.where(blind, 1.0, nearest)
    smallest = gaps.scatter(1, labels.unsqueeze(1), torch.inf).amin(dim=1, keepdim=True)
    away = torch.where(seen, away, nearest * gaps / smallest)  # not looked at, or out of reach
    units = torch.where(blind, smallest, gaps * nearest / away)
    first = FIRST_RADIUS[norm]
    radius = torch.where(blind, first, nearest.clamp_max(first)).squeeze(1)
    return (units, smallest.expand_as(units)), radius


BISECTIONS = 30


def half_space_distance(
    images: Float[Tensor, "n c h w"], normal: Float[Tensor, "n c h w"], rise: Float[Tensor, " n"], norm: Norm
) -> Float[Tensor, " n"]:
    """How far it is, in [0, 1], to where a linear function with this gradient has risen by so much; else infinity.

    The nearest such point is the image moved along the gradient (l2) or its sign (linf) and clipped.
    """
    direction = normal if norm == "l2" else normal.sign()
    size = normal.abs().flatten(1)
    low = torch.zeros_like(rise)
    # where every pixel that has a slope above a millionth of the largest has met the box
    steep = torch.where(size > 1e-6 * size.amax(dim=1, keepdim=True), direction.abs().flatten(1), torch.inf)
    high = 1 / steep.amin(dim=1)
    reachable = torch.zeros_like(rise, dtype=torch.bool)
    change = torch.zeros_like(images)
    for number in range(BISECTIONS):
        length = high if number == 0 else (low + high) / 2
        change = (images + length.view(-1, 1, 1, 1) * direction).clamp(0, 1) - images
        enough = (change * normal).flatten(1).sum(dim=1) >= rise
        if number == 0:
            reachable = enough
        else:
            low, high = torch.where(enough, low, length), torch.where(enough, length, high)
    change = (images + high.view(-1, 1, 1, 1) * direction).clamp(0, 1) - images
    distance = change.flatten(1).norm(dim=1) if norm == "l2" else change.flatten(1).abs().amax(dim=1)
    return torch.where(reachable & (distance > 0), distance, torch.inf)
