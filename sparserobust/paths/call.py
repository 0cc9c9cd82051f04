"""One operation on paths: its arguments, and how a rule refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import torch
from torch import Tensor
from torch._ops import OpOverload

from sparserobust.paths.graph import UnsupportedOperation
from sparserobust.uses.operators import base_name


@dataclass(frozen=True, eq=False)
class Paths:
    """How many paths lead to each entry of a tensor that depends on the image: `tensor` * 10**`log10`, never negative.

    An entry without paths is a constant, not 0.
    """

    tensor: Tensor
    log10: float = 0.0


@dataclass(frozen=True, eq=False)
class Operand:
    """A tensor that depends on parameters and on no image.

    Attributes:
        value: its real numbers.
        support: 1 where the supports of its weights leave an entry, else 0; its gradient goes to these supports.
        weights: names of the weights that its entries are entries of.
        factors: names of the weights that are factors of a product in it.
        moved: the support is where `value` is not 0, if those of the weights are: entries changed places at most.
    """

    value: Tensor
    support: Tensor
    weights: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    moved: bool = False

    @property
    def is_sparse(self) -> bool:
        """Whether there is a weight in it that can be sparse."""
        return bool(self.weights or self.factors)


class Walker(Protocol):
    """What the rules ask of a walk."""

    def settle(self, paths: Paths) -> Paths:
        """The same paths after a sum, in a form that does not overflow."""

    def joined(self, operator: str) -> None:
        """Two tensors that depend on the image are multiplied, or one is divided by what is computed of it."""

    def edges(self, operand: Operand) -> Tensor:
        """1 where an entry of an operand carries paths."""

    def weighted(
        self, operand: Operand, data: Paths, product: Callable[[], Tensor], units: int, rows: int | None
    ) -> Paths:
        """What leaves a layer that `data` enters.

        Args:
            operand: what it multiplies by, with weights in it.
            data: what enters.
            product: makes what leaves.
            units: its dimension that runs over the layer's units.
            rows: the dimension of the operand that does so.
        """


class Call:
    """One operation of the graph; `args` by position, `named` by the name in its schema, defaults included.

    Attributes:
        made: the real output's shape and type, as a tensor without numbers, or several.
    """

    def __init__(
        self,
        walk: Walker,
        op: OpOverload[Any, Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        made: Any = None,
    ) -> None:
        self.walk = walk
        self.op = op
        self.made = made
        self.named: dict[str, Any] = {a.name: a.default_value for a in op._schema.arguments}
        self.named |= dict(zip(self.named, args, strict=False)) | kwargs
        self.args: list[Any] = list(self.named.values())

    @property
    def name(self) -> str:
        """The operation without overload, and without namespace where that is torch's own."""
        return base_name(self.op)

    @property
    def shape(self) -> torch.Size:
        """Of the only output."""
        if not isinstance(self.made, Tensor):
            self.refuse("with an output of unknown shape")
        return self.made.shape

    @property
    def data(self) -> Paths:
        """The first argument, which the paths must come through, and no other."""
        first = self.args[0]
        if not isinstance(first, Paths) or len(self.parts) > 1:
            self.refuse("with the input in another place than the first")
        return first

    @property
    def parts(self) -> list[Paths]:
        """All arguments with paths."""
        return [leaf for leaf in leaves(self.named) if isinstance(leaf, Paths)]

    @property
    def operands(self) -> list[Operand]:
        """All arguments that depend on parameters."""
        return [leaf for leaf in leaves(self.named) if isinstance(leaf, Operand)]

    @property
    def tensors(self) -> list[Tensor | Operand]:
        """All tensors among the arguments that have no paths."""
        return [leaf for leaf in leaves(self.named) if isinstance(leaf, Tensor | Operand)]

    def again(self, *leading: Any) -> Any:
        """The operation itself on real numbers, with other leading arguments."""
        rest = dict(list(self.named.items())[len(leading) :])
        return self.op(*leading, **real(rest))

    def refuse(self, why: str) -> NoReturn:
        """Raises the error that names the operation."""
        raise UnsupportedOperation(f"unsupported operation {self.op} {why}: paths through it are not defined")


def leaves(value: Any) -> Iterator[Any]:
    """All that lies in nested lists, tuples and dicts."""
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def real(value: Any) -> Any:
    """The same nested lists, tuples and dicts with the numbers of operands in their places."""
    return mapped(value, lambda leaf: leaf.value if isinstance(leaf, Operand) else leaf)


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Nested lists, tuples and dicts with every leaf changed."""
    if isinstance(value, dict):
        return {key: mapped(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([mapped(item, change) for item in value])
    return change(value)
