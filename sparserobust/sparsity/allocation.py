"""How many weights each layer keeps, when the budget is not simply the globally best k.

Every allocation has one signature, `(shapes, k) -> counts`, and the counts add up to exactly k: what a
full layer cannot take goes to the others in the same proportions (nothing is lost). The ones called
"-published" do what the DCTpS code does instead, and keep fewer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

from sparserobust.errors import ConfigError, did_you_mean

Shapes = Mapping[str, tuple[int, ...]]
Counts = dict[str, int]


def kept_count(prunable: int, sparsity: float) -> int:
    """floor((1 - sparsity) * prunable) in exact decimal arithmetic, at least 1.

    The decimal that the user wrote counts: sparsity 0.9 of 430,500 weights keeps 43,050, although
    (1 - 0.9) * 430500 in floating point lies below.

    Raises:
        ConfigError: sparsity outside [0, 1).
    """
    check_sparsity(sparsity)
    return max(1, math.floor((1 - Fraction(repr(float(sparsity)))) * prunable))


def check_sparsity(sparsity: object) -> None:
    """Raises ConfigError unless sparsity is a number in [0, 1)."""
    if not isinstance(sparsity, int | float) or isinstance(sparsity, bool):
        hint = f"; did you mean {sparsity}?" if isinstance(sparsity, str) and _is_number(sparsity) else ""
        raise ConfigError(f"sparsity must be a number in [0, 1), got {sparsity!r}{hint}")
    if not 0 <= sparsity < 1:
        hint = f"; did you mean {sparsity / 100:g}?" if 1 < sparsity < 100 else ""
        raise ConfigError(f"sparsity must be in [0, 1), got {sparsity:g}{hint}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def uniform(shapes: Shapes, k: int) -> Counts:
    """The same density in every layer."""
    return _share_out({name: math.prod(shape) for name, shape in shapes.items()}, shapes, k)


def erk(shapes: Shapes, k: int) -> Counts:
    """Erdos-Renyi-Kernel: density proportional to sum(dimensions) / product(dimensions).

    Source: Evci et al. 2020 (RigL), sec. 3.1; layers that would exceed density 1 become dense and the
    factor is solved again, as the authors' code does.
    """
    return _share_out(_dimensions(shapes), shapes, k)


def epl(shapes: Shapes, k: int) -> Counts:
    """Equal per layer: every layer keeps the same number of weights.

    Source: Price and Tanner 2021 (DCTpS), sec. 4. The published code loses what small layers cannot take
    (13 % of the budget on VGG19 at density 0.05); here it goes to the others.
    """
    return _share_out(_equal(shapes), shapes, k)


def epf(shapes: Shapes, k: int) -> Counts:
    """Equal per filter: a layer's share is proportional to its number of filters (rows when linear).

    Source: Price and Tanner 2021, supplement A.2. As in their code only the layer's count follows from
    its filters; positions are drawn over the whole layer.
    """
    return _share_out(_filters(shapes), shapes, k)


def epl_published(shapes: Shapes, k: int) -> Counts:
    """Equal per layer as the DCTpS code has it: adds up to less than k where layers are small.

    What does not fit is put on the last layer, and what does not fit there is lost: VGG19 at density 0.05
    keeps 4.34 %.
    """
    share = Fraction(k, len(shapes))
    fits = {name: min(share, Fraction(math.prod(shape))) for name, shape in shapes.items()}
    last = list(shapes)[-1]
    fits[last] = min(fits[last] + k - sum(fits.values(), Fraction()), Fraction(math.prod(shapes[last])))
    return {name: math.floor(count) for name, count in fits.items()}


def epf_published(shapes: Shapes, k: int) -> Counts:
    """Equal per filter as the DCTpS code has it: what does not fit is lost."""
    return _capped(_filters(shapes), shapes, k)


def erk_published(shapes: Shapes, k: int) -> Counts:
    """ERK as the DCTpS code has it: one factor for all layers, clipped at density 1; what does not fit is lost."""
    return _capped(_dimensions(shapes), shapes, k)


ALLOCATIONS: dict[str, Callable[[Shapes, int], Counts]] = {
    "uniform": uniform,
    "erk": erk,
    "epl": epl,
    "epf": epf,
    "erk-published": erk_published,
    "epl-published": epl_published,
    "epf-published": epf_published,
}
"""By name. "global" is not among them: there the scores alone decide."""

WORDS = {
    "global": "global",
    "uniform": "uniform",
    "erk": "ERK",
    "epl": "EPL",
    "epf": "EPF",
    "erk-published": "published ERK",
    "epl-published": "published EPL",
    "epf-published": "published EPF",
}
"""What each is called, "global" too."""


def allocate(name: str, shapes: Shapes, k: int) -> Counts | None:
    """Counts per layer that add up to k (the published ones to less), or None for "global".

    Raises:
        ConfigError: unknown name.
    """
    if name == "global":
        return None
    if name not in ALLOCATIONS:
        known = ["global", *ALLOCATIONS]
        raise ConfigError(
            f"allocation must be one of {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
        )
    return ALLOCATIONS[name](shapes, k)


def _equal(shapes: Shapes) -> dict[str, int]:
    return dict.fromkeys(shapes, 1)


def _filters(shapes: Shapes) -> dict[str, int]:
    return {name: shape[0] for name, shape in shapes.items()}


def _dimensions(shapes: Shapes) -> dict[str, int]:
    return {name: sum(shape) for name, shape in shapes.items()}


def _capped(shares: Mapping[str, int], shapes: Shapes, k: int) -> Counts:
    """Counts in proportion to `shares`, cut at the layer's size and rounded down."""
    total = sum(shares.values())
    return {name: min(k * shares[name] // total, math.prod(shape)) for name, shape in shapes.items()}


def _share_out(shares: Mapping[str, int], shapes: Shapes, k: int) -> Counts:
    return share_out(shares, {name: math.prod(shape) for name, shape in shapes.items()}, k)


def share_out(shares: Mapping[str, float], room: Mapping[str, int], k: int) -> Counts:
    """Splits k in proportion to `shares`, no layer above its `room`, by largest remainders; adds up to exactly k.

    Args:
        shares: >= 0, not all 0; finite.
        room: name -> the most that it can take; sum(room) >= k, or all are filled.
        k: how many.
    """
    counts: Counts = {}
    open_layers = {name: Fraction(share) for name, share in shares.items()}
    left = k
    while open_layers:
        total = sum(open_layers.values())
        if not total:  # what is left belongs to nobody: to all alike
            open_layers, total = dict.fromkeys(open_layers, Fraction(1)), Fraction(len(open_layers))
        full = [name for name, share in open_layers.items() if left * share / total >= room[name]]
        if not full:
            break
        for name in full:
            counts[name] = room[name]
            del open_layers[name]
        left = k - sum(counts.values())
    if open_layers:
        total = sum(open_layers.values())
        exact = {name: left * share / total for name, share in open_layers.items()}
        counts |= {name: math.floor(value) for name, value in exact.items()}
        by_remainder = sorted(exact, key=lambda name: exact[name] - math.floor(exact[name]), reverse=True)
        for name in by_remainder[: k - sum(counts.values())]:
            counts[name] += 1
    return {name: counts[name] for name in room}
