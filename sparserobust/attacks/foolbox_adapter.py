"""foolbox's attacks with their traps closed; foolbox is imported when first used."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def _foolbox() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # scipy.ndimage.filters, in foolbox/attacks/blur.py
        import foolbox

    return foolbox


def fgsm(
    model: nn.Module, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], eps: Sequence[float]
) -> list[Tensor]:
    """Adversarial images for every eps, by foolbox's LinfFastGradientAttack without random start."""
    foolbox = _foolbox()
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    _, clipped, _ = attack(wrapped, images, labels, epsilons=list(eps))
    return list(clipped)


def carlini_wagner_l2(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    binary_search_steps: int,
    steps: int,
    stepsize: float,
    initial_const: float,
    confidence: float = 0.0,
) -> tuple[Float[Tensor, "n c h w"], Bool[Tensor, " n"]]:
    """(closest adversarial images, whether one was found), by foolbox's L2CarliniWagnerAttack.

    foolbox returns an all-black image where it fails and counts it as a success when the model calls
    black something else: such an image counts as not found here. `abort_early` compares the loss summed
    over the batch and would make results depend on the batch, so it is off.

    Source: Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-D.
    """
    foolbox = _foolbox()
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device=images.device)
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=binary_search_steps,
        steps=steps,
        stepsize=stepsize,
        confidence=confidence,
        initial_const=initial_const,
        abort_early=False,
    )
    raw, _, fooled = attack(wrapped, images, labels, epsilons=None)
    black = (raw.flatten(1) == 0).all(dim=1)
    return raw, fooled.to(torch.bool) & ~black
