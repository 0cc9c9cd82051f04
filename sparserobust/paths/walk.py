"""Three walks through a traced network with 0/1 weights: along live paths, counting them, to the first layer."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Interpreter, Node

from sparserobust.errors import ShapeError
from sparserobust.paths.call import Call, Operand, Paths, leaves
from sparserobust.paths.graph import Constant, PathGraph, UnsupportedOperation
from sparserobust.paths.operands import computed, number
from sparserobust.paths.presence import nonzero, presence, through
from sparserobust.paths.table import apply_rule


class Walk(Interpreter):
    """Every operation by its rule, from one image of ones to the logits; what has no path is computed as it is.

    Paths are float64: sums of zeros and ones are exact there, and torch has no approximate convolution for it.

    Args:
        graph: the traced network.
        supports: name -> which entries of the weight are present, for every weight that can be sparse; None: those of
            the tensors that are really multiplied which are not 0.
        gradients: whether pixels and supports ask for gradients.

    Raises:
        ShapeError: a support is missing or has another shape than its weight.

    Attributes:
        multiplied: name -> entries that are not 0 in a tensor that is multiplied, where no supports are given.
        ran: names of the weights that the image met.
    """

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor] | None, *, gradients: bool) -> None:
        super().__init__(graph.module)
        self.extra_traceback = False  # it would add lines to our one-line errors
        self.graph_of = graph
        self.given = supports is not None
        self.supports = {
            name: nonzero(_support_of(name, value, supports)).requires_grad_(gradients)
            for name, value in graph.weights.items()
        }
        self.multiplied: dict[str, Tensor] = {}
        self.ran: set[str] = set()
        self.pixels = torch.ones(1, *graph.input_shape, dtype=torch.float64, requires_grad=gradients)
        self._node: Node | None = None

    def logits(self) -> Paths:
        """Paths that arrive at each logit."""
        output = self.run(Paths(self.pixels), *(self._entering(one) for one in self.graph_of.constants))
        if isinstance(output, Paths):
            return output
        value = output.value if isinstance(output, Operand) else output
        return Paths(torch.zeros(value.shape, dtype=torch.float64))

    def _entering(self, constant: Constant) -> Tensor | Operand:
        """A constant as it enters the network."""
        if constant.weight is not None:
            support = self.supports[constant.weight]
            return Operand(constant.value, support, (constant.weight,), moved=True)
        return number(constant.value) if constant.parameter else constant.value

    def run_node(self, n: Node) -> Any:
        """One step."""
        self._node = n
        return super().run_node(n)

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One operation."""
        kinds = {type(leaf) for leaf in leaves([args, kwargs])}
        if target is operator.getitem or not kinds & {Paths, Operand}:
            return super().call_function(target, args, kwargs)
        if not isinstance(target, OpOverload):
            raise UnsupportedOperation(
                f"unsupported operation {target} on a tensor that depends on the input"
            )
        call = Call(self, target, args, kwargs, self._node.meta.get("val") if self._node else None)
        return apply_rule(call) if Paths in kinds else computed(call)

    def settle(self, paths: Paths) -> Paths:
        """The same paths after a sum; here: as they are."""
        return paths

    def joined(self, operator: str) -> None:
        """Two tensors that depend on the image are multiplied."""

    def edges(self, operand: Operand) -> Tensor:
        """1 where an entry of an operand carries paths."""
        if not operand.is_sparse:
            return nonzero(operand.value)
        self.ran |= {*operand.weights, *operand.factors}
        if self.given or operand.moved:
            self._note_multiplied(operand, None)
            return operand.support
        values = nonzero(operand.value)
        self._note_multiplied(operand, values)
        return through(operand.support, values)

    def _note_multiplied(self, operand: Operand, values: Tensor | None) -> None:
        """Which entries of the weights are behind the entries of a multiplied tensor that are not 0."""
        if self.given:
            return
        for name in (*operand.weights, *operand.factors):
            support = self.supports[name]
            there = support.detach() > 0
            if values is not None and name in operand.weights:
                there = self.traced_back(operand, name, values)
            self.multiplied[name] = self.multiplied.get(name, torch.zeros_like(there)) | there

    def traced_back(self, operand: Operand, name: str, entries: Tensor) -> Tensor:
        """Which entries of a weight became the entries of an operand that are marked."""
        if not operand.support.requires_grad:
            return torch.zeros(self.supports[name].shape, dtype=torch.bool)
        (entered,) = torch.autograd.grad(
            operand.support,
            [self.supports[name]],
            entries,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return entered > 0

    def weighted(
        self, operand: Operand, data: Paths, product: Callable[[], Tensor], units: int, rows: int | None
    ) -> Paths:
        """What leaves a layer."""
        return self.settle(Paths(product(), data.log10))


def _support_of(name: str, value: Tensor, supports: Mapping[str, Tensor] | None) -> Tensor:
    """The support that is given for a weight, checked; its values where none is."""
    if supports is None:
        return value
    if name not in supports or supports[name].shape != value.shape:
        got = tuple(supports[name].shape) if name in supports else "none"
        raise ShapeError(f"support of {name} must have shape {tuple(value.shape)}, got {got}")
    return supports[name].detach().cpu()


class LiveWalk(Walk):
    """Whether there is a path, as 0 and 1; the gradient says the same backwards, and neither can overflow.

    Attributes:
        live_units: name of the weight -> which outputs of the layer a path arrives at, in order of execution; where
            only parts of it are multiplied (a chunk of fused projections), which entries of its first dimension.
        joins: operators that multiplied two tensors that depend on the image, or divided one by what is computed of it.
    """

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor] | None) -> None:
        super().__init__(graph, supports, gradients=True)
        self.live_units: dict[str, Tensor] = {}
        self.joins: dict[str, None] = {}

    def settle(self, paths: Paths) -> Paths:
        """1 where there is any."""
        return Paths(presence(paths.tensor))

    def joined(self, operator: str) -> None:
        """Notes the operator."""
        self.joins[operator] = None

    def weighted(
        self, operand: Operand, data: Paths, product: Callable[[], Tensor], units: int, rows: int | None
    ) -> Paths:
        """Notes the live units on the way; a layer that is used twice has those of both uses."""
        left = super().weighted(operand, data, product, units, rows)
        live = left.tensor.detach().movedim(units, 0).flatten(1).any(dim=1)
        for name in operand.weights:
            own = live
            if operand.support.numel() != self.supports[name].numel():
                own = self._rows(operand, name, live, rows)
            before = self.live_units.setdefault(name, own)
            if before.shape == own.shape:  # a tied autoencoder uses a weight in both directions
                self.live_units[name] = before | own
        return left

    def _rows(self, operand: Operand, name: str, live: Tensor, rows: int | None) -> Tensor:
        """Which entries of a weight's first dimension lead to a live unit, where a part of it is multiplied."""
        marked = torch.ones_like(operand.support)
        if rows is not None and operand.support.dim() > 1 and operand.support.shape[rows] == len(live):
            shape = [1] * operand.support.dim()
            shape[rows] = -1
            marked = marked * live.reshape(shape)
        else:
            marked = marked * live.any()
        return self.traced_back(operand, name, marked).flatten(1).any(dim=1)


class CountWalk(Walk):
    """How many paths there are: each tensor is kept below 1, with the logarithm of its scale beside it."""

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor]) -> None:
        super().__init__(graph, supports, gradients=False)

    def settle(self, paths: Paths) -> Paths:
        """Divided by its largest entry."""
        largest = float(paths.tensor.max()) if paths.tensor.numel() else 0.0
        if largest == 0:
            return Paths(paths.tensor)
        return Paths(paths.tensor / largest, paths.log10 + math.log10(largest))


class FirstLayerWalk(Walk):
    """No further than through the first weight of each path.

    Attributes:
        reads: the sum of what arrives at the outputs of these weights.
    """

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor] | None) -> None:
        super().__init__(graph, supports, gradients=True)
        self.reads = self.pixels.sum() * 0

    def settle(self, paths: Paths) -> Paths:
        """1 where there is any."""
        return Paths(presence(paths.tensor))

    def weighted(
        self, operand: Operand, data: Paths, product: Callable[[], Tensor], units: int, rows: int | None
    ) -> Paths:
        """Takes in the sum, and lets nothing pass."""
        left = product()
        if data.tensor.requires_grad:
            self.reads = self.reads + left.sum()
        return Paths(torch.zeros_like(left, requires_grad=False))
