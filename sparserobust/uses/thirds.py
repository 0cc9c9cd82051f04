"""Fused query, key and value: which units of one weight make which of the three, read off the products of attention."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_leaves, tree_map

from sparserobust.uses.operators import base_name, kind_of
from sparserobust.uses.products import Product
from sparserobust.uses.replica import ByMemory, Storage, storage_of

PARTS = ("q", "k", "v")
MATRIX = ("mm", "addmm", "bmm", "baddbmm")
CONVOLUTION = ("convolution", "_convolution")
SOFTMAX = ("_softmax", "_safe_softmax", "_masked_softmax", "softmax")
COPYING = ("clone", "_to_copy", "contiguous", "copy", "detach", "lift_fresh")


@dataclass(frozen=True)
class Thirds:
    """Which units of a fused weight make query, key and value.

    Attributes:
        axis: of the weight, along which its output units lie.
        runs: (part, how many units in a row), along the whole axis; the parts are "q", "k" and "v", equally large.
    """

    axis: int
    runs: tuple[tuple[str, int], ...]

    def kept(self, mask: Tensor) -> dict[str, tuple[int, int]]:
        """Part -> (entries, how many of them the mask keeps)."""
        units = mask.movedim(self.axis, 0).flatten(1)
        pieces = torch.split(units, [many for _, many in self.runs])
        found = dict.fromkeys(PARTS, (0, 0))
        for (part, _), piece in zip(self.runs, pieces, strict=True):
            numel, kept = found[part]
            found[part] = numel + piece.numel(), kept + int(piece.sum())
        return found


@dataclass(frozen=True, eq=False)
class _Units:
    """Of a memory: for each of its places the unit of a weight that made the entry there, -1 where none did."""

    weight: str
    axis: int
    at: Tensor
    element_size: int


@dataclass(frozen=True, eq=False)
class _Scores:
    """Of a memory: products of queries and keys, which units made them, and whether their softmax was taken."""

    weight: str
    axis: int
    query: Tensor
    key: Tensor
    softmax: bool = False


class AttentionTracer:
    """Follows the units of a weight through views, copies and what is done entry by entry into attention's products.

    Attributes:
        found: name of a weight -> its thirds.

    Args:
        parameters: name -> parameter.
        weight_in: name of the parameter whose entries a tensor has, None where it is no weight.
    """

    def __init__(self, parameters: Mapping[str, Tensor], weight_in: Callable[[Tensor], str | None]) -> None:
        self.found: dict[str, Thirds] = {}
        self._parameters = parameters
        self._weight_in = weight_in
        self._units: ByMemory[_Units] = ByMemory()
        self._scores: ByMemory[_Scores] = ByMemory()

    def see(
        self,
        op: OpOverload,
        args: Any,
        kwargs: Any,
        given: Sequence[Tensor],
        products: Sequence[Product],
        outputs: Sequence[Tensor],
    ) -> None:
        """One operation, after it was carried out: `outputs` are the tensors that it wrote."""
        name, outputs = base_name(op), [tensor for tensor in outputs if storage_of(tensor) is not None]
        if not outputs:
            return
        if len(products) == 2 and products[0].left is products[1].left:  # fused attention
            self._attended(*(self._rows(t) for t in (products[0].left, products[0].right, products[1].right)))
        elif products:
            self._multiplied(name, products[0], outputs[0])
        elif (kind := kind_of(op)) in ("moving", "entrywise", "normalising"):
            scores = next((s for t in given if (s := self._of(t, self._scores)) is not None), None)
            if scores is not None:
                softmax = scores.softmax or name in SOFTMAX
                self._scores[_memory(outputs[0])] = replace(scores, softmax=softmax)
            elif kind == "moving" and name not in COPYING:
                self._move(op, args, kwargs, given, outputs)
            else:
                self._keep_places(given, outputs[0])

    def _multiplied(self, name: str, product: Product, output: Tensor) -> None:
        """A weight makes units; two tensors of units make scores; scores and units make what attention returns."""
        if name in CONVOLUTION:
            self._make_units(product.right, 0, output, 1)
            return
        if name not in MATRIX:
            return
        left, right = self._rows(product.left), self._rows(product.right)
        scores = self._of(product.left, self._scores)
        if left is not None and right is not None:
            if left[:2] == right[:2]:
                self._scores[_memory(output)] = _Scores(*left[:2], left[2], right[2])
        elif scores is not None and scores.softmax and right is not None:
            weight = scores.weight, scores.axis
            self._attended((*weight, scores.query), (*weight, scores.key), right)
        elif not self._make_units(product.right, -1, output, -1):
            self._make_units(product.left, -2, output, -2)

    def _make_units(self, operand: Tensor, dim: int, output: Tensor, output_dim: int) -> bool:
        """Whether the operand is a weight that may have thirds; the output's units are known then."""
        name = self._weight_in(operand)
        if name is None:
            return False
        parameter, stride = self._parameters[name], operand.stride(dim)
        axes = [
            a for a, size in enumerate(parameter.shape) if size % 3 == 0 and parameter.stride(a) == stride
        ]
        shared = storage_of(operand) == storage_of(parameter)
        if not axes or not (shared or operand.untyped_storage().nbytes() == parameter.nbytes):
            return False
        first = operand.storage_offset() - (parameter.storage_offset() if shared else 0)
        size = parameter.shape[axes[0]]
        units = torch.tensor([(first + stride * i) // stride % size for i in range(operand.shape[dim])])
        if output.shape[output_dim] == len(units):
            shape = [1] * output.dim()
            shape[output_dim] = -1
            self._put(output, name, axes[0], units.view(shape))
        return True

    def _move(
        self, op: OpOverload, args: Any, kwargs: Any, given: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> None:
        """The operation done to the units: entries change places."""
        known = [own for t in given if (own := self._of(t, self._units)) is not None]
        if not known or any(storage_of(o) == storage_of(t) for o in outputs for t in given):
            return

        def units(value: Any) -> Any:
            if not isinstance(value, Tensor) or not value.is_floating_point():
                return value
            own = self._at(value)
            return torch.full_like(value, -1, dtype=torch.int32) if own is None else own

        try:
            moved = tree_leaves(op(*tree_map(units, args), **tree_map(units, kwargs)))
        except (RuntimeError, TypeError):  # it takes no whole numbers
            return
        for output, own in zip(outputs, moved, strict=True):
            self._put(output, known[0].weight, known[0].axis, own)

    def _keep_places(self, given: Sequence[Tensor], output: Tensor) -> None:
        """The result has the units of the first argument of its shape that has any."""
        for tensor in given:
            own = self._of(tensor, self._units)
            if own is not None and tensor.shape == output.shape and (at := self._at(tensor)) is not None:
                self._put(output, own.weight, own.axis, at)
                return

    def _put(self, tensor: Tensor, weight: str, axis: int, units: Tensor) -> None:
        """Writes down the units of a tensor in its memory."""
        size = tensor.element_size()
        at = torch.full((tensor.untyped_storage().nbytes() // size,), -1, dtype=torch.int32)
        _view(at, tensor).copy_(units)
        self._units[_memory(tensor)] = _Units(weight, axis, at, size)

    def _at(self, tensor: Tensor) -> Tensor | None:
        own = self._of(tensor, self._units)
        return None if own is None or own.element_size != tensor.element_size() else _view(own.at, tensor)

    def _rows(self, tensor: Tensor) -> tuple[str, int, Tensor] | None:
        """(weight, axis, which of its units made the tensor), sorted; None where none did, or not all of it."""
        own, at = self._of(tensor, self._units), self._at(tensor)
        if own is None or at is None or int(at.min()) < 0:
            return None
        return (
            own.weight,
            own.axis,
            torch.bincount(at.flatten()).nonzero().flatten(),
        )  # unique takes ten times longer

    def _of(self, tensor: Tensor, known: ByMemory[Any]) -> Any:
        memory = storage_of(tensor)
        return None if memory is None else known.get(memory)

    def _attended(self, *roles: tuple[str, int, Tensor] | None) -> None:
        """Writes down a weight whose thirds were query, key and value."""
        rows = [role for role in roles if role is not None]
        if len(rows) < len(PARTS) or len({own[:2] for own in rows}) > 1:
            return
        weight, axis, _ = rows[0]
        size = self._parameters[weight].shape[axis]
        part_of = torch.full((size,), -1)
        for part, (_, _, units) in enumerate(rows):
            part_of[units] = part
        if bool((part_of >= 0).all()) and all(3 * len(own[2]) == size for own in rows):
            runs = itertools.groupby(PARTS[part] for part in part_of.tolist())
            self.found.setdefault(weight, Thirds(axis, tuple((part, len([*own])) for part, own in runs)))


def _view(at: Tensor, tensor: Tensor) -> Tensor:
    """The places of a memory that a tensor in it looks at."""
    return at.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())


def _memory(tensor: Tensor) -> Storage:
    memory = storage_of(tensor)
    assert memory is not None  # nothing is known of others
    return memory
