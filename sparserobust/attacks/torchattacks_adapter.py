"""torchattacks' attacks; an optional extra, imported when first used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.errors import ConfigError


def _torchattacks() -> Any:
    try:
        import torchattacks
    except ImportError:
        raise ConfigError(
            "backend 'torchattacks' needs the extra: pip install 'sparserobust[torchattacks]'"
        ) from None
    return torchattacks


def fgsm(
    model: nn.Module, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], eps: Sequence[float]
) -> list[Tensor]:
    """Adversarial images for every eps, by torchattacks.FGSM. The model takes images in [0, 1]."""
    torchattacks = _torchattacks()
    return [torchattacks.FGSM(model, eps=e)(images, labels) for e in eps]
