"""Which weights lie on a path from the input to the logits, how many paths there are, which pixels are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from sparserobust.errors import ShapeError
from sparserobust.paths.graph import PathGraph, UnsupportedOperation, trace
from sparserobust.paths.walk import CountWalk, FirstLayerWalk, LiveWalk
from sparserobust.weights.isolation import random_states_kept


@dataclass(frozen=True, eq=False)
class Reachability:
    """What a path from the input to the logits goes through. All tensors are on the CPU.

    Attributes:
        present: name -> bool, the weight's shape: the entries that are there: what was given as support, or else those
            behind the entries of a multiplied tensor that are not 0. After weight standardisation an entry that is
            stored as 0 is one of them, and one that a mask of torch removes is none.
        on_path: name -> bool, the weight's shape: a path leads to the entry's input, and one from its output
            to the logits. The entry itself need not be present. An entry that is used at several places, as in a
            convolution, a tied or a recurrent weight, counts when that holds at one place at least. An entry of
            a factor of a weight (LoRA) counts when the other factor carries it to an entry that does.
        forward_effective: entries on a path that are present.
        trainable_effective: entries on a path that the mask keeps.
        live_units: name -> (outputs of the layer,), in order of execution: a path leads to the unit, for a
            convolution at one position at least. The others emit a constant. Of a weight that is multiplied in parts
            (a fused q/k/v matrix) the outputs are its rows. Factors and layers that never run are missing.
        ran: names of the weights that the image meets.
        pixels: from each of them a path leads to the logits.
        logits: to each of them a path leads from the input.
        joins: names of the operators through which paths have no number: products of two tensors that depend on the
            image (attention, gates), softmax, variances.
    """

    present: dict[str, Tensor]
    on_path: dict[str, Tensor]
    forward_effective: dict[str, Tensor]
    trainable_effective: dict[str, Tensor]
    live_units: dict[str, Tensor]
    ran: frozenset[str]
    pixels: Bool[Tensor, "c h w"]
    logits: Bool[Tensor, " classes"]
    joins: tuple[str, ...]

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
    supports: Mapping[str, Tensor] | None = None,
    masks: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] = (),
) -> Reachability:
    """What lies on a path from the input to the logits: one forward and one backward walk.

    Paths go through a product with a weight where the tensor that is really multiplied is not 0. Tokens are positions
    like any other; a softmax connects all entries along its dimension, normalisation is the identity. Of two tensors
    that depend on the image and are multiplied (attention, gates) either may be constant at an entry: it then counts
    as a number that is not 0, as a unit without live inputs emits a constant, so that a product is live where any of
    its factors is, and the paths of each factor pass it. That is the most that can pass: scores pass values that are
    the same for all tokens, and what a mask takes out of a softmax counts as the rest.

    Args:
        model: a module, which stays untouched, or what `trace` returned.
        supports: name -> the entries of the weight that are present, for every weight that can be sparse. They decide
            wherever entries of a multiplied tensor are entries of the weight, moved, scaled, shifted or normalised:
            as if what is computed of a weight had its zeros. An entry of a sum or product of weights is there where
            those of the summands or factors are. Without it the numbers of the multiplied tensors decide.
        masks: name -> the entries that are trainable, for every such weight; those present when not given.
        input_shape: (c, h, w); not needed for a traced model.

    Raises:
        UnsupportedOperation: names the operation that paths are not defined through.
        ShapeError: a support or mask is missing or has another shape than its weight.
    Source: effective sparsity is from Vysogorets and Kempe, arXiv:2107.02306.
    """
    graph = _traced(model, input_shape)
    trainable = None if masks is None else _bools(masks, graph)
    given = None if supports is None else _bools(supports, graph)
    with torch.inference_mode(False), torch.enable_grad(), random_states_kept():
        walk = LiveWalk(graph, given)
        logits = walk.logits().tensor
        present = given if given is not None else _multiplied(walk)
        pixels, *entries = _gradients(logits.sum(), [walk.pixels, *walk.supports.values()])
    on_path = {name: entry > 0 for name, entry in zip(graph.weights, entries, strict=True)}
    forward = {name: on_path[name] & present[name] for name in on_path}
    return Reachability(
        present=present,
        on_path=on_path,
        forward_effective=forward,
        trainable_effective=(
            forward if trainable is None else {name: on_path[name] & trainable[name] for name in on_path}
        ),
        live_units=walk.live_units,
        ran=frozenset(walk.ran),
        pixels=pixels[0] > 0,
        logits=logits.detach().flatten() > 0,
        joins=tuple(walk.joins),
    )


def log10_paths(
    model: nn.Module | PathGraph,
    supports: Mapping[str, Tensor] | None = None,
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

    Raises:
        UnsupportedOperation: also where tensors that depend on the image are multiplied with each other, as in
            attention or a gate: paths through it have no number.
    """
    graph = _traced(model, input_shape)
    reach = reach or reachability(graph, supports)
    if reach.joins:
        raise UnsupportedOperation(
            f"{', '.join(reach.joins)} multiply tensors that depend on the input with each other: "
            "the number of paths is not defined"
        )
    if not reach.connected:
        return -math.inf
    with torch.no_grad(), random_states_kept():
        paths = CountWalk(graph, reach.forward_effective).logits()
    return math.log10(float(paths.tensor.sum())) + paths.log10


def read_pixels(
    model: nn.Module | PathGraph,
    supports: Mapping[str, Tensor] | None = None,
    input_shape: tuple[int, ...] = (),
) -> Bool[Tensor, "c h w"]:
    """Which values of the image at least one present weight reads directly.

    Directly: through no other weight that can be sparse. With masks as supports these are the pixels with a trainable
    outgoing weight. Arguments and errors as in `reachability`.
    """
    graph = _traced(model, input_shape)
    with torch.inference_mode(False), torch.enable_grad(), random_states_kept():
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
    return {name: (tensors[name].detach() != 0).cpu() for name in graph.weights}


def _multiplied(walk: LiveWalk) -> dict[str, Tensor]:
    """Entries behind those of multiplied tensors that are not 0; of weights that never run those that are not 0."""
    return {name: walk.multiplied.get(name, support.detach() > 0) for name, support in walk.supports.items()}


def _gradients(total: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Gradients of `total`, zeros where it does not depend on an input."""
    if not total.requires_grad:
        return [torch.zeros_like(tensor) for tensor in inputs]
    return list(torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True))
