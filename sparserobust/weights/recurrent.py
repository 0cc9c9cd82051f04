"""Recurrent layers whose weights are parametrized, as a DCT offset does it."""

from __future__ import annotations

from torch import Tensor, nn


def read_parametrized(layer: nn.RNNBase) -> None:
    """Makes a parametrized recurrent layer read its weights as they are, each time that it runs.

    torch keeps them in a list, which it makes again where it sees a change. In a copy it may see none, and while the
    list holds what was computed on a graph it cannot be copied at all. Here the list is a property of the class,
    which torch makes for each parametrized layer and which its copies share.
    """
    own = type(layer)
    setattr(own, "_flat_weights", property(_flat_weights, _ignore))  # noqa: B010 - no attribute of a type of torch's
    setattr(own, "_update_flat_weights", _nothing)  # noqa: B010
    vars(layer).pop("_flat_weights", None)


def read_plain(layer: nn.RNNBase) -> None:
    """Makes a layer that was parametrized read plain weights, as torch does."""
    layer._init_flat_weights()


def _flat_weights(layer: nn.RNNBase) -> list[Tensor]:
    return [getattr(layer, name) for name in layer._flat_weights_names]


def _ignore(layer: nn.RNNBase, value: object) -> None:
    """What torch lists is not kept."""


def _nothing(layer: nn.RNNBase) -> None:
    """There is nothing to bring up to date."""
