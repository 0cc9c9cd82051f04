"""The same attack with another loss: changes that leave every decision of the model as it is."""

from __future__ import annotations

from collections import Counter

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.attacks.draws import normal, streams
from sparserobust.attacks.losses import OfEachExample, clean_gaps, cross_entropy, margin
from sparserobust.attacks.oracle import AttackLoss, Oracle
from sparserobust.weights.copying import deep_copy

TEMPERATURES = {"0.001": (1e-3, False), "0.1": (0.1, False), "1/margin": (1.0, True), "5/margin": (5.0, True)}
"""Name -> (what the logits are multiplied by, whether in units of each example's clean margin)."""


def repaired_losses(
    logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]
) -> dict[str, tuple[AttackLoss, bool]]:
    """Losses by name, and whether the model is to run in float64; none of them changes what the model decides.

    The cross-entropy of logits at another temperature, the margin, and the cross-entropy in float64.

    Args:
        logits: of the clean images, for the temperatures in units of each example's margin.
    Source: Gupta and Ajanthan 2022, arXiv:2003.13511 (temperature); Carlini et al. 2019, arXiv:1902.06705.
    """
    own = clean_gaps(logits, labels)
    losses: dict[str, tuple[AttackLoss, bool]] = {}
    for name, (factor, relative) in TEMPERATURES.items():
        scale = factor / own if relative else torch.full_like(own, factor)
        losses[f"temperature {name}"] = (OfEachExample(scale, _at_temperature), False)
    losses["margin"] = (margin, False)
    losses["float64"] = (cross_entropy, True)
    return losses


def _at_temperature(logits: Tensor, labels: Tensor, scale: Tensor) -> Tensor:
    return cross_entropy(logits * scale.unsqueeze(1), labels)


def in_float64(model: nn.Module, images: Float[Tensor, "n c h w"]) -> Adapter | None:
    """A copy of the model that computes in double precision; None where it does not.

    A module that holds its network where `double` does not find it (in a closure) stays in single precision.
    """
    double = Adapter.of(deep_copy(model, model)).double().eval().requires_grad_(False)
    try:
        with torch.no_grad():
            computed_in = double.computes_in(images[:1].double())
    except RuntimeError:
        return None
    return double if computed_in == torch.float64 else None


DIRECTIONS = 4
WIDTHS = (1e-4, 1e-5)


def gradient_error(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    seed: int,
    passes: Counter[str] | None = None,
) -> Float[Tensor, " n"]:
    """How far autograd's gradient of the margin is from what the function does: relative error, 0 = the same.

    Central differences along four random directions of each example's own at two widths, in float64; the median
    over directions of the smaller of both errors (a kink of the network may lie inside one width), relative to
    the size of the slopes. Around 1 or more the gradient is not this function's.

    Args:
        model: computing in float64.
        images: float64, in [0, 1]; the differences may leave that range by the width.
    """
    oracle = Oracle(model, passes)
    _, _, gradient = oracle.gradient(images, labels, margin)
    owners = streams(images, seed, "directional derivative")
    errors, sizes = [], []
    for _ in range(DIRECTIONS):
        direction = normal(owners, tuple(images.shape[1:]), images)
        direction = direction / direction.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        claimed = (gradient * direction).flatten(1).sum(dim=1)
        seen = torch.stack(
            [
                margin(oracle.logits(images + width * direction), labels)
                - margin(oracle.logits(images - width * direction), labels)
                for width in WIDTHS
            ]
        ) / (2 * torch.tensor(WIDTHS, dtype=images.dtype, device=images.device).unsqueeze(1))
        errors.append((seen - claimed).abs().amin(dim=0))
        sizes.append(torch.maximum(seen.abs().amin(dim=0), claimed.abs()))
    size = torch.stack(sizes).amax(dim=0)
    error: Tensor = torch.stack(errors).median(dim=0).values / size.clamp_min(torch.finfo(images.dtype).tiny)
    return torch.where(size > 0, error, torch.zeros_like(error))
