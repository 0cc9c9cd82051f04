"""Where to compute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from sparserobust.errors import ConfigError
from sparserobust.kernels import is_recurrent


@contextmanager
def repeatable_kernels(*evaluated: nn.Module) -> Iterator[None]:
    """CuDNN picks deterministic algorithms and does not round to TF32; does nothing on a CPU.

    Args:
        evaluated: models whose gradients are taken in evaluation mode. Where one has recurrent layers cuDNN is off,
            which cannot do that.
    """
    cudnn = bool(torch.backends.cudnn.enabled) and not any(is_recurrent(model) for model in evaluated)
    with torch.backends.cudnn.flags(enabled=cudnn, deterministic=True, benchmark=False, allow_tf32=False):
        yield


@contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[None]:
    """Dropout drawn from the seed, cuDNN deterministic; the global random state is as before afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices), repeatable_kernels():
        torch.manual_seed(seed)
        yield


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters or buffers are; the CPU for a model without any."""
    return next((t.device for t in chain(model.parameters(), model.buffers())), torch.device("cpu"))


def dtype_of(model: nn.Module, default: torch.dtype = torch.float32) -> torch.dtype:
    """The floating dtype of the model's first parameter or buffer; `default` for a model without any."""
    tensors = chain(model.parameters(), model.buffers())
    return next((t.dtype for t in tensors if t.is_floating_point()), default)


def is_half(model: nn.Module) -> bool:
    """Whether all floating-point numbers of a model are of half precision; one of mixed types minds what is which."""
    types = {t.dtype for t in chain(model.parameters(), model.buffers()) if t.is_floating_point()}
    return bool(types) and types <= {torch.float16, torch.bfloat16}


def working_dtype(model: nn.Module) -> torch.dtype:
    """What losses and gradients of weights are taken in: float64 for a model that computes in it, else float32."""
    return torch.promote_types(dtype_of(model), torch.float32)


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
        if resolved.type == "meta":  # which computes nothing
            raise RuntimeError
    except (RuntimeError, AssertionError):
        raise ConfigError(
            f"device must be auto, cpu or cuda[:N] as available here, got {str(device)!r}"
        ) from None
    return resolved
