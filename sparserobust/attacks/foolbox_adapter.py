"""foolbox's attacks with their traps closed; foolbox is imported when first used."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.attacks.third_party import Ascent, Lent, ThirdPartyPGD, usable
from sparserobust.device import repeatable
from sparserobust.seeds import derived_seed


def _foolbox() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # scipy.ndimage.filters, in foolbox/attacks/blur.py
        import foolbox

    return foolbox


def _wrapped(lent: Lent, images: Tensor) -> Any:
    return _foolbox().PyTorchModel(lent, bounds=(0, 1), device=images.device)


def fgsm(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    eps: Sequence[float],
    passes: Counter[str] | None = None,
) -> list[Tensor]:
    """Adversarial images for every eps, by foolbox's LinfFastGradientAttack without random start."""
    attack = _foolbox().attacks.LinfFastGradientAttack(random_start=False)
    _, clipped, _ = attack(_wrapped(Lent(model, images, passes), images), images, labels, epsilons=list(eps))
    return list(clipped)


def carlini_wagner(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    binary_search_steps: int,
    steps: int,
    stepsize: float,
    initial_const: float,
    confidence: float = 0.0,
    passes: Counter[str] | None = None,
) -> Float[Tensor, "n c h w"]:
    """The closest adversarial images by foolbox's L2CarliniWagnerAttack; the clean image where none was found.

    foolbox returns an all-black image where it fails and counts it as a success when the model calls
    black something else: such an image becomes the clean one here. `abort_early` compares the loss summed
    over the batch and would make results depend on the batch, so it is off.

    Source: Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-D.
    """
    attack = _foolbox().attacks.L2CarliniWagnerAttack(
        binary_search_steps=binary_search_steps,
        steps=steps,
        stepsize=stepsize,
        confidence=confidence,
        initial_const=initial_const,
        abort_early=False,
    )
    raw, _, fooled = attack(_wrapped(Lent(model, images, passes), images), images, labels, epsilons=None)
    black = (raw.flatten(1) == 0).all(dim=1)
    found = fooled.to(torch.bool) & ~black
    return torch.where(found.view(-1, 1, 1, 1), usable(images, raw), images)


def _pgd(lent: Lent, images: Tensor, labels: Tensor, ascent: Ascent) -> Tensor:
    """What foolbox's LinfPGD or L2PGD finds; it looks once more in the end."""
    foolbox = _foolbox()
    kind = foolbox.attacks.LinfPGD if ascent.norm == "linf" else foolbox.attacks.L2PGD
    attack = kind(abs_stepsize=ascent.stepsize, steps=ascent.steps, random_start=ascent.random_start)
    found: Tensor = attack(_wrapped(lent, images), images, labels, epsilons=ascent.eps)[1]
    return found


pgd = ThirdPartyPGD(library="foolbox", attack=_pgd)


def ddn(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    steps: int,
    init_eps: float = 1.0,
    gamma: float = 0.05,
    seed: int,
    passes: Counter[str] | None = None,
) -> Float[Tensor, "n c h w"]:
    """The closest adversarial images (l2) by foolbox's DDNAttack; the clean image where none was found.

    Where the gradient of the cross-entropy vanishes, foolbox takes a random direction: it is drawn for the
    whole batch at once and follows the batch.

    Args:
        model: in evaluation mode, its parameters not asking for gradients.
        images: in [0, 1].
        labels: what the model is to be led away from.
        steps: forward and backward passes for each example.
        init_eps: the first radius, in pixel units.
        gamma: by which share the radius shrinks or grows after a step.
        seed: of the random directions.
        passes: where "forward" and "backward" are counted, one for each example; foolbox looks once more in
            the end.
    Source: Rony et al. 2019, arXiv:1811.09600.
    """
    attack = _foolbox().attacks.DDNAttack(init_epsilon=init_eps, steps=steps, gamma=gamma)
    wrapped = _wrapped(Lent(model, images, passes), images)
    with repeatable(derived_seed(seed, "foolbox ddn"), images.device), torch.enable_grad():
        found, _, _ = attack(wrapped, images, labels, epsilons=None)
    return usable(images, found)
