"""From scores to masks: exactly k weights, ties by a seeded draw, degenerate scores refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from sparserobust.errors import ConfigError, DegenerateScores
from sparserobust.sparsity.allocation import Counts
from sparserobust.sparsity.scoring_model import flat
from sparserobust.sparsity.threshold import kth_largest

Ties = Literal["draw", "keep", "drop", "strict"]
TIES: tuple[Ties, ...] = ("draw", "keep", "drop", "strict")


def topk_mask(
    scores: Float[Tensor, "*shape"],
    k: int,
    *,
    generator: torch.Generator,
    ties: Ties = "draw",
    at_least: int | None = None,
) -> Bool[Tensor, "*shape"]:
    """Mask of the k highest-scoring weights.

    Exactly k entries are True. Weights that tie at the threshold are chosen by a draw from `generator`:
    the lower index would fill the first layer.

    Args:
        scores: importance, any shape, larger is kept; entries that are zero or not finite are never kept
            before others.
        k: how many to keep, 0 <= k <= scores.numel().
        generator: on the CPU; used only when there are ties.
        ties: "draw", or as published codes do, which then keep more or fewer than k: "keep" all that reach
            the k-th score (FORCE, FreezeNet's Algorithm 1), "drop" all that tie with the first one pruned
            (SynFlow), "strict": only what lies above the k-th score, which itself falls (SNIP-it).
        at_least: fewer than k usable scores will do, but not fewer than this; all of them are then kept.

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
    values = _on_cpu(scores)
    usable = _usable(values)
    available = total if usable is None else int(np.count_nonzero(usable))
    if available < (k if at_least is None else at_least):
        raise DegenerateScores(
            f"only {available} of {total} scores are finite and non-zero, but {k} weights are to be kept; "
            "score on more examples, another initialisation or a higher sparsity"
        )
    k = min(k, available)
    threshold, above, tied = kth_largest(values, k, usable)
    whole = above + tied == k
    mask = _and(values >= threshold if whole and ties != "strict" else values > threshold, usable)
    if not whole and ties in ("draw", "keep"):
        places = np.flatnonzero(_and(values == threshold, usable))
        if ties == "draw":
            places = places[torch.randperm(tied, generator=generator).numpy()][: k - above]
        mask[places] = True
    if not above and (ties == "strict" or (ties == "drop" and not whole)):
        raise DegenerateScores(f"all {tied} highest scores are equal, so that ties={ties!r} keeps none")
    return torch.from_numpy(mask).reshape(scores.shape).to(scores.device)


def usable_count(scores: Tensor) -> int:
    """How many scores are finite and not zero."""
    usable = _usable(_on_cpu(scores))
    return scores.numel() if usable is None else int(np.count_nonzero(usable))


def select(
    scores: Mapping[str, Tensor],
    k: int,
    *,
    counts: Counts | None,
    generator: torch.Generator,
    ties: Ties = "draw",
    at_least: int | None = None,
) -> dict[str, Tensor]:
    """Masks per weight tensor that keep exactly k in all, on the CPU.

    Args:
        scores: name -> importance.
        k: how many weights to keep over all tensors.
        counts: how many in each tensor (see `allocation.allocate`), None to rank globally.
        generator: for ties.
        ties: see `topk_mask`.
        at_least: see `topk_mask`; where counts are given every layer must fill its own.

    Raises:
        DegenerateScores: the scores cannot choose k weights, or under an allocation a layer cannot fill
            its own count, which belongs to no other; names the layers.
    """
    try:
        if counts is not None:
            return {name: _in_layer(name, s, counts[name], generator, ties) for name, s in scores.items()}
        mask = topk_mask(flat(scores), k, generator=generator, ties=ties, at_least=at_least).cpu()
    except DegenerateScores as error:
        if error.layers:
            raise
        dead = tuple(name for name, s in scores.items() if not usable_count(s))
        if not dead:
            raise
        named = ", ".join(dead[:5]) + (f" and {len(dead) - 5} more" if len(dead) > 5 else "")
        raise DegenerateScores(f"{error}; no usable score at all in {named}", dead) from None
    parts = torch.split(mask, [s.numel() for s in scores.values()])
    return {name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts, strict=True)}


def _in_layer(name: str, scores: Tensor, k: int, generator: torch.Generator, ties: Ties) -> Tensor:
    try:
        return topk_mask(scores, k, generator=generator, ties=ties).cpu()
    except DegenerateScores as error:
        raise DegenerateScores(f"{name}: {error}", (name,)) from None


def _on_cpu(scores: Tensor) -> NDArray[Any]:
    """The scores as a vector that numpy sees, without a copy where possible."""
    flat = scores.detach().reshape(-1).cpu()
    return flat.numpy() if flat.dtype in (torch.float32, torch.float64) else flat.float().numpy()


def _usable(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Which scores are finite and not zero; None when all are, which saves the work on eleven million."""
    usable: NDArray[np.bool_] = values != 0
    with np.errstate(over="ignore", invalid="ignore"):
        finite = np.isfinite(values.sum())  # tells in one pass whether another is needed
    if not finite:
        usable &= np.isfinite(values)
    return None if np.count_nonzero(usable) == usable.size else usable


def _and(mask: NDArray[np.bool_], usable: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return mask if usable is None else mask & usable


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


def shuffle_within_layers(masks: Mapping[str, Tensor], *, generator: torch.Generator) -> dict[str, Tensor]:
    """Masks that keep as many weights in every layer, at random places: does *which* weight matter at all?

    Source: Frankle et al. 2021 (arXiv:2009.08576), sec. 4; Su et al. 2020 (arXiv:2009.11094).
    """
    return {
        name: mask.reshape(-1)[torch.randperm(mask.numel(), generator=generator)].view(mask.shape)
        for name, mask in masks.items()
    }
