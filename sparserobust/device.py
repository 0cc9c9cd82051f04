"""Where to compute."""

from __future__ import annotations

from itertools import chain

import torch
from torch import nn

from sparserobust.errors import ConfigError


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters or buffers are; the CPU for a model without any."""
    return next((t.device for t in chain(model.parameters(), model.buffers())), torch.device("cpu"))


def resolve_device(device: str | torch.device) -> torch.device:
    """The device that is meant; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ConfigError: unknown or not available here.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError):
        raise ConfigError(
            f"device must be auto, cpu or cuda[:N] as available here, got {str(device)!r}"
        ) from None
    return resolved
