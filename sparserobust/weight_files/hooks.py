"""Weights that hooks compute before every forward pass, computed anew at once."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm


@torch.no_grad()
def refresh_hooked(model: nn.Module) -> None:
    """Sets each attribute that a hook of `torch.nn.utils` computes to what follows from the weights as they are now."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, BasePruningMethod | WeightNorm):
                hook(module, None)
            elif isinstance(hook, SpectralNorm):  # in training mode the hook itself would take a step
                setattr(module, hook.name, hook.compute_weight(module, do_power_iteration=False))
