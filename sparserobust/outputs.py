"""What networks return besides a tensor of logits, and where the logits lie in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

from torch import Tensor

from sparserobust.errors import ConfigError, ModelError, ShapeError, said_by

OutputOf: TypeAlias = "int | str | Callable[[Any], Tensor] | None"
"""Where a network's logits lie in what it returns: a place in a tuple, a key or attribute (several with dots between),
a function that takes them out, or None: they are looked for in the usual places."""

USUAL = ("logits", "out", "output", "outputs", "prediction", "predictions", "preds", "pred", "scores", "y")
"""Keys and attributes under which logits are looked for, in this order."""
LISTED = 6
"""How many parts of an output a message names."""


def output_name(output: OutputOf) -> str | None:
    """What a record says of the place; None for the usual one."""
    if output is None or isinstance(output, int | str):
        return None if output is None else str(output)
    return str(getattr(output, "__qualname__", type(output).__name__))


def require_output(output: object) -> None:
    """Raises ConfigError unless it says where logits lie."""
    usable = (isinstance(output, int) and not isinstance(output, bool)) or isinstance(output, str)
    if not (output is None or (usable and output != "") or callable(output)):
        raise ConfigError(
            "output must be a place in a tuple (0), a key or attribute ('logits', 'head.logits') or a function, "
            f"got {output!r}"
        )


def parts_of(returned: object) -> list[tuple[str, Any]]:
    """(name, part) of a tuple, list, mapping, dataclass or plain object, in order; none of a tensor or number."""
    if isinstance(returned, Mapping):
        return [(str(key), value) for key, value in returned.items()]
    if isinstance(returned, tuple | list):
        names = getattr(returned, "_fields", None) or [str(place) for place in range(len(returned))]
        return list(zip(names, returned, strict=True))
    if is_dataclass(returned) and not isinstance(returned, type):
        return [(own.name, getattr(returned, own.name)) for own in fields(returned)]
    if isinstance(returned, Tensor | str | int | float | complex | None):
        return []
    return list(getattr(returned, "__dict__", {}).items())


def tensors_of(returned: object) -> Iterator[Tensor]:
    """All tensors in what a network returned."""
    if isinstance(returned, Tensor):
        yield returned
    else:
        for _, part in parts_of(returned):
            yield from tensors_of(part)


def taken_from(returned: object, n: int, output: OutputOf = None) -> tuple[Any, str]:
    """(what lies where the logits do, the place: "" for what was returned as it is).

    Without `output` a tensor is taken as it is; of an object, mapping or dataclass the part with a usual name, or the
    only one; of a tuple or list the first part that can be logits, which is one number per image and class, unless a
    later one is narrower: features come before logits in some networks.

    Args:
        returned: by the network.
        n: how many images it was given.
        output: where to look.

    Raises:
        ConfigError: nothing lies where `output` says. ShapeError: no part can be logits.
    """
    if output is not None:
        return _at(returned, output), str(output_name(output))
    if isinstance(returned, Tensor):
        return returned, ""
    parts = [(name, part) for name, part in parts_of(returned) if part is not None]
    if _is_plain(returned):
        candidates = [own for own in parts if can_be_logits(own[1], n)]
        if candidates and all(_width(candidates[0][1]) <= _width(part) for _, part in candidates):
            return candidates[0][1], candidates[0][0]
    else:
        named = dict(parts)
        name = next((name for name in USUAL if name in named), parts[0][0] if len(parts) == 1 else None)
        if name is not None and can_be_logits(named[name], n):
            return named[name], name
    raise ShapeError(
        f"the model must return logits ({n}, classes), got {described(returned)}"
        + ("; name the part that they are: output=..." if parts else "; return the logits alone")
    )


def can_be_logits(part: object, n: int) -> bool:
    """Whether it is a tensor of one number per image and class."""
    if not isinstance(part, Tensor) or not part.is_floating_point() or part.dim() == 0:
        return False
    if part.dim() == 1:
        return len(part) == n or n == 1
    return len(part) == n and (part.dim() == 2 or _is_pooled(part))


def described(returned: object) -> str:
    """What was returned, in a few words."""
    if isinstance(returned, Tensor):
        return str(tuple(returned.shape))
    parts = parts_of(returned)
    if not parts:
        return type(returned).__name__
    listed = [
        f"{name}: {tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__}"
        for name, part in parts[:LISTED]
    ]
    return f"{type(returned).__name__}({', '.join(listed)}{', ...' if len(parts) > LISTED else ''})"


def _at(returned: object, output: OutputOf) -> Any:
    """What lies there."""
    if callable(output):
        try:
            return output(returned)
        except Exception as error:  # whatever the user's function raises
            raise ModelError(
                f"output {output_name(output)} failed on what the model returned ({described(returned)}): "
                f"{type(error).__name__}: {said_by(error)}"
            ) from error
    if str(output) in (named := dict(parts_of(returned))):
        return named[str(output)]
    part: Any = returned
    for step in str(output).split("."):
        known = parts_of(part)
        named = dict(known)
        if step in named:
            part = named[step]
        elif step.lstrip("-").isdigit() and known and -len(known) <= int(step) < len(known):
            part = known[int(step)][1]
        elif hasattr(part, step) and not callable(getattr(part, step)):
            part = getattr(part, step)
        else:
            raise ConfigError(
                f"output {output!r} is not in what the model returned: expected one of "
                f"{', '.join(name for name, _ in known[:LISTED]) or 'its parts'}, got {described(part)}"
            )
    return part


def _width(part: Tensor) -> int:
    """How many classes it would have."""
    return part.shape[1] if part.dim() > 1 else 1


def _is_plain(returned: object) -> bool:
    """Whether the parts have places and no names."""
    return isinstance(returned, tuple | list) and not hasattr(returned, "_fields")


def _is_pooled(part: Tensor) -> bool:
    """Whether it is (n, classes, 1, ...), as a network without a flattening layer at its end returns."""
    return part.dim() > 2 and all(size == 1 for size in part.shape[2:])
