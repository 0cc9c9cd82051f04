"""The networks of an experiment: made anew for a seed, with the weights of a file where one is named."""

from __future__ import annotations

import torch
from torch import nn

from sparserobust.data import Data
from sparserobust.errors import ConfigError, ModelError
from sparserobust.experiment.normalize import DATA, OF_THE_MODEL, constants
from sparserobust.experiment.spec import DEFAULT_MODEL, Experiment
from sparserobust.models import create_model
from sparserobust.models.create import own_initialisation
from sparserobust.models.libraries import constants_of
from sparserobust.models.network import Network
from sparserobust.models.own import build_network
from sparserobust.records import Remark
from sparserobust.training import Recipe
from sparserobust.weight_files import load_weights
from sparserobust.weights.isolation import random_states_seeded


def fresh_network(
    experiment: Experiment, data: Data, recipe: Recipe | None, seed: int
) -> tuple[nn.Module, tuple[Remark, ...]]:
    """A network drawn by this seed, with the weights of the file where one is named, and how those were read.

    Named ones are initialised as asked for, else as the recipe's paper did, but for networks that need their own. The
    names in a file are those that the network has without our normalisation before it.
    """
    if experiment.own_network is None:
        name, initialisation = experiment.model or DEFAULT_MODEL, experiment.initialisation
        if initialisation is None and recipe is not None and own_initialisation(name) is None:
            initialisation = recipe.initialisation
        network: nn.Module = create_model(name, data, seed=seed, initialisation=initialisation)
    else:
        network = _own_network(experiment.own_network, seed)
    if experiment.weights is None:
        return network, ()
    body = network.body if isinstance(network, Network) else network
    return network, load_weights(body, experiment.weights, key=experiment.weights_key)


def normalized(experiment: Experiment, data: Data) -> Data:
    """The data with the constants by which a named architecture is to normalise its images.

    Raises:
        ConfigError: they are of another number of channels, or the architecture has none of its own.
    """
    chosen, name = experiment.normalize, experiment.model or DEFAULT_MODEL
    if chosen == DATA or experiment.saved or experiment.own_network is not None:
        return data
    channels = data.input_shape[0]
    if chosen is not None and chosen != OF_THE_MODEL:
        return data.normalized(*constants(chosen, channels))
    if chosen is None and experiment.weights is None:
        return data
    published = constants_of(name)
    if chosen is None and (published is None or len(published[0]) != channels):
        return data
    if published is None:
        raise ConfigError(
            f"normalize model is for networks of torchvision and timm, {name} states no constants"
        )
    return data.normalized(*published)


def drawn_weights(target: str, network: nn.Module, seed: int) -> tuple[tuple[str, ...], bool]:
    """(weights of a network of one's own that are drawn by chance, whether all are that do not start constant).

    What two seeds draw otherwise is drawn, and not loaded.

    Args:
        target: package.module:callable.
        network: as it makes it under this seed.
        seed: under which it made it.
    """
    try:
        other = dict(_own_network(target, seed + 1 if seed == 0 else seed - 1).named_parameters())
    except ModelError:  # it can be made only once
        return (), False
    weights = {name: own for name, own in network.named_parameters() if own.ndim > 1 and own.numel()}
    drawn = {
        name
        for name, own in weights.items()
        if name in other
        and other[name].shape == own.shape
        and not torch.equal(own, other[name].to(own.device))
    }
    loaded = [
        name for name, own in weights.items() if name not in drawn and bool((own != own.flatten()[0]).any())
    ]
    return tuple(name for name in weights if name in drawn), bool(drawn) and not loaded


def _own_network(target: str, seed: int) -> nn.Module:
    with random_states_seeded(seed):
        return build_network(target)
