"""Which weights a mask loses and which it gains: pure functions on one tensor, exact counts, ties by a draw."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.errors import ConfigError


def largest(
    scores: Float[Tensor, "*shape"],
    among: Bool[Tensor, "*shape"],
    count: int,
    *,
    generator: torch.Generator,
) -> Bool[Tensor, "*shape"]:
    """The `count` highest scores among some entries; zeros count as any other number, ties are drawn.

    Unlike `select.topk_mask` nothing is degenerate here: a mask under training may lose or gain a weight of
    score zero.

    Args:
        scores: what is NaN is chosen last.
        among: entries that may be chosen.
        count: 0 <= count <= among.sum().
        generator: on the CPU; used only when there are ties at the threshold.

    Raises:
        ConfigError: more are asked for than there are.
    """
    room = int(among.sum())
    if not 0 <= count <= room:
        raise ConfigError(f"count must be in [0, {room}], got {count}")
    if count in (0, room):
        return among.clone() if count else torch.zeros_like(among)
    candidates = scores[among].nan_to_num(nan=-math.inf, posinf=math.inf, neginf=-math.inf)
    threshold = candidates.topk(count).values[-1]
    chosen = candidates > threshold
    tied = (candidates == threshold).nonzero().squeeze(1)
    missing = count - int(chosen.sum())
    if missing < len(tied):
        tied = tied[torch.randperm(len(tied), generator=generator)[:missing].to(tied.device)]
    chosen[tied] = True
    mask = torch.zeros_like(among)
    mask[among] = chosen
    return mask


def exchanged(mask: Bool[Tensor, "*shape"], fraction: float) -> int:
    """How many weights a mask drops and grows: that share of those it keeps, as far as there are free places."""
    kept = int(mask.sum())
    return min(int(fraction * kept), mask.numel() - kept)


def drop_smallest(
    weights: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"], count: int, *, generator: torch.Generator
) -> Bool[Tensor, "*shape"]:
    """The mask without its `count` weights of smallest magnitude."""
    return mask & ~largest(-weights.abs(), mask, count, generator=generator)


def grow_largest(
    scores: Float[Tensor, "*shape"],
    mask: Bool[Tensor, "*shape"],
    candidates: Bool[Tensor, "*shape"],
    count: int,
    *,
    generator: torch.Generator,
) -> Bool[Tensor, "*shape"]:
    """The mask with the `count` candidates of highest score that it does not keep yet."""
    return mask | largest(scores, candidates & ~mask, count, generator=generator)


def grow_random(
    mask: Bool[Tensor, "*shape"],
    candidates: Bool[Tensor, "*shape"],
    count: int,
    *,
    generator: torch.Generator,
) -> Bool[Tensor, "*shape"]:
    """The mask with `count` candidates more, all equally likely."""
    free = (candidates & ~mask).flatten().nonzero().squeeze(1)
    grown = mask.clone()
    grown.view(-1)[free[torch.randperm(len(free), generator=generator)[:count].to(free.device)]] = True
    return grown
