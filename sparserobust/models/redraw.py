"""Initial weights, the first or new ones, and the record of how to draw them again."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from sparserobust.errors import ConfigError
from sparserobust.models.initial import REPEATABLE, draw_weights
from sparserobust.models.network import Network
from sparserobust.uses import prunable
from sparserobust.weights.plan import sha256_of
from sparserobust.weights.slots import slots_of


def redraw(model: nn.Module, initialisation: str | None, seed: int) -> None:
    """Draws all prunable weights, in place; biases and normalisation layers stay as they are.

    Args:
        model: the origin of one of our networks says afterwards how to draw these weights again.
        initialisation: by name; None for the one that the network was drawn by.
        seed: 0 <= seed < 2**32.

    Raises:
        ConfigError: unknown name, or None for a network that `create_model` did not make.
    """
    origin = model.origin if isinstance(model, Network) else None
    name = initialisation or (origin.initialisation if origin is not None else None)
    if name is None:
        raise ConfigError(
            f"how {type(model).__name__} was initialised is not known; "
            "name one, for instance initialisation='xavier-normal'"
        )
    names = prunable(model)
    draw_weights(model, name, seed, names)
    if isinstance(model, Network) and origin is not None:
        drawn = sha256_of({key: slot.values for key, slot in slots_of(model, names).items()})
        model.origin = replace(
            origin, seed=seed, initialisation=name, sha256=drawn, repeatable=name in REPEATABLE
        )
