"""`create_model`: one of our networks by name, with initial weights that a seed brings back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import nn

from sparserobust.errors import ConfigError, ModelError, did_you_mean
from sparserobust.models import conv, fixup, lenet, mlp, mobilenet, resnet, vgg
from sparserobust.models.from_torchvision import PREFIX, torchvision_names, torchvision_network
from sparserobust.models.network import Network
from sparserobust.models.redraw import redraw
from sparserobust.origin import ModelOrigin
from sparserobust.weights.plan import prunable_modules

MODELS: dict[str, Callable[[tuple[int, ...], int], nn.Module]] = {
    "mlp5": mlp.mlp5,
    "lenet-300-100": mlp.lenet_300_100,
    "lenet5-caffe": lenet.lenet5_caffe,
    "lenet5": lenet.lenet5,
    "conv6": conv.conv6,
    "conv2": conv.conv2,
    "vgg16-d": vgg.vgg16_d,
    "resnet34": resnet.resnet34,
    "resnet18": resnet.resnet18,
    "resnet50": resnet.resnet50,
    "vgg19": vgg.vgg19,
    "mobilenetv2": mobilenet.mobilenetv2,
    "fixup-resnet110": fixup.fixup_resnet110,
    "lenet5-dctps": lenet.lenet5_dctps,
    "resnet18-snip-it": resnet.resnet18_snip_it,
    "vgg16-snip-it": vgg.vgg16_snip_it,
    "alexnet-snip-it": vgg.alexnet_snip_it,
    "resnet50-v1": resnet.resnet50_v1,
}
"""name -> function of (input shape (c, h, w), number of classes) that builds the body."""

OWN_INITIALISATION = {"fixup-resnet110": "fixup"}
"""Networks that cannot be trained from Xavier-normal weights, which is what all others start from."""


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
    """Names that `create_model` takes, besides torchvision:NAME for any network of torchvision."""
    return list(MODELS)


def is_model(name: str) -> bool:
    """Whether `create_model` takes that name; torchvision is imported for a name of its own only."""
    return name in MODELS or (name.startswith(PREFIX) and name in torchvision_names())


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
        name: one of `list_models()`, or torchvision:NAME for torchvision's network of that name.
        data: gives input shape, number of classes, mean and standard deviation for the normalisation layer.
        input_shape: (c, h, w), instead of or over that of `data`; without `data` nothing is normalised.
        num_classes: likewise.
        mean: per channel, subtracted by the first layer; likewise.
        std: per channel, divided by; likewise.
        seed: of the initial weights, 0 <= seed < 2**32; the same seed gives the same bits everywhere, but for
            orthogonal weights.
        initialisation: of the conv and linear weights, one of `models.initial.INITIALISATIONS`; their biases
            start at 0. Without it "xavier-normal", and "fixup" for a Fixup network.

    Raises:
        ModelError: unknown name, or an initialisation that is not for this network.
        ConfigError: shape or classes are missing, the seed is out of range, or an unknown initialisation.
        ShapeError: the architecture cannot take images of this size.
    """
    if not is_model(name):
        known = torchvision_names() if name.startswith(PREFIX) else MODELS
        raise ModelError(
            f"unknown model {name!r}{did_you_mean(name, known) or ';'} "
            f"`sparserobust list models` shows all {len(MODELS)}, torchvision:NAME is any of torchvision's"
        )
    if not 0 <= seed < 2**32:
        raise ConfigError(f"seed must be in [0, 2**32), got {seed}")
    shape = tuple(input_shape or (data.input_shape if data is not None else ()))
    classes = num_classes or (data.num_classes if data is not None else 0)
    if len(shape) != 3 or classes < 2:
        raise ConfigError(
            f"create_model({name!r}) needs data, or input_shape=(c, h, w) and num_classes >= 2; "
            f"got input_shape={shape or None} and num_classes={classes or None}"
        )
    mean = tuple(mean or (data.mean if data is not None else (0.0,) * shape[0]))
    std = tuple(std or (data.std if data is not None else (1.0,) * shape[0]))
    if not len(mean) == len(std) == shape[0] or min(std) <= 0:
        raise ConfigError(
            f"mean and std need one value per channel ({shape[0]}), std above 0; got {len(mean)} and {len(std)} values"
        )
    with torch.random.fork_rng(devices=[]):  # torch's own initialisation would move the global stream
        torch.default_generator.manual_seed(seed)  # draws what is not prunable, such as a class token
        body = MODELS[name](shape, classes) if name in MODELS else torchvision_network(name, shape, classes)
        model = Network(body, mean, std)
    initialisation = initialisation or OWN_INITIALISATION.get(name, "xavier-normal")
    model.origin = ModelOrigin(name, shape, classes, mean, std, seed, "")
    redraw(model, initialisation, seed)
    _zero_biases(model)
    return model


@torch.no_grad()
def _zero_biases(model: nn.Module) -> None:
    for module in prunable_modules(model).values():
        if isinstance(module.bias, nn.Parameter):
            module.bias.zero_()
