"""Products: of what depends on the image with weights or numbers, and of two tensors that depend on the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Operand, Paths
from sparserobust.paths.presence import nonzero
from sparserobust.paths.sums import aligned

PLACES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("convolution", "mm", "bmm", "mv", "dot"), (0, 1)),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), (1, 2)),
    "_trilinear": (0, 1, 2),
}
"""Operator -> where its factors stand among the arguments."""


def bare(call: Call, *factors: Tensor) -> Tensor:
    """The product of these factors in the place of the operation's own, without bias."""
    if call.name == "convolution":
        image, kernel = factors
        return torch.convolution(image, kernel, None, *call.args[3:])
    if call.name == "_trilinear":
        made: Tensor = torch.ops.aten._trilinear(*factors, *call.args[3:])
        return made
    return factors[0] @ factors[1]


def product(call: Call) -> Paths:
    """Paths through a product, joined by those of a bias that depends on the image.

    With a weight or with numbers they pass where these are not 0. Of two tensors that depend on the image each counts
    as numbers that are not 0 where it is constant: an entry of the product is live where a pair of factors has a live
    one, and paths come through either.
    """
    places = PLACES[call.name]
    factors = [call.args[place] for place in places]
    bias = next(
        (leaf for place, leaf in enumerate(call.args[:3]) if place not in places and isinstance(leaf, Paths)),
        None,
    )
    data = [factor for factor in factors if isinstance(factor, Paths)]
    terms = [bias] if bias else []
    if data:
        terms.append(_of_factors(call, factors, data))
    if len(terms) == 1:
        return Paths(terms[0].tensor.expand(call.shape), terms[0].log10)
    tensors, base = aligned(terms)
    return call.walk.settle(Paths((tensors[0] + tensors[1]).expand(call.shape), base))


def _of_factors(call: Call, factors: Sequence[Any], data: list[Paths]) -> Paths:
    """Paths through the factors that have some."""
    if len(data) > 1:
        call.walk.joined(call.name)
    edges = [
        call.walk.edges(f) if isinstance(f, Operand) else f.tensor if isinstance(f, Paths) else nonzero(f)
        for f in factors
    ]

    def leaving() -> Tensor:
        terms = [bare(call, *_with_ones(edges, factors, own)) for own in data]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    weight = next((f for f in factors if isinstance(f, Operand) and f.is_sparse), None)
    if weight is None:
        return call.walk.settle(Paths(leaving(), data[0].log10))
    units, rows = _units(call, factors)
    return call.walk.weighted(weight, data[0], leaving, units, rows)


def _with_ones(edges: list[Tensor], factors: Sequence[Any], own: Paths) -> list[Tensor]:
    """The factors, with ones for all that depend on the image but this one."""
    return [
        torch.ones_like(edge) if isinstance(factor, Paths) and factor is not own else edge
        for edge, factor in zip(edges, factors, strict=True)
    ]


def _units(call: Call, factors: Sequence[Any]) -> tuple[int, int]:
    """(dimension of the product, dimension of the weight) that runs over the layer's units."""
    if call.name == "_trilinear":
        return -1, 0
    to_the_right = isinstance(factors[1], Paths)
    if call.name == "convolution":
        if to_the_right:
            call.refuse("with a kernel that depends on the input and a weight for an image")
        return 1, 1 if call.named["transposed"] else 0
    if to_the_right:
        return (-2 if factors[1].tensor.dim() > 1 else -1), -2
    return -1, -1
