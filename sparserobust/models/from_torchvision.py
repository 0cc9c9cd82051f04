"""torchvision's classification networks; torchvision is imported only when one of them is named."""

from __future__ import annotations

from typing import Any

from torch import nn

from sparserobust.errors import ShapeError

WITHOUT_AUXILIARY_HEADS: dict[str, Any] = {"aux_logits": False, "init_weights": False}
"""Arguments of the two networks that have more than one output in training."""


def torchvision_names() -> list[str]:
    """Names of all classification networks that the installed torchvision has."""
    from torchvision import models

    return list(models.list_models(module=models))


def torchvision_network(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The network without trained weights; GoogLeNet and Inception v3 come without their auxiliary heads.

    Raises:
        ShapeError: the images are not of three channels.
    """
    from torchvision import models

    if input_shape[0] != 3:
        raise ShapeError(
            f"torchvision:{name} takes images of 3 channels, got {input_shape[0]}; "
            "repeat the channel, or choose one of our own models"
        )
    options = WITHOUT_AUXILIARY_HEADS if name in ("googlenet", "inception_v3") else {}
    model: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **options)
    return model


def torchvision_constants(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of the images that torchvision's own weights of the network were trained on."""
    from torchvision import models

    transforms = models.get_model_weights(name).DEFAULT.transforms()
    return tuple(transforms.mean), tuple(transforms.std)
