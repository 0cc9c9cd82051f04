"""torchvision's classification networks as `torchvision:NAME`; torchvision is imported only for such a name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.errors import ShapeError

PREFIX = "torchvision:"

WITHOUT_AUXILIARY_HEADS: dict[str, Any] = {"aux_logits": False, "init_weights": False}
"""Arguments of the two networks that have more than one output in training."""


def torchvision_names() -> list[str]:
    """Names of all classification networks that the installed torchvision has, with the prefix."""
    from torchvision import models

    return [PREFIX + name for name in models.list_models(module=models)]


def torchvision_network(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The network without trained weights, in training mode, after it has taken one blank image.

    GoogLeNet and Inception v3 come without their auxiliary heads. The parameters that are neither conv nor
    linear weights (class tokens, position embeddings, layer scales) come from torch's global stream.

    Args:
        name: one of `torchvision_names()`.
        input_shape: (c, h, w).
        num_classes: outputs.

    Raises:
        ShapeError: the network cannot take images of this shape.
    """
    from torchvision import models

    if input_shape[0] != 3:
        raise ShapeError(
            f"{name} takes images of 3 channels, got {input_shape[0]}; "
            "repeat the channel, or choose one of our own models"
        )
    bare = name.removeprefix(PREFIX)
    options = WITHOUT_AUXILIARY_HEADS if bare in ("googlenet", "inception_v3") else {}
    model: nn.Module = models.get_model(bare, weights=None, num_classes=num_classes, **options)
    _try(model, name, input_shape)
    return model


@torch.no_grad()
def _try(model: nn.Module, name: str, input_shape: tuple[int, ...]) -> None:
    """Sizes that a network takes are written nowhere; what it raises for one image says it."""
    model.eval()
    try:
        logits = model(torch.zeros(1, *input_shape))
    except (RuntimeError, ValueError, AssertionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ShapeError(
            f"{name} cannot take images of {input_shape[1]}x{input_shape[2]} ({reason}); "
            "choose another size or model"
        ) from None
    assert isinstance(logits, Tensor)
    model.train()
