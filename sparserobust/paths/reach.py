"""Which weights lie on a path from the input to the logits, how many paths there are, which pixels are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from sparserobust.errors import ShapeError
from sparserobust.paths.graph import PathGraph, trace
from sparserobust.paths.walk import CountWalk, FirstLayerWalk, LiveWalk


@dataclass(frozen=True, eq=False)
class Reachability:
    """What a path from the input to the logits goes through. All tensors are on the CPU.

    Attributes:
        on_path: name -> bool, the weight's shape: a path leads to the entry's input, and one from its output
            to the logits. The entry itself need not be present. An entry of a convolution counts when that
            holds at one position at least.
        forward_effective: entries on a path that are present.
        trainable_effective: entries on a path that the mask keeps.
        live_units: name -> (outputs of the layer,), in order of execution: a path leads to the unit, for a
            convolution at one position at least. The others emit a constant. Layers that never run are missing.
        pixels: from each of them a path leads to the logits.
        logits: to each of them a path leads from the input.
    """

    on_path: dict[str, Tensor]
    forward_effective: dict[str, Tensor]
    trainable_effective: dict[str, Tensor]
    live_units: dict[str, Tensor]
    pixels: Bool[Tensor, "c h w"]
    logits: Bool[Tensor, " classes"]

    @property
    def connected(self) -> bool:
        """Whether any path leads from the input to the logits."""
        return bool(self.logits.any())

    @property
    def constant_units(self) -> dict[str, int]:
        """Name -> how many outputs of the layer no path leads to."""
        return {name: int((~live).sum()) for name, live in self.live_units.items()}

    @property
    def cut_at(self) -> str | None:
        """The layer from which on every unit is constant; None when connected or when there is no such layer."""
        cut = None
        for name, live in reversed(self.live_units.items()):
            if bool(live.any()):
                break
            cut = name
        return None if self.connected else cut


def reachability(
    model: nn.Module | PathGraph,
    supports: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] = (),
) -> Reachability:
    """What lies on a path from the input to the logits: one forward and one backward walk.

    Args:
        model: a module, which stays untouched, or what `trace` returned.
        supports: name -> the entries of the weight that are present (not 0), for every prunable weight.
        masks: name -> the entries that are trainable, for every prunable weight; the supports when not given.
        input_shape: (c, h, w); not needed for a traced model.

    Raises:
        UnsupportedOperation: names the operation that paths are not defined through.
        ShapeError: a support or mask is missing or has another shape than its weight.
    Source: effective sparsity is from Vysogorets and Kempe, arXiv:2107.02306.
    """
    graph = _traced(model, input_shape)
    trainable = _bools(supports if masks is None else masks, graph)
    present = _bools(supports, graph)
    with torch.inference_mode(False), torch.enable_grad():
        walk = LiveWalk(graph, present)
        logits = walk.logits().tensor
        pixels, *entries = _gradients(logits.sum(), [walk.pixels, *walk.supports.values()])
    on_path = {name: entry > 0 for name, entry in zip(graph.shapes, entries, strict=True)}
    return Reachability(
        on_path=on_path,
        forward_effective={name: on_path[name] & present[name] for name in on_path},
        trainable_effective={name: on_path[name] & trainable[name] for name in on_path},
        live_units=walk.live_units,
        pixels=pixels[0] > 0,
        logits=logits.detach().flatten() > 0,
    )


def log10_paths(
    model: nn.Module | PathGraph,
    supports: Mapping[str, Tensor],
    input_shape: tuple[int, ...] = (),
    *,
    reach: Reachability | None = None,
) -> float:
    """log10 of the number of paths from pixels to logits; minus infinity when there is none.

    The sum of the logits for an image of ones with weights replaced by their support, activations and
    normalisation by the identity, biases by nothing and pooling by sums, in float64 without overflow.
    Entries that lead nowhere are left out beforehand, so that they cannot push the others into underflow.

    Args:
        model: as in `reachability`.
        supports: as in `reachability`.
        input_shape: as in `reachability`.
        reach: what `reachability` returned for these supports, to save its walk.
    """
    graph = _traced(model, input_shape)
    reach = reach or reachability(graph, supports)
    if not reach.connected:
        return -math.inf
    with torch.no_grad():
        paths = CountWalk(graph, reach.forward_effective).logits()
    return math.log10(float(paths.tensor.sum())) + paths.log10


def read_pixels(
    model: nn.Module | PathGraph, supports: Mapping[str, Tensor], input_shape: tuple[int, ...] = ()
) -> Bool[Tensor, "c h w"]:
    """Which values of the image at least one present weight reads directly.

    Directly: through no other prunable weight. With masks as supports these are the pixels with a trainable
    outgoing weight. Arguments and errors as in `reachability`.
    """
    graph = _traced(model, input_shape)
    with torch.inference_mode(False), torch.enable_grad():
        walk = FirstLayerWalk(graph, supports)
        walk.logits()
        (pixels,) = _gradients(walk.reads, [walk.pixels])
    return pixels[0] > 0


def _traced(model: nn.Module | PathGraph, input_shape: tuple[int, ...]) -> PathGraph:
    if not isinstance(model, PathGraph) and len(input_shape) != 3:
        raise ShapeError(f"input_shape must be (c, h, w), got {tuple(input_shape)}")
    return trace(model, input_shape)


def _bools(tensors: Mapping[str, Tensor], graph: PathGraph) -> dict[str, Tensor]:
    """The tensors as bool on the CPU, checked against the weights' shapes."""
    for name, shape in graph.shapes.items():
        got = tuple(tensors[name].shape) if name in tensors else "none"
        if got != shape:
            raise ShapeError(f"support or mask of {name} must have shape {shape}, got {got}")
    return {name: (tensors[name].detach() != 0).cpu() for name in graph.shapes}


def _gradients(total: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of `total`, zeros where it does not depend on an input."""
    if not total.requires_grad:
        return [torch.zeros_like(tensor) for tensor in inputs]
    return list(torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True))
