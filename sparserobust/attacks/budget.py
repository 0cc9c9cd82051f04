"""What an adversarial image must satisfy before it counts."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from sparserobust.errors import PluginError

Norm = Literal["linf", "l2"]
TOLERANCE = 1e-6


def distances(
    images: Float[Tensor, "n c h w"], others: Float[Tensor, "n c h w"], norm: Norm
) -> Float[Tensor, " n"]:
    """Distance of each pair in pixel units, float64: l2 added up in float64, linf right to a rounding of float32."""
    if norm == "linf":
        widened = torch.promote_types(images.dtype, torch.float32)
        return (others.to(widened) - images.to(widened)).flatten(1).abs_().amax(dim=1).double()
    return _length(others.double() - images.double())


def checked(
    images: Float[Tensor, "n c h w"], adversarial: object, norm: Norm, eps: float | None, plugin: str
) -> Float[Tensor, "n c h w"]:
    """The adversarial images if they are finite, in [0, 1] and within eps; an excess up to 1e-6 is projected back.

    Args:
        images: the clean images.
        adversarial: what the plugin returned for them.
        norm: of the budget.
        eps: the budget, None where only the range counts.
        plugin: the evaluator's name, for the message.

    Raises:
        PluginError: anything else; names the plugin.
    """
    if not isinstance(adversarial, Tensor) or adversarial.shape != images.shape:
        got = tuple(adversarial.shape) if isinstance(adversarial, Tensor) else type(adversarial).__name__
        raise PluginError(f"{plugin} must return images of shape {tuple(images.shape)}, got {got}")
    adversarial = adversarial.detach().to(images)
    low, high = (float(bound) for bound in torch.aminmax(adversarial))
    if not math.isfinite(low + high):
        raise PluginError(f"{plugin} returned images that are NaN or infinite")
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise PluginError(f"{plugin} returned pixels from {low:.7g} to {high:.7g}, outside [0, 1]")
    if low < 0 or high > 1:
        adversarial = adversarial.clamp(0, 1)
    if eps is None:
        return adversarial
    size = float(distances(images, adversarial, norm).max())
    if size > eps + TOLERANCE:
        raise PluginError(f"{plugin} left its budget: {norm} distance {size:.7g} for eps {eps:g}")
    within_rounding = size <= eps + torch.finfo(images.dtype).eps / 2
    return adversarial if within_rounding else project(images, adversarial, norm, eps)


def own_copy(proposed: object) -> object:
    """A plain tensor in memory of our own of what a plugin proposes; anything but a tensor as it is.

    What it writes into its buffer afterwards, or a subclass says of its comparisons, is not what is judged.
    """
    return proposed.detach().as_subclass(Tensor).clone() if isinstance(proposed, Tensor) else proposed


def project(
    images: Float[Tensor, "n c h w"], others: Float[Tensor, "n c h w"], norm: Norm, eps: float
) -> Float[Tensor, "n c h w"]:
    """Put into [0, 1], then within eps of the images: pixel by pixel (linf) or along the segment (l2)."""
    difference = others.clamp(0, 1) - images
    if norm == "linf":
        difference = difference.clamp(-eps, eps)
    else:
        size = _length(difference).clamp_min(1e-12)
        difference = difference * (eps / size).clamp_max(1.0).to(images).view(-1, 1, 1, 1)
    return (images + difference).clamp(0, 1)


def steepest(gradient: Float[Tensor, "n c h w"], norm: Norm) -> Float[Tensor, "n c h w"]:
    """The direction of steepest ascent: each pixel's sign (linf), or length 1 (l2); where all is zero, zero."""
    if norm == "linf":
        return gradient.sign()
    size = _length(gradient).to(gradient).clamp_min(torch.finfo(gradient.dtype).tiny)
    return gradient / size.view(-1, 1, 1, 1)


def _length(changes: Float[Tensor, "n c h w"]) -> Float[Tensor, " n"]:
    """Euclidean length, added up in float64: the squares of small gradients are 0 in float32."""
    length: Tensor = torch.linalg.vector_norm(changes.flatten(1), dim=1, dtype=torch.float64)
    return length
