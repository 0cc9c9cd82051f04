"""The conv and linear layers of a network, which initialisations draw."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.conv import _ConvNd

Layer = nn.Linear | _ConvNd


def layers_of(network: nn.Module) -> dict[str, Layer]:
    """Name of the weight -> layer, in registration order; a layer or weight that is shared appears once."""
    found: dict[str, Layer] = {}
    seen: set[int] = set()
    for name, module in network.named_modules():
        if isinstance(module, Layer) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            found[f"{name}.weight" if name else "weight"] = module
    return found
