"""A network of one's own: what `package.module:callable` makes."""

from __future__ import annotations

from torch import nn

from sparserobust.errors import ModelError
from sparserobust.own_code import made_by


def build_network(target: str) -> nn.Module:
    """The module that `package.module:callable` makes, from whatever can be imported.

    Raises:
        ModelError: it cannot be imported, found or called, or is not a torch module.
    """
    network = made_by(target, nn.Module, ModelError)
    if not isinstance(network, nn.Module):
        raise ModelError(f"{target} must be or return a torch.nn.Module, got {type(network).__name__}")
    return network
