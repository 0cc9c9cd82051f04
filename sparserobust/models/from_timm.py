"""timm's classification networks; timm is imported only when one of them is named."""

from __future__ import annotations

from typing import Any

from torch import nn

from sparserobust.errors import ModelError


def timm_names() -> list[str]:
    """Names of all networks that the installed timm has, also with the tags of their published weights."""
    timm = _timm()
    return [*timm.list_models(), *timm.list_pretrained()]


def timm_network(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The network without trained weights, for images of any size, also where timm has it for one size."""
    timm = _timm()
    size = {"img_size": input_shape[1:]} if timm.models.get_pretrained_cfg(name).fixed_input_size else {}
    model: nn.Module = timm.create_model(name, num_classes=num_classes, in_chans=input_shape[0], **size)
    return model


def timm_constants(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, std) of the images that the published weights of the network, those of its tag, were trained on."""
    published = _timm().models.get_pretrained_cfg(name)
    return tuple(published.mean), tuple(published.std)


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError:
        raise ModelError(
            'timm:NAME needs timm, which is not installed; pip install "sparserobust[timm]"'
        ) from None
    return timm
