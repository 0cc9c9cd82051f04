"""`trace_uses`: which weights a network multiplies, how often, with which zeros; and which of them can be sparse."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sparserobust.device import dtype_of
from sparserobust.errors import ModelError, said_by
from sparserobust.kernels import plain_kernels
from sparserobust.outputs import tensors_of
from sparserobust.uses.counters import torch_counter, torch_counts
from sparserobust.uses.image import image_of
from sparserobust.uses.replica import compute_again, replica_of
from sparserobust.uses.thirds import Thirds
from sparserobust.uses.tracer import Tracer
from sparserobust.uses.use import Use
from sparserobust.weights.isolation import random_states_kept
from sparserobust.weights.slots import slot_name

if TYPE_CHECKING:
    from torch.utils.flop_counter import FlopCounterMode


class CannotTrace(ModelError):
    """The network does not run on an image of this shape on the CPU, or leaves torch; says why."""


@dataclass(frozen=True, eq=False)
class Uses:
    """What one forward pass of one image multiplies.

    Attributes:
        uses: products, in order of execution, without those that are computed once for all images.
        folded: those: products of parameters whose result is a weight.
        prunable: names of the tensors that can be sparse, in registration order.
        outside: name of every other parameter of two or more dimensions -> how it is used: "looked-up", "broadcast",
            "constant" (multiplied by what depends on no image), "computed" (a weight is computed from it, not entry
            by entry), "unused", or the name of the operator in which it meets the image.
        weights_outside: names of those among them that are weights all the same: an embedding that is multiplied too,
            what a weight is computed from, and what enters an operator without a rule.
        thirds: name of a fused weight -> which of its units make query, key and value.
        opaque: operator without a rule -> names of the parameters that entered it; those of another library even
            where none did. What it multiplies is not known.
        unsupported: operator without a rule that no parameter enters -> how often.
        broadcast: operator -> products made by broadcasting and summing; listed, not among the multiply-adds.
        own_masks: names of buffers that mask a weight.
        by_torch: operator -> multiply-adds as torch's counter has them, where it was asked for.
        added: names of the parameters of one dimension that are added to what a product makes: biases.
    """

    uses: tuple[Use, ...] = ()
    folded: tuple[Use, ...] = ()
    prunable: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)
    weights_outside: frozenset[str] = frozenset()
    thirds: Mapping[str, Thirds] = field(default_factory=dict)
    opaque: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unsupported: Mapping[str, int] = field(default_factory=dict)
    broadcast: Mapping[str, int] = field(default_factory=dict)
    own_masks: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    by_torch: Mapping[str, int] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        """Multiply-adds of the network as built."""
        return sum(use.macs for use in self.uses)

    @property
    def executed(self) -> int:
        """Multiply-adds with entries of the weights that are not zero."""
        return sum(use.executed for use in self.uses)

    def by_operator(self) -> Counter[str]:
        """Operator -> its multiply-adds."""
        counts: Counter[str] = Counter()
        for use in self.uses:
            counts[use.operator] += use.macs
        return counts


NO_USES = Uses()
"""Of a network without parameters of two or more dimensions, which needs no forward pass to be known."""


def trace_uses(
    model: nn.Module,
    input_shape: tuple[int, ...],
    *,
    by_torch: bool = False,
) -> Uses:
    """What `model` multiplies in evaluation mode for one image of random pixels.

    It runs once, on a copy on the CPU, by torch's plain kernels; control flow that depends on the pixels is followed
    as it is for these. Model and global random states stay as they are.

    Args:
        model: any module that takes images (n, c, h, w).
        input_shape: (c, h, w).
        by_torch: whether torch's own counter sees the same pass.

    Raises:
        CannotTrace: the network cannot be copied, or does not run on such an image.
    """
    try:
        with (
            warnings.catch_warnings(),
            torch.inference_mode(False),
            torch.no_grad(),
            random_states_kept(),
        ):
            warnings.simplefilter("ignore")  # of the network about itself; it says so again when it is used
            return _traced(model, input_shape, torch_counter() if by_torch else None)
    except CannotTrace:
        raise
    except (Exception, SystemExit) as error:  # whatever a third-party model raises
        raise CannotTrace(
            f"{type(model).__name__} does not run on an image of shape {tuple(input_shape)}: "
            f"{type(error).__name__}: {said_by(error)}"
        ) from error


def _traced(model: nn.Module, shape: tuple[int, ...], counter: FlopCounterMode | None) -> Uses:
    replica, parameters = replica_of(model)
    image = image_of(shape, dtype_of(model))
    for onednn in (True, False):
        tracer = Tracer(image, parameters, dict(replica.named_buffers()))
        try:
            with ExitStack() as stack:
                stack.callback(tracer.guard.restore)
                stack.enter_context(plain_kernels(onednn=onednn))
                stack.enter_context(tracer)
                compute_again(replica)
                if counter is not None:
                    stack.enter_context(counter)
                output = replica(image)
        except Exception:  # or what TorchScript makes of it
            if not tracer.fused:
                raise
        else:
            break
    outputs = list(tensors_of(output))
    for tensor in outputs:
        tracer.joined(tensor)
    if parameters and outputs and not any(tracer.facts_of(tensor).data for tensor in outputs):
        raise CannotTrace(
            f"what {type(model).__name__} multiplies is not known: its output does not follow from the image by "
            "operations of torch; stay in torch from the image to the logits"
        )
    return replace(
        _read(tracer, model, parameters), by_torch={} if counter is None else torch_counts(counter)
    )


def _read(tracer: Tracer, model: nn.Module, parameters: Mapping[str, Tensor]) -> Uses:
    """What the tracer saw, under the names that weights have here."""
    names = {name: slot_name(name, model) for name in parameters}
    used = {n for number in tracer.counted if (use := tracer.uses[number]).with_data for n in use.weights}
    for number, other in tracer.other_sides.items():
        if used.intersection(other.weights) and not used.intersection(tracer.uses[number].weights):
            tracer.uses[number], tracer.other_sides[number] = other, tracer.uses[number]
    uses = [replace(use, weights=tuple(names[name] for name in use.weights)) for use in tracer.uses]
    counted = [use for number, use in enumerate(uses) if number in tracer.counted]
    folded = [use for number, use in enumerate(uses) if number not in tracer.counted]
    used = {names[name] for name in used}
    tables = {names[name] for name in tracer.looked_up}
    weighty = {names[name]: name for name, parameter in parameters.items() if parameter.dim() > 1}
    prunable = [name for name in weighty if name in used and name not in tables]
    outside = {
        own: "looked-up" if own in tables else _how(name, tracer)
        for own, name in weighty.items()
        if own not in prunable
    }
    entered = set[str]().union(*tracer.opaque.values())
    masked_by_none = frozenset(used & tables | {names[name] for name in entered | tracer.computed})
    return Uses(
        uses=tuple(counted),
        folded=tuple(folded),
        prunable=tuple(prunable),
        outside=outside,
        weights_outside=masked_by_none.intersection(outside),
        thirds={names[name]: own for name, own in tracer.attention.found.items() if names[name] in prunable},
        opaque={
            op: tuple(names[name] for name in parameters if name in entered)
            for op, entered in tracer.opaque.items()
        },
        unsupported={op: n for op, n in tracer.unsupported.items() if op not in tracer.opaque},
        broadcast=dict(tracer.broadcast),
        own_masks=frozenset(tracer.own_masks),
        added=frozenset(
            name
            for name, parameter in parameters.items()
            if parameter.dim() == 1 and tracer.touched.get(name, set()) & {"bias", "add"}
        ),
    )


def _how(parameter: str, tracer: Tracer) -> str:
    """How a parameter that is no weight meets the image."""
    touched = tracer.touched.get(parameter, set())
    sides = [tracer.uses[n] for n in tracer.counted]
    sides += [use for n, use in tracer.other_sides.items() if n in tracer.counted]
    if any(parameter in use.weights for use in sides):
        return "constant"
    return next((how for how in ("broadcast", "computed") if how in touched), min(touched, default="unused"))
