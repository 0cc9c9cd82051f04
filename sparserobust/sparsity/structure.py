"""Masks with a structure: windows, whole kernels, blocks. Pure functions on one weight, which only take away.

A convolution's weight is (K, C, *window): K outputs, C inputs, one kernel for each pair. A fully connected layer's is
(outputs, inputs). Shares are of what a full mask keeps, whatever the mask has lost before: what is gone stays gone,
so that a second call with the same share changes nothing.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.sparsity.drop_and_grow import largest

Share = Fraction | float
Locale = Literal["input", "output", "layer"]
LOCALES: tuple[Locale, ...] = ("input", "output", "layer")


def exactly(share: Share) -> Fraction:
    """The share as the decimal that was written, so that 0.28 of 25 is 7.

    Raises:
        ConfigError: outside [0, 1).
    """
    exact = share if isinstance(share, Fraction) else Fraction(repr(float(share)))
    if not 0 <= exact < 1:
        raise ConfigError(f"share must be in [0, 1), got {float(share):g}")
    return exact


def left_over(count: int, share: Share) -> int:
    """How many of `count` things are left when that share goes, rounded down: at least 1."""
    return count - math.floor(count * exactly(share))


def window_kept(size: int, share: Share, *, most: int | None = None) -> int:
    """How many weights a window of `size` keeps when that share goes, rounded up.

    A window always keeps one: rounding up would else empty every 3x3 window from a share of 8/9 on.

    Args:
        size: weights of a window.
        share: that is to go, in [0, 1).
        most: the window keeps no more than that, whatever the share.
    Source: STARFIRE, Algorithm 3. Its n-th value is taken as that of an ascending order (it says "largest", which
        would keep the smallest); rounding up is inferred from Table 5. The one weight that stays is ours.
    """
    kept = size - math.ceil(size * exactly(share))
    return max(1, kept if most is None else min(kept, most))


def window_mask(
    weight: Float[Tensor, "k c *window"], mask: Bool[Tensor, "k c *window"], kept: int
) -> Bool[Tensor, "k c *window"]:
    """The mask with no more than `kept` weights in each window, those of largest magnitude.

    Ties, which trained weights do not have, go to the lower index within the window.

    Args:
        weight: of a convolution.
        mask: what is kept so far; nothing else comes back.
        kept: at least 1.
    Source: STARFIRE, sec. 2.1.1 and Algorithm 3.
    """
    size = math.prod(weight.shape[2:])
    if kept >= size:
        return mask.clone()
    return mask & _top(_ranked(weight, mask).flatten(2), kept).view_as(mask)


def kernel_mask(
    weight: Float[Tensor, "k c *window"],
    mask: Bool[Tensor, "k c *window"],
    share: Share,
    *,
    locale: Locale = "input",
) -> Bool[Tensor, "k c *window"]:
    """The mask without the kernels that are weakest among their rivals; a kernel counts as its largest magnitude.

    Every group of rivals keeps at least one kernel. Ties, which trained weights do not have, go to the lower index.

    Args:
        weight: of a convolution.
        mask: what is kept so far; nothing else comes back.
        share: of the rivals that is to go, in [0, 1), rounded down.
        locale: the rivals: the K kernels that read one input (Algorithm 1: an output can lose all its kernels, an
            input cannot), the C kernels of one "output", or all of the "layer". Where inputs come in groups, those
            at the same place of all groups are one.

    Raises:
        ConfigError: share outside [0, 1).
    Source: STARFIRE, sec. 2.1.1 and Algorithm 1.
    """
    strength = _ranked(weight, mask).flatten(2).amax(dim=2)
    if locale == "input":
        kept = _top(strength.T, left_over(len(strength), share)).T
    elif locale == "output":
        kept = _top(strength, left_over(strength.shape[1], share))
    else:
        kept = _top(strength.view(1, -1), left_over(strength.numel(), share)).view_as(strength)
    return mask & kept.reshape(*kept.shape, *(1 for _ in weight.shape[2:]))


def kept_kernels(shape: tuple[int, ...], share: Share, locale: Locale = "input") -> int:
    """How many kernels `kernel_mask` leaves a full mask of that shape."""
    k, c = shape[:2]
    rivals = {"input": k, "output": c, "layer": k * c}[locale]
    return k * c // rivals * left_over(rivals, share)


def block_mask(
    weight: Float[Tensor, "outputs inputs"],
    mask: Bool[Tensor, "outputs inputs"],
    share: Share,
    *,
    block: int,
    generator: torch.Generator,
) -> Bool[Tensor, "outputs inputs"]:
    """The mask without the weakest blocks; a block counts as the sum of its magnitudes.

    Blocks at the edge that are cut short count per weight, or they would go first. Every row of blocks keeps its
    strongest one, so that each output keeps an input (as far as the mask still has one), even where the share
    leaves fewer blocks than rows.

    Args:
        weight: of a fully connected layer.
        mask: what is kept so far; nothing else comes back.
        share: of the blocks that is to go, in [0, 1), rounded down.
        block: side of a square block; 1 for single weights.
        generator: for ties, on the CPU.

    Raises:
        ConfigError: share outside [0, 1).
    Source: STARFIRE, sec. 2.1.2.
    """
    size = torch.ones_like(weight)
    strength = _in_blocks(weight.detach().abs() * mask, block) / _in_blocks(size, block)
    alive = _in_blocks(mask.to(weight.dtype), block) > 0
    best = strength.masked_fill(~alive, -1).argmax(dim=1, keepdim=True)
    kept = torch.zeros_like(alive).scatter_(1, best, True) & alive
    others = alive & ~kept
    room = max(0, left_over(kept.numel(), share) - int(kept.sum()))
    kept |= largest(strength, others, min(room, int(others.sum())), generator=generator)
    whole = kept.repeat_interleave(block, dim=0).repeat_interleave(block, dim=1)
    return mask & whole[: len(weight), : weight.shape[1]]


def kept_in_blocks(shape: tuple[int, ...], share: Share, block: int) -> tuple[int, int]:
    """(fewest, most) weights that `block_mask` leaves a full mask of that shape.

    They are equal where the blocks fit; else it depends on how many of those at the edge stay.
    """
    rows, columns = (_sides(length, block) for length in shape)
    sizes = sorted(row * column for row in rows for column in columns)
    kept = max(left_over(len(sizes), share), len(rows))
    return sum(sizes[:kept]), sum(sizes[-kept:])


def _sides(length: int, block: int) -> list[int]:
    """How long each block is along a side of that length."""
    return [min(block, length - start) for start in range(0, length, block)]


def _in_blocks(matrix: Tensor, block: int) -> Tensor:
    """Sums over square blocks, zeros beyond the edge."""
    if block == 1:
        return matrix
    rows, columns = (-length % block for length in matrix.shape)
    padded = F.pad(matrix, (0, columns, 0, rows))
    high, wide = (length // block for length in padded.shape)
    return padded.view(high, block, wide, block).sum(dim=(1, 3))


def _ranked(weight: Tensor, mask: Tensor) -> Tensor:
    """Magnitudes; what is gone ranks below everything, also below a weight that is kept and zero."""
    return weight.detach().abs().masked_fill(~mask, -1)


def _top(scores: Tensor, count: int) -> Tensor:
    """Mask of the `count` highest scores of each row, in the last dimension; a stable order, the same everywhere."""
    order = scores.argsort(dim=-1, descending=True, stable=True)
    return torch.zeros_like(scores, dtype=torch.bool).scatter_(-1, order[..., :count], True)
