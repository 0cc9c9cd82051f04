"""Three walks through a traced network with 0/1 weights: along live paths, counting them, to the first layer."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Interpreter

from sparserobust.errors import ShapeError
from sparserobust.paths.call import Call, Paths, paths_in
from sparserobust.paths.graph import PathGraph, UnsupportedOperation
from sparserobust.paths.table import apply_rule


class Walk(Interpreter):
    """Every operation by its rule, from one image of ones to the logits; what has no path is computed as it is.

    All is float64: sums of zeros and ones are exact there, and torch has no approximate convolution for it.

    Args:
        graph: the traced network.
        supports: name -> which entries of the weight are present, for every prunable weight.
        gradients: whether pixels and supports ask for gradients.

    Raises:
        ShapeError: a support is missing or has another shape than its weight.
    """

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor], *, gradients: bool) -> None:
        super().__init__(graph.module)
        self.extra_traceback = False  # it would add lines to our one-line errors
        self.supports: dict[str, Tensor] = {}
        for name, shape in graph.shapes.items():
            if name not in supports or tuple(supports[name].shape) != shape:
                got = tuple(supports[name].shape) if name in supports else "none"
                raise ShapeError(f"support of {name} must have shape {shape}, got {got}")
            support = (supports[name].detach() != 0).to("cpu", torch.float64)
            self.supports[name] = support.requires_grad_(gradients)
        self.pixels = torch.ones(1, *graph.input_shape, dtype=torch.float64, requires_grad=gradients)

    def logits(self) -> Paths:
        """Paths that arrive at each logit."""
        weights = [Paths(support, layer=name) for name, support in self.supports.items()]
        output = self.run(Paths(self.pixels), *weights)
        return output if isinstance(output, Paths) else Paths(torch.zeros_like(output, dtype=torch.float64))

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One operation."""
        if target is operator.getitem or not paths_in([args, kwargs]):
            return super().call_function(target, args, kwargs)
        if not isinstance(target, OpOverload):
            raise UnsupportedOperation(
                f"unsupported operation {target} on a tensor that depends on the input"
            )
        return apply_rule(Call(self, target, args, kwargs))

    def settle(self, paths: Paths) -> Paths:
        """The same paths after a sum; here: as they are."""
        return paths

    def weighted(self, layer: str, data: Paths, product: Callable[[], Tensor], units: int) -> Paths:
        """What leaves a layer."""
        return self.settle(Paths(product(), data.log10))


class LiveWalk(Walk):
    """Whether there is a path, as 0 and 1; the gradient says the same backwards, and neither can overflow.

    Attributes:
        live_units: name of the weight -> which outputs of the layer a path arrives at, in order of execution.
    """

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor]) -> None:
        super().__init__(graph, supports, gradients=True)
        self.live_units: dict[str, Tensor] = {}

    def settle(self, paths: Paths) -> Paths:
        """1 where there is any."""
        return Paths(_Presence.apply(paths.tensor))

    def weighted(self, layer: str, data: Paths, product: Callable[[], Tensor], units: int) -> Paths:
        """Notes the live units on the way; a layer that is used twice has those of both uses."""
        left = super().weighted(layer, data, product, units)
        live = left.tensor.detach().movedim(units, 0).flatten(1).any(dim=1)
        before = self.live_units.setdefault(layer, live)
        if before.shape == live.shape:  # a tied autoencoder uses a weight in both directions
            self.live_units[layer] = before | live
        return left


class _Presence(torch.autograd.Function):
    """1 where positive, forwards and backwards."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return (tensor > 0).to(tensor.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return (gradient > 0).to(gradient.dtype)


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

    def __init__(self, graph: PathGraph, supports: Mapping[str, Tensor]) -> None:
        super().__init__(graph, supports, gradients=True)
        self.reads = self.pixels.sum() * 0

    def weighted(self, layer: str, data: Paths, product: Callable[[], Tensor], units: int) -> Paths:
        """Takes in the sum, and lets nothing pass."""
        left = product()
        if data.tensor.requires_grad:
            self.reads = self.reads + left.sum()
        return Paths(torch.zeros_like(left, requires_grad=False))
