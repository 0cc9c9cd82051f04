"""From scores to masks: exactly k weights, ties by a seeded draw, degenerate scores refused."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.sparsity.allocation import Counts


def topk_mask(
    scores: Float[Tensor, "*shape"], k: int, *, generator: torch.Generator
) -> Bool[Tensor, "*shape"]:
    """Mask of the k highest-scoring weights.

    Exactly k entries are True. Weights that tie at the threshold are chosen by a draw from `generator`:
    the lower index would fill the first layer.

    Args:
        scores: importance, any shape, larger is kept; entries that are not finite are never kept before
            finite ones.
        k: how many to keep, 0 <= k <= scores.numel().
        generator: on the CPU; used only when there are ties.

    Raises:
        ConfigError: k out of range.
        DegenerateScores: fewer than k finite non-zero scores (k = numel keeps all whatever they are).
    Source: Lee et al. 2019 (SNIP), sec. 4; the tie rule is ours.
    """
    total = scores.numel()
    if not 0 <= k <= total:
        raise ConfigError(f"k must be in [0, {total}], got {k}")
    if k in (0, total):
        return torch.full(scores.shape, k == total, dtype=torch.bool, device=scores.device)
    flat = (
        scores.detach()
        .reshape(-1)
        .to("cpu", torch.float64 if scores.dtype == torch.float64 else torch.float32)
    )
    values = flat.numpy()
    usable = np.flatnonzero(np.isfinite(values) & (values != 0))
    if usable.size < k:
        raise DegenerateScores(
            f"only {usable.size} of {total} scores are finite and non-zero, but {k} weights are to be kept; "
            "score on more examples, another initialisation or a lower sparsity"
        )
    survivors = values[usable]
    threshold = np.partition(survivors, survivors.size - k)[survivors.size - k]
    above = usable[survivors > threshold]
    tied = usable[survivors == threshold]
    if missing := k - above.size:
        order = torch.randperm(tied.size, generator=generator).numpy() if missing < tied.size else slice(None)
        tied = tied[order][:missing]
    mask = torch.zeros(total, dtype=torch.bool)
    mask[torch.from_numpy(above)] = True
    mask[torch.from_numpy(tied)] = True
    return mask.reshape(scores.shape).to(scores.device)


def select(
    scores: Mapping[str, Tensor], k: int, *, counts: Counts | None, generator: torch.Generator
) -> dict[str, Tensor]:
    """Masks per weight tensor that keep exactly k in all.

    Args:
        scores: name -> importance.
        k: how many weights to keep over all tensors.
        counts: how many in each tensor (see `allocation.allocate`), None to rank globally.
        generator: for ties.

    Raises:
        DegenerateScores: the criterion cannot choose k weights, or under an allocation a layer cannot fill
            its own count, which belongs to no other; names the layers.
    """
    try:
        if counts is not None:
            return {name: _in_layer(name, s, counts[name], generator) for name, s in scores.items()}
        flat = torch.cat([s.detach().reshape(-1) for s in scores.values()])
        mask = topk_mask(flat, k, generator=generator)
    except DegenerateScores as error:
        if error.layers:
            raise
        dead = tuple(name for name, s in scores.items() if not bool((torch.isfinite(s) & (s != 0)).any()))
        if not dead:
            raise
        named = ", ".join(dead[:5]) + (f" and {len(dead) - 5} more" if len(dead) > 5 else "")
        raise DegenerateScores(f"{error}; no usable score at all in {named}", dead) from None
    parts = torch.split(mask, [s.numel() for s in scores.values()])
    return {
        name: part.reshape(s.shape).clone() for (name, s), part in zip(scores.items(), parts, strict=True)
    }


def _in_layer(name: str, scores: Tensor, k: int, generator: torch.Generator) -> Tensor:
    try:
        return topk_mask(scores, k, generator=generator)
    except DegenerateScores as error:
        raise DegenerateScores(f"{name}: {error}", (name,)) from None


def rescue_empty_layers(masks: dict[str, Tensor], *, generator: torch.Generator) -> dict[str, int]:
    """Gives every layer that keeps nothing one weight at a random place, in `masks` itself.

    Returns:
        name -> 1 for every layer that was rescued. The kept count grows by as many.
    Source: Wimmer et al. 2020 (FreezeNet), sec. 4: for FreezeNet and for SNIP in their experiments.
    """
    rescued: dict[str, int] = {}
    for name, mask in masks.items():
        if not bool(mask.any()):
            place = int(torch.randint(mask.numel(), (), generator=generator))
            mask.view(-1)[place] = True
            rescued[name] = 1
    return rescued
