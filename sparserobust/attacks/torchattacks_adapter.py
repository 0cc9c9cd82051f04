"""torchattacks' attacks with their traps closed; an optional extra, imported when first used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.attacks.third_party import Ascent, Lent, ThirdPartyPGD, usable
from sparserobust.errors import ConfigError

INSET = 1e-3
"""How far `cw` moves pixels away from 0 and 1 before it starts."""


def library() -> Any:
    """The package torchattacks.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import torchattacks
    except ImportError:
        raise ConfigError(
            "backend 'torchattacks' needs the extra: pip install 'sparserobust[torchattacks]'"
        ) from None
    return torchattacks


def fgsm(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    eps: Sequence[float],
    passes: Counter[str] | None = None,
) -> list[Tensor]:
    """Adversarial images for every eps, by torchattacks.FGSM. The model takes images in [0, 1]."""
    lent = Lent(model, images, passes)
    with torch.enable_grad():
        return [library().FGSM(lent, eps=e)(images, labels) for e in eps]


def _pgd(lent: Lent, images: Tensor, labels: Tensor, ascent: Ascent) -> Tensor:
    """What torchattacks.PGD or PGDL2 finds.

    PGDL2 adds 1e-10 to the norm of the gradient, which is that of the batch's mean and may be smaller: here it adds
    next to nothing. Where it returns NaN the clean image comes back.
    """
    settings: dict[str, Any] = {"eps": ascent.eps, "alpha": ascent.stepsize, "steps": ascent.steps}
    kind = library().PGD
    if ascent.norm == "l2":
        kind, settings["eps_for_division"] = library().PGDL2, 1e-30
    found: Tensor = kind(lent, random_start=ascent.random_start, **settings)(images.contiguous(), labels)
    return found


pgd = ThirdPartyPGD(library="torchattacks", attack=_pgd)


def carlini_wagner(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    initial_const: float,
    steps: int,
    stepsize: float,
    confidence: float = 0.0,
    passes: Counter[str] | None = None,
) -> Float[Tensor, "n c h w"]:
    """The closest adversarial images (l2) by torchattacks.CW; the clean image where none was found.

    torchattacks cannot move a pixel that is exactly 0 or 1: such pixels are set in by 1e-3 for the attack,
    and what it adds is then added to the clean image. They still start at atanh(0.998) = 3.45 in tanh space,
    so steps * stepsize should be 4 or more. Its loss takes 0 for a logit, which is wrong for negative ones
    (issue #184): the logits of each example are raised above 0, which changes no margin. Two things remain:
    there is one constant and no search for it, and it stops for the whole batch once the sum of the losses
    has grown, so results follow the batch. Use it to check another attack, not as evidence.

    Args:
        initial_const: the weight of the margin against the squared distance; torchattacks calls it c.
        stepsize: of Adam, in tanh space.
        confidence: margin that an adversarial image must have; torchattacks calls it kappa.
    Source: Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-A, without the search for the constant.
    """
    lent = Lent(model, images, passes)
    inset = images.clamp(INSET, 1 - INSET)
    with torch.enable_grad():
        attack = library().CW(_Raised(lent), c=initial_const, kappa=confidence, steps=steps, lr=stepsize)
        found = usable(inset, attack(inset, labels))
    best = images
    for candidate in (found, (images + (found - inset)).clamp(0, 1)):
        with torch.no_grad():
            fools = lent(candidate).argmax(dim=1) != labels
        best = torch.where(fools.view(-1, 1, 1, 1), candidate, best)
    return best


class _Raised(nn.Module):
    """Logits with each example's lowest at 1."""

    def __init__(self, lent: Lent) -> None:
        super().__init__()
        self.lent = lent

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.lent(images)
        return logits - logits.detach().amin(dim=1, keepdim=True) + 1
