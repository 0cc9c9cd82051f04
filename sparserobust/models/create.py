"""`create_model`: one of our networks by name, with initial weights that a seed brings back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import nn

from sparserobust.arguments import plain_numbers, seed_number, whole_number
from sparserobust.errors import ConfigError
from sparserobust.models.layers import layers_of
from sparserobust.models.libraries import bare_name, is_in_library, library_network
from sparserobust.models.network import Network, initialisation_of, title_of
from sparserobust.models.redraw import redraw
from sparserobust.origin import ModelOrigin
from sparserobust.registry import library_of, models


class ImageFacts(Protocol):
    """What a network must know of its data (a `Data` has it)."""

    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def num_classes(self) -> int: ...
    @property
    def mean(self) -> Sequence[float]: ...
    @property
    def std(self) -> Sequence[float]: ...


def list_models() -> list[str]:
    """Names that `create_model` takes, besides torchvision:NAME and timm:NAME for any network of theirs."""
    return models.names()


def is_model(name: str) -> bool:
    """Whether `create_model` takes that name; a library of networks is imported for a name of its own only."""
    return name in models.names() or is_in_library(name)


def own_initialisation(name: str) -> str | None:
    """The initialisation that a network needs; None where any will do."""
    return None if library_of(name) else initialisation_of(models.load(name))


def create_model(
    name: str,
    data: ImageFacts | None = None,
    *,
    input_shape: tuple[int, ...] | None = None,
    num_classes: int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    seed: int = 0,
    initialisation: str | None = None,
) -> Network:
    """A network with freshly drawn weights, on the CPU, in training mode, returning logits.

    Args:
        name: one of `list_models()`, or torchvision:NAME or timm:NAME for that library's network of that name.
        data: gives input shape, number of classes, mean and standard deviation for the normalisation layer.
        input_shape: (c, h, w), instead of or over that of `data`; without `data` nothing is normalised.
        num_classes: likewise.
        mean: per channel, subtracted by the first layer; likewise.
        std: per channel, divided by; likewise.
        seed: of the initial weights, 0 <= seed < 2**32; the same seed gives the same bits everywhere, but for
            orthogonal weights.
        initialisation: of the conv and linear weights, one of `models.initial.INITIALISATIONS`; their biases
            start at 0. Without it the one that the network states (a Fixup network's is "fixup"), else "xavier-normal".

    Raises:
        ModelError: unknown name, one of a library that is not installed, or an initialisation that is not for this
            network.
        PluginError: a network of another package that cannot be loaded, fails, or is no torch module.
        ConfigError: shape or classes are missing, the seed is out of range, or an unknown initialisation.
        ShapeError: the architecture cannot take images of this size.
    """
    build = _builder(name)
    seed = seed_number(seed)
    shape, classes = _shape_and_classes(name, data, input_shape, num_classes)
    means = _per_channel("mean", mean if mean is not None or data is None else data.mean, shape[0], 0.0)
    stds = _per_channel("std", std if std is not None or data is None else data.std, shape[0], 1.0)
    if min(stds) <= 0:
        raise ConfigError(f"std must be above 0 in every channel, got {stds}")
    with torch.random.fork_rng(devices=[]):  # torch's own initialisation would move the global stream
        torch.default_generator.manual_seed(seed)  # draws what is not prunable, such as a class token
        model = Network(build(shape, classes), means, stds)
    title = title_of(build, bare_name(name))
    model.origin = ModelOrigin(name, shape, classes, means, stds, seed, "", title=title)
    redraw(model, initialisation or initialisation_of(build) or "xavier-normal", seed)
    _zero_biases(model)
    return model


def _builder(name: str) -> Callable[..., nn.Module]:
    """The function that builds the network's body from (input shape, classes)."""
    return partial(library_network, name) if library_of(name) else models.function(name, nn.Module)


def _shape_and_classes(
    name: str, data: ImageFacts | None, input_shape: object, num_classes: object
) -> tuple[tuple[int, ...], int]:
    """What is given, or else what the data says."""
    facts = ("input_shape", "num_classes", "mean", "std")
    if data is not None and not all(hasattr(data, fact) for fact in facts):
        did = (
            f"did you mean load_data({data!r})?"
            if isinstance(data, str)
            else "name input_shape and num_classes"
        )
        got = repr(data) if isinstance(data, str) else type(data).__name__
        raise ConfigError(f"create_model takes what load_data returns as data, got {got}; {did}")
    if input_shape is None and data is not None:
        input_shape = data.input_shape
    if num_classes is None and data is not None:
        num_classes = data.num_classes
    try:
        if not isinstance(input_shape, Sequence) or len(input_shape) != 3:
            raise ConfigError
        shape = tuple(whole_number("input_shape", size, least=1) for size in input_shape)
        return shape, whole_number("num_classes", num_classes, least=2)
    except ConfigError:
        raise ConfigError(
            f"create_model({name!r}) needs data, or input_shape=(c, h, w) and num_classes >= 2; "
            f"got input_shape={input_shape!r} and num_classes={num_classes!r}"
        ) from None


def _per_channel(what: str, values: object, channels: int, default: float) -> tuple[float, ...]:
    """One number for each channel."""
    numbers = [default] * channels if values is None else plain_numbers(values)
    if (
        not isinstance(numbers, list)
        or len(numbers) != channels
        or not all(isinstance(number, int | float) for number in numbers)
    ):
        raise ConfigError(
            f"{what} must be a list of numbers, one for each of {channels} channels, got {values!r}"
        )
    return tuple(float(number) for number in numbers)


@torch.no_grad()
def _zero_biases(model: nn.Module) -> None:
    for module in layers_of(model).values():
        if module.bias is not None:
            module.bias.zero_()
