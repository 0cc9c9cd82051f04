"""A value checked by the annotation of its field, and the annotation in words."""

from __future__ import annotations

import inspect
import sys
import types
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, TypeAdapter, ValidationError

from sparserobust.arguments import SEEDS
from sparserobust.errors import did_you_mean


def takes_many(cls: type, field: str) -> bool:
    """Whether a setting is a list, or may be one."""
    hint = _annotation(cls, field)
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(get_origin(part) is tuple for part in parts)


def refused(cls: type, field: str, value: object) -> str | None:
    """ "a number, at least 1, got 0" where the value does not fit the field's annotation, else None."""
    adapter = _adapter(cls, field)
    if adapter is None:
        return None
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        hint = _annotation(cls, field)
        if (choices := _choices(hint)) is not None:
            return one_of(choices, value)
        return f"{_expected(hint)}, got {value!r}{_unquoted(value)}"
    return None


def in_words(cls: type, field: str) -> str:
    """What a field's annotation takes: "a whole number, at least 1, or None"."""
    return _expected(_annotation(cls, field))


@cache
def _adapter(cls: type, field: str) -> TypeAdapter[Any] | None:
    hint = _annotation(cls, field)
    if hint is None:
        return None
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False))
    except Exception:  # an annotation that pydantic knows nothing of says nothing
        return None


@cache
def _annotation(cls: type, field: str) -> Any:
    """The annotation of a field where it can be read: a name that only a type checker imports cannot."""
    for base in cls.__mro__:
        hint = inspect.get_annotations(base).get(field)
        if hint is None:
            continue
        if isinstance(hint, str):
            try:
                hint = eval(hint, vars(sys.modules[base.__module__]), dict(vars(base)))
            except Exception:
                return None
        return _as_tuple(hint)
    return None


def _as_tuple(hint: Any) -> Any:
    """The annotation of a list as that of the tuple that settings make of it."""
    if get_origin(hint) is list:
        return types.GenericAlias(tuple, (*get_args(hint), ...))
    return tuple if hint is list else hint


def _choices(hint: Any) -> list[Any] | None:
    """The values that an annotation lists, None where it is of another kind."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if hint is type(None) or hint is None:
        return [None]
    if get_origin(hint) in (Union, UnionType):
        parts = [_choices(part) for part in get_args(hint)]
        if all(part is not None for part in parts):
            return [choice for part in parts for choice in part or []]
    return None


def one_of(choices: list[Any], value: object) -> str:
    names = [str(choice) for choice in choices]
    return f"one of {', '.join(names)}, got {value!r}{did_you_mean(str(value), names)}"


WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "text", type(None): "None"}
MANY = {int: "whole numbers", float: "numbers", str: "texts"}


def _expected(hint: Any) -> str:
    """An annotation in words: "a whole number, at least 1, or None"."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _expected(parts[0]) + _bounds(parts[1:])
    if origin in (Union, UnionType):
        return ", or ".join(_expected(part) for part in parts)
    if origin is Literal:
        return " or ".join(map(repr, parts))
    if origin is tuple and parts:
        kinds = _many(parts[0])
        return f"a list of {kinds}" if parts[-1] is Ellipsis else f"a list of {len(parts)} {kinds}"
    return WORDS.get(hint) or str(getattr(hint, "__name__", hint))


def _many(hint: Any) -> str:
    """What a list has, in words: "whole numbers, each at least 1"."""
    kind, *constraints = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    return MANY.get(kind, "values") + _bounds(tuple(constraints)).replace(", at", ", each at", 1)


def _bounds(constraints: tuple[Any, ...]) -> str:
    low: tuple[str, Any] | None = None
    high: tuple[str, Any] | None = None
    for constraint in constraints:
        if isinstance(constraint, Ge):
            low = "[", constraint.ge
        elif isinstance(constraint, Gt):
            low = "(", constraint.gt
        elif isinstance(constraint, Le):
            high = "]", constraint.le
        elif isinstance(constraint, Lt):
            high = ")", constraint.lt
    if low and high:
        top = "2**32" if high[1] == SEEDS else high[1]
        return f" in {low[0]}{low[1]}, {top}{high[0]}"
    if low:
        return f", at least {low[1]}" if low[0] == "[" else f" above {low[1]}"
    if high:
        return f", at most {high[1]}" if high[0] == "]" else f" below {high[1]}"
    return ""


def _unquoted(value: object) -> str:
    """What a number that was given as text is meant to be."""
    text = str(value).strip()
    digits = text.replace(".", "", 1).removeprefix("-").isdigit()
    return f"; did you mean {text}?" if isinstance(value, str) and digits else ""
