"""The networks of an experiment: made anew for a seed, and tried on one image before anything is trained."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from sparserobust.data import Data
from sparserobust.device import device_of
from sparserobust.errors import ModelError, said_by
from sparserobust.experiment.spec import DEFAULT_MODEL, Experiment
from sparserobust.models import create_model
from sparserobust.models.create import own_initialisation
from sparserobust.models.own import build_network, load_weights
from sparserobust.training import Recipe
from sparserobust.weights.isolation import examined, random_states_kept


def fresh_network(experiment: Experiment, data: Data, recipe: Recipe | None, seed: int) -> nn.Module:
    """A network drawn by this seed: one of ours, or the user's own with its weights where some are named.

    Ours are initialised as asked for, else as the recipe's paper did, but for networks that need their own.
    """
    if experiment.own_network is None:
        name, initialisation = experiment.model or DEFAULT_MODEL, experiment.initialisation
        if initialisation is None and recipe is not None and own_initialisation(name) is None:
            initialisation = recipe.initialisation
        return create_model(name, data, seed=seed, initialisation=initialisation)
    with random_states_kept():
        for seeded in (torch.manual_seed, np.random.seed, random.seed):
            seeded(seed)
        network = build_network(experiment.own_network)
    if experiment.weights is not None:
        load_weights(network, experiment.weights)
    return network


def try_one_image(model: nn.Module, data: Data, name: str) -> None:
    """Raises ModelError unless the network takes the data's images and returns its classes' logits."""
    device = device_of(model)
    with examined(model), torch.no_grad():
        image, _ = data.test[0]
        try:
            logits = model(image.unsqueeze(0).to(device))
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            text = f"{type(error).__name__}: {said_by(error)}"
            raise ModelError(
                f"{name} does not take images of shape {tuple(image.shape)} ({data.name}): {text}"
            ) from None
    one = isinstance(logits, torch.Tensor) and data.num_classes == 2 and tuple(logits.shape) == (1, 1)
    if not one and (not isinstance(logits, torch.Tensor) or tuple(logits.shape) != (1, data.num_classes)):
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ModelError(
            f"{name} must return logits (1, {data.num_classes}) for one image of {data.name}, got {got}"
        )
