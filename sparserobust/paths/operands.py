"""Tensors that depend on parameters and on no image: their numbers, and where the supports of weights leave an entry.

Entries that change places keep their support; so do entries that are scaled, shifted, masked or normalised, one by
one. An entry of a sum is there where that of a summand is; one of a product of two weights (LoRA's factors) where both
entries of a pair are. Sums, means and norms over weights count as numbers that are not 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Operand, mapped
from sparserobust.paths.presence import nonzero, presence, through
from sparserobust.paths.products import PLACES, bare
from sparserobust.uses.facts import stored
from sparserobust.uses.operators import kind_of

COPIES = frozenset({"clone", "_to_copy", "detach", "alias", "contiguous", "lift_fresh", "lift"})
RESHAPES = frozenset({"view", "reshape", "_unsafe_view", "_reshape_alias"})
QUOTIENTS = frozenset({"div", "true_divide", "pow"})


def number(value: Tensor) -> Operand:
    """An operand that no weight's support decides about: it counts as not 0, whatever its numbers are now."""
    return Operand(value, torch.ones((), dtype=torch.float64).expand(value.shape))


def computed(call: Call) -> Any:
    """What an operation makes of operands, without the image."""
    value = call.again()
    kind = "product" if call.name in PLACES else kind_of(call.op)
    if kind == "like":
        return value
    if kind == "moving":
        return _moved(call, value)
    first, *others = value if isinstance(value, list | tuple) else (value,)
    rule = {"entrywise": _entrywise, "normalising": _normalised, "product": _product}.get(kind)
    made = number(first) if rule is None or not _has_entries(first) else rule(call, first)
    if not others:
        return made
    return (made, *(number(other) if isinstance(other, Tensor) else other for other in others))


def _has_entries(value: Any) -> bool:
    """Whether it holds numbers that a support can be of; comparisons and indices do not."""
    return isinstance(value, Tensor) and value.is_floating_point()


def _names(operands: Iterable[Operand]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(weights, factors) of all together."""
    operands = list(operands)
    weights = dict.fromkeys(name for operand in operands for name in operand.weights)
    factors = dict.fromkeys(name for operand in operands for name in operand.factors)
    return tuple(weights), tuple(name for name in factors if name not in weights)


def _moved(call: Call, value: Any) -> Any:
    """Entries change places: so do those of the supports."""
    if call.name in ("view_as_complex", "view_as_real"):
        call.refuse("on a weight")
    try:
        supports = _moved_supports(call)
    except RuntimeError:
        call.refuse("on a weight")
    own = [operand for operand in call.operands if _has_entries(operand.value)]
    weights, factors = _names(own)
    filled = any(call.named.get(name) not in (None, 0) for name in ("value", "fill_value"))
    moved = all(operand.moved for operand in own) and not filled
    if isinstance(value, Tensor):
        return Operand(value, supports, weights, factors, moved) if _has_entries(value) else number(value)
    return type(value)([Operand(v, s, weights, factors, moved) for v, s in zip(value, supports, strict=True)])


def _moved_supports(call: Call) -> Any:
    """The operation, or what it comes to, on supports."""
    first = call.args[0]
    if call.name in COPIES:
        return first.support
    if call.name in RESHAPES:
        return first.support.reshape(call.args[1])
    if call.name == "copy":
        return _support(call.args[1]).expand(first.shape if isinstance(first, Tensor) else first.value.shape)
    if call.name == "as_strided" and not first.value.is_contiguous():
        call.refuse("on a weight that is not contiguous")
    named = {
        name: (_filler(leaf) if name in ("value", "fill_value") else mapped(leaf, _support))
        for name, leaf in call.named.items()
    }
    if call.name == "as_strided":
        named["self"] = named["self"].contiguous()
    return call.op(**named)


def _support(leaf: Any) -> Any:
    """Of an argument: conditions and indices are as they are."""
    if isinstance(leaf, Operand):
        return leaf.support if _has_entries(leaf.value) else leaf.value
    return nonzero(leaf) if _has_entries(leaf) else leaf


def _filler(value: Any) -> Any:
    """Whether what is filled in is there."""
    return _support(value) if isinstance(value, Tensor | Operand | None) else float(value != 0)


def _entrywise(call: Call, value: Tensor) -> Operand:
    """Entry by entry; a product is there where all factors are, everything else where any part is."""
    parts = [leaf for leaf in call.tensors if _has_entries(leaf.value if isinstance(leaf, Operand) else leaf)]
    own = [
        leaf
        for leaf in parts
        if isinstance(leaf, Operand) and leaf.is_sparse and stored(leaf.value).numel() == value.numel()
    ]
    if call.name in QUOTIENTS and call.args[0] in own:
        own = [call.args[0]]
    weights, factors = _names(own)
    supports = [leaf.support for leaf in own or call.operands]
    if call.name != "mul":
        if own and not weights:  # what is added to a product is there beside it
            supports = [_support(leaf) for leaf in parts]
        support = supports[0] if len(supports) == 1 else presence(reduce(torch.add, supports))
        return Operand(value, support.expand(value.shape), weights, factors)
    support = reduce(torch.mul, supports).expand(value.shape)
    constants = [leaf for leaf in parts if all(leaf is not operand for operand in own)] if own else parts
    for constant in constants:
        there = _support(constant).detach()
        support = through(support, support.detach() * there)
    if any(isinstance(scalar, int | float) and scalar == 0 for scalar in call.args[:2]):
        support = through(support, torch.zeros(()).double())
    return Operand(value, support, weights, factors)


def _normalised(call: Call, value: Tensor) -> Operand:
    """Entries stay where they are; the first argument counts."""
    first = call.args[0]
    if not isinstance(first, Operand) or first.value.numel() != value.numel():
        return number(value)
    return Operand(value, first.support.reshape(value.shape), first.weights, first.factors)


def _product(call: Call, value: Tensor) -> Operand:
    """A product of two: its weights are factors from here on; what is added to it is there beside it."""
    places = PLACES[call.name]
    weights, factors = _names(leaf for p in places if isinstance(leaf := call.args[p], Operand))
    total = bare(call, *(_support(call.args[place]) for place in places))
    added: tuple[str, ...] = ()
    if 0 not in places:
        beside = call.args[0]
        total = total + _support(beside)
        added = beside.weights if isinstance(beside, Operand) else ()
    others = tuple(name for name in (*weights, *factors) if name not in added)
    return Operand(value, presence(total), added, others)
