"""A network: normalisation as its first layer, then a body that returns logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparserobust.errors import ShapeError
from sparserobust.origin import ModelOrigin

Build = TypeVar("Build", bound=Callable[..., nn.Module])


def titled(title: str) -> Callable[[Build], Build]:
    """For a network function: how the network's name is written for a reader; `title_of` reads it."""

    def mark(build: Build) -> Build:
        build.title = title  # type: ignore[attr-defined]
        return build

    return mark


def initialised_by(initialisation: str) -> Callable[[Build], Build]:
    """For a network that cannot be trained from Xavier-normal weights: the initialisation that it needs."""

    def mark(build: Build) -> Build:
        build.initialisation = initialisation  # type: ignore[attr-defined]
        return build

    return mark


def title_of(build: Callable[..., nn.Module], name: str) -> str:
    """The title of a network function, the name where it has none."""
    return str(getattr(build, "title", name))


def initialisation_of(build: Callable[..., nn.Module]) -> str | None:
    """The initialisation that a network function states; None where any will do."""
    return getattr(build, "initialisation", None)


class Normalize(nn.Module):
    """(x - mean) / std per channel, so that images and attack budgets stay in pixels from 0 to 1."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images of zero mean and unit variance."""
        return (images - self.mean) / self.std


class Network(nn.Module):
    """Normalize, then `body`. `origin` says how its initial weights were drawn (set by `create_model`)."""

    def __init__(self, body: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.normalize = Normalize(mean, std)
        self.body = body
        self.origin: ModelOrigin | None = None

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Logits."""
        logits = self.body(self.normalize(images))
        assert isinstance(logits, Tensor)
        return logits


def at_least(input_shape: tuple[int, ...], smallest: int, name: str, why: str) -> None:
    """Raises ShapeError unless height and width are at least `smallest`."""
    if min(input_shape[1:]) < smallest:
        raise ShapeError(
            f"{name} needs images of at least {smallest}x{smallest} ({why}), got "
            f"{input_shape[1]}x{input_shape[2]}; choose another model, for instance conv2 or mlp5"
        )
