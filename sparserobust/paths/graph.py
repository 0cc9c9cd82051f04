"""The operations of a network in the order in which it runs them, with its prunable weights as inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.modules.conv import _ConvNd

from sparserobust.errors import ModelError
from sparserobust.weights.plan import effective_weights, model_copy, values_of


class UnsupportedOperation(ModelError):
    """The network does something through which paths are not defined, or cannot be traced; says what."""


@dataclass(frozen=True, eq=False)
class PathGraph:
    """A traced network: everything that the walks need of it.

    Attributes:
        module: ATen operations without mutations; its inputs are the images, then one tensor per weight.
        shapes: name -> shape of every prunable weight, in registration order.
        input_shape: (c, h, w).
    """

    module: GraphModule
    shapes: dict[str, tuple[int, ...]]
    input_shape: tuple[int, ...]


def trace(model: nn.Module | PathGraph, input_shape: tuple[int, ...]) -> PathGraph:
    """The operations that `model` runs in evaluation mode on one image; a traced model is returned as it is.

    The model runs for real, on a copy on the CPU, so Python control flow is followed as far as it does not
    depend on the values of the input. The original and the global random state stay untouched.

    Args:
        model: maps images (n, c, h, w) to logits.
        input_shape: (c, h, w).

    Raises:
        UnsupportedOperation: the network cannot be traced, or returns something else than one tensor.
    """
    if isinstance(model, PathGraph):
        return model
    with torch.inference_mode(False), torch.no_grad(), torch.random.fork_rng(devices=[]):
        replica = _replica(model)
        weights = effective_weights(replica)
        current = dict(weights)
        _feed_weights_from(current, replica)

        def logits(images: Tensor, *tensors: Tensor) -> Tensor:
            current.update(zip(weights, tensors, strict=True))
            output = replica(images)
            if not isinstance(output, Tensor):
                raise TypeError(f"it must return logits as one tensor, got {type(output).__name__}")
            return output

        dtype = next(iter(weights.values())).dtype
        try:
            module = _functional(logits, torch.zeros(1, *input_shape, dtype=dtype), *weights.values())
        except Exception as error:  # whatever a third-party model raises
            reason = " ".join(str(error).split())[:300]
            raise UnsupportedOperation(
                f"{type(model).__name__} cannot be traced on an image of shape {tuple(input_shape)}: "
                f"{type(error).__name__}: {reason}"
            ) from error
    return PathGraph(module, {name: tuple(w.shape) for name, w in weights.items()}, tuple(input_shape))


def _functional(function: Callable[..., Tensor], *inputs: Tensor) -> GraphModule:
    """The operations of `function` without mutations.

    Some of torch's own operations (circular padding) mutate where the first pass does not see it; the
    second does. What an input is overwritten with at the end does not matter here.
    """
    module = make_fx(torch.func.functionalize(function))(*inputs)
    if any(_is_mutation(node.target) for node in module.graph.nodes):
        module = make_fx(torch.func.functionalize(module))(*inputs)
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


def _is_mutation(target: object) -> bool:
    """Whether an operation changes one of its arguments."""
    return isinstance(target, OpOverload) and target._schema.is_mutable


def _replica(model: nn.Module) -> nn.Module:
    """A copy on the CPU in evaluation mode, in which no bias or norm parameter is zero: these never cut a path."""
    replica = model_copy(model).to("cpu").eval().requires_grad_(False)
    prunable = {id(values) for _, values in _layers(replica)}
    for parameter in replica.parameters():
        if id(parameter) not in prunable:
            parameter[parameter == 0] = 1
    return replica


def _feed_weights_from(current: dict[str, Tensor], replica: nn.Module) -> None:
    """Makes every conv and linear layer read its weight from `current`, whatever computed it before.

    A property on a class of its own does that for plain, shared, parametrized and hooked weights alike.
    """
    names = dict(zip(dict.fromkeys(id(values) for _, values in _layers(replica)), current, strict=True))
    for module, values in _layers(replica):
        kind = type(module)
        module.__class__ = type(kind.__name__, (kind,), {"weight": _entry(current, names[id(values)])})


def _entry(current: dict[str, Tensor], name: str) -> property:
    """A property that reads `current[name]` and ignores what is assigned to it."""

    def read(module: nn.Module) -> Tensor:
        return current[name]

    def ignore(module: nn.Module, value: Tensor) -> None:
        pass

    return property(read, ignore)


def _layers(model: nn.Module) -> list[tuple[nn.Module, Tensor]]:
    """(layer, its values) for every conv and linear layer, those that share their values included."""
    layers = [module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)]
    return [(module, values_of(module)) for module in layers]
