"""Networks of other libraries by name, `LIBRARY:NAME`: which there are, and one that takes the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparserobust.errors import ShapeError, SparseRobustError, said_by
from sparserobust.models.from_timm import timm_constants, timm_names, timm_network
from sparserobust.models.from_torchvision import torchvision_constants, torchvision_names, torchvision_network
from sparserobust.registry import library_of, models

Constants = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of every channel."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library of networks; each of these imports it.

    Attributes:
        names: all networks that it has, without its own name before them.
        network: makes one of (name, input shape, classes), with weights that torch's global stream draws.
        constants: what images were normalised by where the library's own weights of a network were trained.
    """

    names: Callable[[], list[str]]
    network: Callable[[str, tuple[int, ...], int], nn.Module]
    constants: Callable[[str], Constants]


LIBRARIES = {
    "torchvision": Library(
        names=torchvision_names, network=torchvision_network, constants=torchvision_constants
    ),
    "timm": Library(names=timm_names, network=timm_network, constants=timm_constants),
}
"""By the names of `registry.LIBRARIES`."""


def bare_name(name: str) -> str:
    """NAME of "LIBRARY:NAME", and of any other name itself."""
    return name.removeprefix(f"{library}:") if (library := library_of(name)) else name


def is_in_library(name: str) -> bool:
    """Whether a name is that of a network of a library, which is imported where its own name stands there."""
    library = library_of(name)
    return bool(library) and bare_name(name) in LIBRARIES[library].names()


def constants_of(name: str) -> Constants | None:
    """What the published weights of a library's network want images to be normalised by; None for any other network.

    Raises:
        ModelError: its library is not installed, or has no such network.
    """
    library = library_of(name)
    if not library:
        return None
    _require(name)
    return LIBRARIES[library].constants(bare_name(name))


def library_network(name: str, input_shape: tuple[int, ...], num_classes: int) -> nn.Module:
    """The network without trained weights, in training mode, after it has taken one blank image.

    The parameters that are neither conv nor linear weights (class tokens, position embeddings, layer scales) are as
    the library draws them from torch's global stream.

    Args:
        name: LIBRARY:NAME.
        input_shape: (c, h, w).
        num_classes: outputs.

    Raises:
        ModelError: its library is not installed, or has no such network.
        ShapeError: the network cannot take images of this shape.
    """
    _require(name)
    try:
        model = LIBRARIES[library_of(name)].network(bare_name(name), input_shape, num_classes)
        _take_blank_image(model, input_shape, num_classes)
    except SparseRobustError:
        raise
    except Exception as error:  # sizes that a network takes are written nowhere; what it raises says it
        raise ShapeError(
            f"{name} cannot take images of {input_shape[1]}x{input_shape[2]} ({said_by(error)[:200]}); "
            "choose another size or model"
        ) from None
    return model.train()


def _require(name: str) -> None:
    if not is_in_library(name):
        library = library_of(name)
        raise models.unknown(name, [f"{library}:{own}" for own in LIBRARIES[library].names()])


@torch.no_grad()
def _take_blank_image(model: nn.Module, input_shape: tuple[int, ...], num_classes: int) -> None:
    logits = model.eval()(torch.zeros(1, *input_shape))
    if not isinstance(logits, Tensor) or tuple(logits.shape) != (1, num_classes):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(f"it returns {got} for one image, expected logits (1, {num_classes})")
