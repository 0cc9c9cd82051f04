"""Paths that join: sums, differences, choices and gates, entry by entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Operand, Paths
from sparserobust.paths.presence import nonzero


def aligned(parts: Sequence[Any]) -> tuple[list[Tensor], float]:
    """Tensors on one scale, and that scale; constants carry no path."""
    base = max((p.log10 for p in parts if isinstance(p, Paths) and bool(p.tensor.any())), default=0.0)
    tensors = []
    for part in parts:
        if not isinstance(part, Paths):
            value = part.value if isinstance(part, Operand) else torch.as_tensor(part)
            tensors.append(torch.zeros_like(value, dtype=torch.float64))
        elif part.log10 == base:
            tensors.append(part.tensor)
        else:
            tensors.append(part.tensor * 10.0 ** min(0.0, part.log10 - base))
    return tensors, base


def plus(call: Call) -> Paths:
    """Paths join where both operands have them, for differences and maxima too; a constant has none."""
    parts = call.parts
    tensors, base = aligned(parts)
    total = reduce(torch.add, tensors)
    joined = Paths(total if total.shape == call.shape else total.expand(call.shape), base)
    return call.walk.settle(joined) if len(parts) > 1 else joined


def entrywise(call: Call) -> Paths:
    """Activations and the like; several tensors that depend on the image gate each other, and each brings its paths.

    A factor that is constant counts as a number that is not 0, so that the paths of the other pass it.
    """
    if len(call.parts) > 1:
        call.walk.joined(call.name)
    return plus(call)


def times(call: Call) -> Paths:
    """Where a number is 0, no path passes; where a parameter is, only if it is a weight that can be sparse."""
    if len(call.parts) > 1:
        return entrywise(call)
    first, second = call.args[:2]
    paths, constant = (first, second) if isinstance(first, Paths) else (second, first)
    passing = constant.support if isinstance(constant, Operand) else nonzero(torch.as_tensor(constant))
    return replace(paths, tensor=paths.tensor * passing)


def gated_half(call: Call) -> Paths:
    """One half of the entries along a dimension is the gate of the other."""
    call.walk.joined(call.name)
    halves = call.data.tensor.chunk(2, call.args[1])
    return call.walk.settle(Paths(halves[0] + halves[1], call.data.log10))


def concatenate(call: Call) -> Paths:
    """Constants among the parts bring no path."""
    tensors, base = aligned(call.args[0])
    return Paths(call.again(tensors), base)


def scatter(call: Call) -> Paths:
    """The second operand in a part of the first."""
    if len([part for part in call.args[:2] if isinstance(part, Paths)]) < len(call.parts):
        call.refuse("at places that depend on the input")
    tensors, base = aligned(call.args[:2])
    return Paths(call.again(*tensors), base)


def put(call: Call) -> Paths:
    """Values at places of the first operand that do not depend on the image."""
    target, places, values = call.args[:3]
    if len([part for part in (target, values) if isinstance(part, Paths)]) < len(call.parts):
        call.refuse("at places that depend on the input")
    (first, last), base = aligned([target, values])
    return call.walk.settle(Paths(call.again(first, places, last), base))


def copy(call: Call) -> Any:
    """The second operand in the shape of the first, whose values are overwritten."""
    source = call.args[1]
    if isinstance(source, Paths):
        return replace(source, tensor=source.tensor.expand(call.shape))
    if isinstance(source, Operand):
        return replace(
            source, value=source.value.expand(call.shape), support=source.support.expand(call.shape)
        )
    return source.expand(call.shape)


def where(call: Call) -> Paths:
    """A choice; the condition brings its paths too where it depends on the image."""
    condition = call.args[0]
    if isinstance(condition, Paths):
        return entrywise(call)
    chosen = condition.value if isinstance(condition, Operand) else condition
    (first, second), base = aligned(call.args[1:3])
    return Paths(torch.where(chosen, first, second), base)


def masked_fill(call: Call) -> Paths:
    """No path comes from what is filled in, unless it or the condition depends on the image."""
    if len(call.parts) > 1 or not isinstance(call.args[0], Paths):
        return entrywise(call)
    mask = call.args[1].value if isinstance(call.args[1], Operand) else call.args[1]
    return replace(call.data, tensor=call.data.tensor.masked_fill(mask, 0))
