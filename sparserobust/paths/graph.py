"""The operations of a network in the order in which it runs them, with its parameters and buffers as inputs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx

from sparserobust.adapter import Adapter
from sparserobust.device import dtype_of
from sparserobust.errors import ModelError, said_by
from sparserobust.kernels import plain_kernels
from sparserobust.outputs import OutputOf
from sparserobust.uses import prunable
from sparserobust.uses.image import image_of
from sparserobust.uses.replica import compute_again
from sparserobust.weights.isolation import random_states_kept
from sparserobust.weights.plan import model_copy
from sparserobust.weights.slots import identity, slots_of

TRACED_BY_JIT = {
    torch.ops.aten._convolution.default: lambda *args: torch.ops.aten.convolution.default(*args[:9])
}
"""How `torch.jit.trace` writes a convolution, with switches of cuDNN; and the convolution."""


class UnsupportedOperation(ModelError):
    """The network does something through which paths are not defined, or cannot be traced; says what."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A tensor that the network reads beside its images.

    Attributes:
        value: on the CPU, as it was when the network was traced.
        parameter: whether training changes it; buffers and numbers in the code are none.
        weight: its name where it can be sparse.
    """

    value: Tensor
    parameter: bool
    weight: str | None


@dataclass(frozen=True, eq=False)
class PathGraph:
    """A traced network: everything that the walks need of it.

    Attributes:
        module: ATen operations without mutations; its inputs are the images, then the constants.
        constants: in the order of the inputs; a tied weight is one.
        weights: name -> values of every weight that can be sparse, in the order of the names, also of those that are
            never read.
        input_shape: (c, h, w).
    """

    module: GraphModule
    constants: tuple[Constant, ...]
    weights: dict[str, Tensor]
    input_shape: tuple[int, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every weight that can be sparse."""
        return {name: tuple(value.shape) for name, value in self.weights.items()}


def trace(
    model: nn.Module | Adapter | PathGraph, input_shape: tuple[int, ...], names: Iterable[str] | None = None
) -> PathGraph:
    """The operations that `model` runs in evaluation mode on one image; a traced model is returned as it is.

    The model runs for real, on a copy on the CPU and by torch's plain kernels, so that attention and recurrent layers
    are products and Python control flow is followed as far as it does not depend on the values of the input. Whatever
    reads a parameter, and whatever it computes of it, is among the operations. The original and the global random
    states stay untouched.

    Args:
        model: takes images (n, c, h, w); what it returns is read as its adapter says, where it has one.
        input_shape: (c, h, w).
        names: of its weights that can be sparse, where they are known already.

    Raises:
        UnsupportedOperation: the network cannot be traced, or returns no logits.
    """
    if isinstance(model, PathGraph):
        return model
    model, output = (model.network, model.output) if isinstance(model, Adapter) else (model, None)
    names = prunable(model, input_shape) if names is None else tuple(names)
    slots_of(model, names)  # a wrong name is an error of its own
    with torch.inference_mode(False), torch.no_grad(), random_states_kept(), plain_kernels(onednn=False):
        try:
            return _traced(model, tuple(input_shape), names, output)
        except (Exception, SystemExit) as error:  # whatever a third-party model raises
            raise UnsupportedOperation(
                f"{type(model).__name__} cannot be traced on an image of shape {tuple(input_shape)}: "
                f"{type(error).__name__}: {said_by(error)}"
            ) from error


def _traced(model: nn.Module, shape: tuple[int, ...], names: tuple[str, ...], output: OutputOf) -> PathGraph:
    replica = model_copy(model).to("cpu").eval()
    adapter = Adapter(replica, output)

    def logits(images: Tensor) -> Tensor:
        compute_again(replica)
        return adapter.outputs(images)

    weights = {name: slot.values.detach() for name, slot in slots_of(replica, names).items()}
    image = image_of(shape, dtype_of(model))
    module, read = _with_constants_as_inputs(make_fx(logits, TRACED_BY_JIT)(image))
    named = {identity(tensor): name for name, tensor in reversed(weights.items())}  # of tied ones the first
    parameters = {identity(parameter) for parameter in replica.parameters()}
    constants = tuple(
        Constant(tensor, (key := identity(tensor)) in parameters, named.get(key)) for tensor in read
    )
    return PathGraph(_without_mutations(module, image, *read), constants, weights, shape)


def _with_constants_as_inputs(module: GraphModule) -> tuple[GraphModule, list[Tensor]]:
    """(the operations with all tensors that they read as inputs behind the images, these tensors)."""
    graph = module.graph
    inputs: dict[Hashable, Node] = {}
    tensors: list[Tensor] = []
    first = next(node for node in graph.nodes if node.op != "placeholder")
    for node in list(graph.nodes):
        tensor = getattr(module, node.target) if node.op == "get_attr" else None
        if not isinstance(tensor, Tensor):
            continue
        key = identity(tensor)
        if key not in inputs:
            with graph.inserting_before(first):
                inputs[key] = graph.placeholder(f"constant{len(tensors)}")
            tensors.append(tensor.detach())
        if node is first:
            first = node.next
        node.replace_all_uses_with(inputs[key])
        graph.erase_node(node)
    return GraphModule({}, graph), tensors


def _without_mutations(function: Callable[..., Tensor], *inputs: Tensor) -> GraphModule:
    """The same operations with none that changes a tensor; what is written into inputs at the end is left out."""
    module = make_fx(torch.func.functionalize(function))(*inputs)
    for node in reversed(module.graph.nodes):
        if (
            node.target is torch.ops.aten.copy_.default
            and node.args[0].op == "placeholder"
            and not node.users
        ):
            module.graph.erase_node(node)
    module.graph.eliminate_dead_code()
    module.recompile()
    return module
