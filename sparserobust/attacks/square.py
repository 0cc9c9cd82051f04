"""Square Attack: random search over square windows of the image, without any gradient."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from sparserobust.attacks import draws
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.losses import margin
from sparserobust.attacks.oracle import AttackLoss, Oracle

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Changes, out of 10,000, after each of which the share of the image that a window covers is halved."""
BLOCK = 100
"""Changes whose random numbers are drawn at once; part of what a seed means."""
INSIDE = 1 - 1e-6
"""How much of an l2 budget is used, so that rounding does not lead out of it."""
TINY = 1e-12


def square(
    oracle: Oracle,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    norm: Norm,
    eps: float,
    queries: int,
    p_init: float = 0.8,
    horizon: int | None = None,
    seed: int,
    loss: AttackLoss = margin,
) -> Float[Tensor, "n c h w"]:
    """The first image that fools the model, or where none does the one of largest loss, by random search.

    An example is left alone as soon as it is fooled, and comes back as it is where it is wrong already.
    Each has a random stream of its own, so it fares the same in another batch or order.

    AutoAttack's version, and torchattacks after it, move one window for the whole batch, never put one on
    the last row or column, and in l2 take the norm of a window over all channels. Here the paper is
    followed: a window for each example, anywhere in the image, and norms per channel. Windows are cut to
    the shorter side of an image and, as in the authors' code, at least 3 pixels wide in l2; and a change
    in linf that would change nothing gets the opposite signs (there they are drawn again).

    Args:
        oracle: costs one forward pass for the clean image and one for each query.
        images: in [0, 1].
        labels: what the model is to be led away from.
        norm: of the budget.
        eps: budget in pixel units, >= 0; with 0 the images come back and the model is not asked.
        queries: at most this many changed images are tried for each example, >= 1.
        p_init: share of the image that the first windows cover, in (0, 1]; 0.8 is AutoAttack's.
        horizon: over how many queries p is halved, `queries` if None. AutoAttack asks 5,000 of 10,000.
        seed: of the random streams.
        loss: what must grow for a change to be kept. Whatever it is, the margin says what is fooled.
    Source: Andriushchenko et al. 2020, arXiv:1912.00049, algorithms 1 to 3; when p is halved is the authors' code's.
    """
    found = images.flatten(2).clone()
    if eps == 0 or not len(images):
        return found.view(images.shape)
    left = (~(margin(oracle.logits(images), labels) > 0)).nonzero().squeeze(1)
    owners = draws.streams(images[left], seed, f"square {norm}")
    moves = _Stripes(images, eps) if norm == "linf" else _Bumps(images, eps)
    clean, y = found[left], labels[left]
    best, value = clean, torch.full_like(clean[:, 0, 0], -math.inf)
    numbers = clean
    for query in range(queries):
        if not owners:
            break
        change = query - 1
        if query == 0:
            candidate = moves.start(clean, draws.uniform(owners, (moves.draws_to_start,), clean))
        else:
            if change % BLOCK == 0:
                numbers = draws.uniform(owners, (BLOCK, moves.draws), clean)
            side = moves.side(_share(change, horizon or queries, p_init))
            candidate = moves.change(clean, best, side, numbers[:, change % BLOCK])
        logits = oracle.logits(candidate.view(-1, *images.shape[1:]))
        new = loss(logits, y)
        fooled = (new if loss is margin else margin(logits, y)) > 0
        better = fooled | (new > value)
        value = torch.where(better, new, value)
        best = torch.where(better.view(-1, 1, 1), candidate, best)
        if bool(fooled.any()):
            found[left[fooled]] = best[fooled]
            stay = ~fooled
            left, y, clean, best, value, numbers = (t[stay] for t in (left, y, clean, best, value, numbers))
            owners = [owner for owner, stays in zip(owners, stay.tolist(), strict=True) if stays]
    found[left] = best
    return found.view(images.shape)


def _share(change: int, changes: int, p_init: float) -> float:
    """Share of the image that a window covers at this change, from the schedule for 10,000."""
    progress = int(change / changes * 10_000)
    halved: int = sum(progress > halving for halving in HALVINGS)
    return float(p_init * 0.5**halved)


class _Moves:
    """What both norms share: images are flat, (n, c, h * w), and so are windows."""

    draws_to_start: int
    draws: int
    smallest = 1

    def __init__(self, images: Tensor, eps: float) -> None:
        self.channels, self.height, self.width = images.shape[1:]
        self.eps = eps

    def side(self, share: float) -> int:
        """Side of a window that covers this share of the image."""
        side = max(round(math.sqrt(share * self.height * self.width)), self.smallest)
        return min(side, self.height, self.width)

    def window(self, side: int, at: Tensor) -> Tensor:
        """Flat indices (n, c, side * side) of a window for each example, placed by its two uniform numbers."""
        spans = self.height - side, self.width - side
        # a number just below 1 may have been rounded to 1
        top, left = ((at[:, k] * (span + 1)).long().clamp_max(span) for k, span in enumerate(spans))
        steps = torch.arange(side, device=at.device)
        rows = (top.unsqueeze(1) + steps).unsqueeze(2)
        columns = (left.unsqueeze(1) + steps).unsqueeze(1)
        return (rows * self.width + columns).flatten(1).unsqueeze(1).expand(-1, self.channels, -1)


class _Stripes(_Moves):
    """Linf: vertical stripes at -eps or eps, then windows at -eps or eps, a sign for each channel."""

    def __init__(self, images: Tensor, eps: float) -> None:
        super().__init__(images, eps)
        self.draws_to_start = self.channels * self.width
        self.draws = 2 + self.channels

    def start(self, clean: Tensor, numbers: Tensor) -> Tensor:
        """(n, c, h * w), from the numbers (n, c * w)."""
        signs = _signs(numbers).view(-1, self.channels, 1, self.width)
        return (clean + self.eps * signs.expand(-1, -1, self.height, -1).flatten(2)).clamp(0, 1)

    def change(self, clean: Tensor, best: Tensor, side: int, numbers: Tensor) -> Tensor:
        """The paper adds 2 eps and clips to the budget, which is the same as -eps or eps from the clean image."""
        window = self.window(side, numbers[:, :2])
        here = clean.gather(2, window)
        change = self.eps * _signs(numbers[:, 2:]).unsqueeze(2)
        idle = ((here + change).clamp(0, 1) == best.gather(2, window)).all(dim=2).all(dim=1)
        change = torch.where(idle.view(-1, 1, 1), -change, change)
        return best.scatter(2, window, (here + change).clamp(0, 1))


class _Bumps(_Moves):
    """L2: a tiling of bumps, then the budget of one window goes into a bump in another."""

    smallest = 3

    def __init__(self, images: Tensor, eps: float) -> None:
        super().__init__(images, eps * INSIDE)
        self.tile = max(min(self.height, self.width) // 5, 1)
        self.tiles = self.height // self.tile, self.width // self.tile
        self.draws_to_start = math.prod(self.tiles) * (1 + self.channels)
        self.draws = 5 + self.channels
        self.like = images
        self.bumps: dict[int, Tensor] = {}

    def side(self, share: float) -> int:
        """Odd, unless the whole shorter side is covered."""
        return min(super().side(share) // 2 * 2 + 1, self.height, self.width)

    def bump(self, side: int) -> Tensor:
        """(2, side * side): the pattern of unit norm and its transpose."""
        if side not in self.bumps:
            pattern = torch.cat([_mound(side // 2, side), -_mound(side - side // 2, side)])
            pair = torch.stack([pattern, pattern.T]).flatten(1)
            self.bumps[side] = (pair / pair.norm(dim=1, keepdim=True)).to(self.like)
        return self.bumps[side]

    def start(self, clean: Tensor, numbers: Tensor) -> Tensor:
        """(n, c, h * w): tiles of a fifth of the shorter side, centred; what they do not cover stays."""
        (rows, columns), tile = self.tiles, self.tile
        drawn = numbers.view(-1, 1 + self.channels, rows, columns)
        bumps = self.bump(tile).view(2, tile, tile)[(drawn[:, 0] < 0.5).long()].unsqueeze(1)
        tiled = _signs(drawn[:, 1:])[..., None, None] * bumps  # (n, c, rows, columns, tile, tile)
        tiled = tiled.transpose(3, 4).reshape(-1, self.channels, rows * tile, columns * tile)
        spare = self.height - rows * tile, self.width - columns * tile
        sides = (spare[1] // 2, spare[1] - spare[1] // 2, spare[0] // 2, spare[0] - spare[0] // 2)
        noise: Tensor = functional.pad(tiled, sides).flatten(2)
        size: Tensor = noise.norm(dim=(1, 2), keepdim=True)
        return (clean + self.eps * noise / size).clamp_(0, 1)

    def change(self, clean: Tensor, best: Tensor, side: int, numbers: Tensor) -> Tensor:
        """Algorithm 3: all that the two windows hold, and what the box has left unused, goes into the first."""
        first, second = (self.window(side, numbers[:, at : at + 2]) for at in (0, 2))
        noise = best - clean
        rest = noise.scatter(2, first, 0).scatter_(2, second, 0)
        held, kept = noise.square().sum(dim=2), rest.square().sum(dim=2)
        unused = self.eps**2 - held.sum(dim=1, keepdim=True)
        budget = (held - kept + unused / self.channels).clamp_min(0).sqrt().unsqueeze(2)
        old = noise.gather(2, first)
        bump = self.bump(side)[(numbers[:, 4] < 0.5).long()].unsqueeze(1)
        new = _signs(numbers[:, 5:]).unsqueeze(2) * bump + _unit(old)
        return (clean + rest.scatter_(2, first, budget * _unit(new))).clamp_(0, 1)


def _signs(uniform: Tensor) -> Tensor:
    """-1 or 1 from uniform numbers."""
    return torch.where(uniform < 0.5, -1.0, 1.0).to(uniform)


def _unit(windows: Tensor) -> Tensor:
    """Windows (n, c, side * side) of norm 1 in each channel; those of zeros stay zero."""
    norms: Tensor = windows.norm(dim=2, keepdim=True)
    return windows / norms.clamp_min(TINY)


def _mound(rows: int, columns: int) -> Tensor:
    """(rows, columns), float64: falls off from the centre in square rings (eq. 2 of the paper)."""
    down = (torch.arange(rows) - rows // 2).abs().unsqueeze(1)
    across = (torch.arange(columns) - columns // 2).abs()
    rings = max(rows, columns) // 2 + 1
    heights = (1 / torch.arange(1, rings + 1, dtype=torch.float64).square()).flip(0).cumsum(0).flip(0)
    return heights[torch.maximum(down, across)]
