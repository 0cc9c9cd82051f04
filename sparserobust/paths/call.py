"""One operation on paths: its arguments, and how a rule refuses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from torch import Tensor
from torch._ops import OpOverload

from sparserobust.paths.graph import UnsupportedOperation


@dataclass(frozen=True, eq=False)
class Paths:
    """How many paths lead to each entry of a tensor: `tensor` * 10**`log10`, never negative.

    `layer` is None, except where the tensor is the support of a prunable weight: then it is the weight's name.
    """

    tensor: Tensor
    log10: float = 0.0
    layer: str | None = None


class Walker(Protocol):
    """What the rules ask of a walk."""

    def settle(self, paths: Paths) -> Paths:
        """The same paths after a sum, in a form that does not overflow."""

    def weighted(self, layer: str, data: Paths, product: Callable[[], Tensor], units: int) -> Paths:
        """What leaves a layer that `data` enters: `product()`, whose dimension `units` runs over its units."""


class Call:
    """One operation of the graph; `args` by position, `named` by the name in its schema, defaults included."""

    def __init__(
        self, walk: Walker, op: OpOverload[Any, Any], args: Sequence[Any], kwargs: dict[str, Any]
    ) -> None:
        self.walk = walk
        self.op = op
        self.args = args
        self.named = {argument.name: argument.default_value for argument in op._schema.arguments}
        self.named |= dict(zip(self.named, args, strict=False)) | kwargs

    @property
    def name(self) -> str:
        """The operation without overload, and without namespace where that is torch's own."""
        return self.op._schema.name.removeprefix("aten::")

    @property
    def data(self) -> Paths:
        """The first argument, which the paths must come through."""
        first = self.args[0]
        return (
            first
            if isinstance(first, Paths)
            else self.refuse("with the input in another place than the first")
        )

    @property
    def parts(self) -> list[Paths]:
        """All arguments with paths."""
        return paths_in(self.named)

    def again(self, *leading: Any) -> Any:
        """The operation itself, with other leading arguments."""
        rest = dict(list(self.named.items())[len(leading) :])
        return self.op(*leading, **rest)

    def refuse(self, why: str) -> NoReturn:
        """Raises the error that names the operation."""
        raise UnsupportedOperation(f"unsupported operation {self.op} {why}: paths through it are not defined")


def paths_in(value: Any) -> list[Paths]:
    """All `Paths` in nested lists, tuples and dicts."""
    if isinstance(value, Paths):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [paths for item in items for paths in paths_in(item)]
