"""How the weights of one of our networks were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class ModelOrigin:
    """How one of our networks was drawn, so that its initial weights can be drawn again.

    `sha256` is that of its prunable weights as drawn; `repeatable` is False where another machine may draw
    other bits from the same seed; `title` is the network's name for a reader.
    """

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int
    sha256: str
    initialisation: str = "xavier-normal"
    repeatable: bool = True
    title: str = ""


def origin_of(model: nn.Module, attribute: str) -> Any:
    """An attribute of the model's origin, None when `create_model` did not make it."""
    origin = getattr(model, "origin", None)
    return getattr(origin, attribute) if isinstance(origin, ModelOrigin) else None
