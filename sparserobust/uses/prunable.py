"""Which tensors of a model can be sparse, also where nobody says what its images look like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import Tensor, nn

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.origin import origin_of
from sparserobust.records import OutsideParameter, Remark, remark
from sparserobust.uses.image import likely_shapes
from sparserobust.uses.thirds import Thirds
from sparserobust.uses.uses import NO_USES, CannotTrace, Uses, trace_uses
from sparserobust.weights.slots import Slot, identity, slot_name, slots_of


@dataclass(frozen=True, kw_only=True)
class ModelWeights:
    """Which tensors of a model can be sparse, and what stands outside.

    Attributes:
        prunable: names of those that can, in registration order.
        outside: every other parameter of two or more dimensions.
        thirds: name of a fused attention weight -> which of its units make query, key and value.
        exclude: what the user excluded, as it was given.
        opaque: operator without a rule -> names of the parameters that entered it.
    """

    prunable: tuple[str, ...] = ()
    outside: tuple[OutsideParameter, ...] = ()
    thirds: Mapping[str, Thirds] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    opaque: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def not_run(self) -> tuple[Remark, ...]:
        """That parameters were not used for the image that was traced, where there are any: they stay dense."""
        unused = [own.name for own in self.outside if own.why == "unused"]
        return (remark("weights-not-run", layers=unused),) if unused else ()


def weights_of(
    model: nn.Module, input_shape: Sequence[int] | None = None, *, exclude: str | Iterable[str] = ()
) -> ModelWeights:
    """Which tensors of a model can be sparse, and what stands outside; arguments and errors as `prunable`."""
    uses = _uses(model, tuple(input_shape) if input_shape else origin_of(model, "input_shape"))
    patterns = (exclude,) if isinstance(exclude, str) else tuple(exclude or ())
    for pattern in patterns:
        _check_pattern(pattern, model)
    named = _all_names(model)
    excluded = {
        name
        for name in uses.prunable
        if any(is_excluded(own, pattern) for own in named[name] for pattern in patterns)
    }
    if excluded and len(excluded) == len(uses.prunable):
        everything = ", ".join(map(repr, patterns))
        raise ConfigError(
            f"exclude={everything} leaves no weight of {type(model).__name__} that could be sparse; exclude less"
        )
    why = {**uses.outside, **dict.fromkeys(excluded, "excluded")}
    sizes = {slot_name(name, model): parameter.numel() for name, parameter in model.named_parameters()}
    return ModelWeights(
        prunable=tuple(name for name in uses.prunable if name not in excluded),
        outside=tuple(
            OutsideParameter(
                name=name,
                numel=numel,
                why=why[name],
                is_weight=name in excluded or name in uses.weights_outside,
            )
            for name, numel in sizes.items()
            if name in why
        ),
        thirds={name: own for name, own in uses.thirds.items() if name not in excluded},
        exclude=patterns,
        opaque=uses.opaque,
    )


def prunable(
    model: nn.Module, input_shape: Sequence[int] | None = None, *, exclude: str | Iterable[str] = ()
) -> tuple[str, ...]:
    """Names of the tensors that can be sparse, in registration order: see `definitions`, "Which weights".

    Args:
        model: any module that takes images.
        input_shape: (c, h, w). Without it that of one of our networks is known, and of others a shape is looked for
            that they take: which weights there are does not depend on it.
        exclude: what is to stay dense: names of parameters or modules, or patterns with * and ? for them.

    Raises:
        CannotTrace: the network does not run, or takes none of the usual shapes.
        ConfigError: nothing has an excluded name, or everything.
    """
    return weights_of(model, input_shape, exclude=exclude).prunable


def is_excluded(name: str, pattern: str) -> bool:
    """Whether a pattern is that of a parameter, or of a module that it lies in."""
    parts = name.split(".")
    return any(fnmatchcase(".".join(parts[: end + 1]), pattern) for end in range(len(parts)))


def prunable_slots(model: nn.Module, input_shape: Sequence[int] | None = None) -> dict[str, Slot]:
    """Name -> where the tensor lives, of all that can be sparse; as `prunable`."""
    return slots_of(model, prunable(model, input_shape))


def effective_weights(model: nn.Module) -> dict[str, Tensor]:
    """Name -> the dense tensor that the network computes with (W_eff), detached, prunable weights only."""
    return {name: slot.effective.detach().clone() for name, slot in prunable_slots(model).items()}


def _uses(model: nn.Module, shape: tuple[int, ...] | None) -> Uses:
    if shape is not None:
        return trace_uses(model, shape)
    if not any(parameter.dim() > 1 for parameter in model.parameters()):
        return NO_USES
    for likely in likely_shapes(model):
        try:
            return trace_uses(model, likely)
        except CannotTrace:
            continue
    raise CannotTrace(
        f"which weights of {type(model).__name__} can be sparse shows when it runs on an image, and it takes none of "
        "the usual shapes; give data, or input_shape=(c, h, w)"
    )


def _all_names(model: nn.Module) -> dict[str, list[str]]:
    """Name of a weight -> all names of the tensor, its own and those that it is tied to."""
    names: dict[object, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(identity(parameter), []).append(slot_name(name, model))
    return {name: own for own in names.values() for name in own}


def _check_pattern(pattern: str, model: nn.Module) -> None:
    """Raises ConfigError where a pattern names nothing in the model."""
    if not isinstance(pattern, str):
        raise ConfigError(f"exclude must hold names of parameters or modules, got {pattern!r}")
    names = [slot_name(name, model) for name, _ in model.named_parameters(remove_duplicate=False)]
    if not any(is_excluded(name, pattern) for name in names):
        known = [*names, *{name.rpartition(".")[0] for name in names}]
        raise ConfigError(
            f"exclude={pattern!r} matches no parameter or module of {type(model).__name__}"
            f"{did_you_mean(pattern, known) or '; it has ' + ', '.join(names[:3])}"
        )
