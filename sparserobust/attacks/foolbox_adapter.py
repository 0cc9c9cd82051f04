"""foolbox's attacks with their traps closed; foolbox is imported when first used."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.attacks.budget import Norm, project
from sparserobust.attacks.third_party import Lent, usable
from sparserobust.device import repeatable
from sparserobust.seeds import derived_seed


def _foolbox() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # scipy.ndimage.filters, in foolbox/attacks/blur.py
        import foolbox

    return foolbox


def fgsm(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    eps: Sequence[float],
    passes: Counter[str] | None = None,
) -> list[Tensor]:
    """Adversarial images for every eps, by foolbox's LinfFastGradientAttack without random start."""
    foolbox = _foolbox()
    wrapped = foolbox.PyTorchModel(Lent(model, images, passes), bounds=(0, 1), device=images.device)
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    _, clipped, _ = attack(wrapped, images, labels, epsilons=list(eps))
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
    foolbox = _foolbox()
    lent = Lent(model, images, passes)
    wrapped = foolbox.PyTorchModel(lent, bounds=(0, 1), device=images.device)
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
    found = fooled.to(torch.bool) & ~black
    return torch.where(found.view(-1, 1, 1, 1), usable(images, raw), images)


def pgd(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    norm: Norm,
    eps: float,
    steps: int,
    stepsize: float,
    random_start: bool = True,
    seed: int,
    passes: Counter[str] | None = None,
) -> Float[Tensor, "n c h w"]:
    """The last iterate of foolbox's LinfPGD or L2PGD on the cross-entropy, whether it fools or not.

    The random start is drawn for the whole batch at once and follows the batch. An image that is not finite
    becomes the clean one.

    Args:
        model: in evaluation mode, its parameters not asking for gradients.
        images: in [0, 1].
        labels: what the model is to be led away from.
        norm: of the budget.
        eps: budget in pixel units.
        steps: of gradient ascent.
        stepsize: in pixel units.
        random_start: whether to start in the budget at random or at the image.
        seed: of the random start.
        passes: where "forward" and "backward" are counted, one for each example; foolbox looks once more in
            the end.
    """
    foolbox = _foolbox()
    kind = foolbox.attacks.LinfPGD if norm == "linf" else foolbox.attacks.L2PGD
    attack = kind(abs_stepsize=stepsize, steps=steps, random_start=random_start)
    wrapped = foolbox.PyTorchModel(Lent(model, images, passes), bounds=(0, 1), device=images.device)
    with repeatable(derived_seed(seed, "foolbox pgd"), images.device), torch.enable_grad():
        _, found, _ = attack(wrapped, images, labels, epsilons=eps)
    return project(images, usable(images, found), norm, eps)


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
    foolbox = _foolbox()
    attack = foolbox.attacks.DDNAttack(init_epsilon=init_eps, steps=steps, gamma=gamma)
    wrapped = foolbox.PyTorchModel(Lent(model, images, passes), bounds=(0, 1), device=images.device)
    with repeatable(derived_seed(seed, "foolbox ddn"), images.device), torch.enable_grad():
        found, _, _ = attack(wrapped, images, labels, epsilons=None)
    return usable(images, found)
