"""Weights that torch computes from others before each pass: whether masks leave them finite."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.weight_norm import WeightNorm

from sparserobust.errors import ModelError


@torch.no_grad()
def check_computed(model: nn.Module) -> None:
    """Raises ModelError where a weight computed from masked ones is not finite: an empty row has no direction."""
    for name, weight in _computed(model):
        if not bool(torch.isfinite(weight.sum())):
            raise ModelError(
                f"{name} is normalised by the length of its rows, and rows without a weight have none; keep more "
                "weights, or make it a plain weight first (remove_parametrizations or remove_weight_norm of torch)"
            )


def _computed(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for path, module in model.named_modules():
        for attribute in getattr(module, "parametrizations", ()):
            yield f"{path}.{attribute}", getattr(module, attribute)
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm):
                yield f"{path}.{hook.name}", hook.compute_weight(module)
