"""Settings of a method or an evaluator: the fields of a frozen dataclass, checked by their annotations when it is made.

@dataclass(frozen=True, kw_only=True)
class Trimmed(Method):
name: ClassVar[str] = "trimmed"
rounds: Positive = 5
kind: Literal["soft", "hard"] = "soft"

Trimmed(rounds=0)  # ConfigError: rounds of trimmed must be a whole number, at least 1, got 0
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict, JsonValue, TypeAdapter, ValidationError

from sparserobust.arguments import SEEDS, plain_numbers
from sparserobust.errors import ConfigError, PluginError, did_you_mean
from sparserobust.records import ChangedParameter

Positive: TypeAlias = Annotated[int, Ge(1)]
"""A whole number from 1 on."""
NotNegative: TypeAlias = Annotated[int, Ge(0)]
"""A whole number from 0 on."""
Share: TypeAlias = Annotated[float, Gt(0), Lt(1)]
"""A number between 0 and 1."""
ShareOrAll: TypeAlias = Annotated[float, Gt(0), Le(1)]
"""A number above 0, at most 1."""
Above0: TypeAlias = Annotated[float, Gt(0)]
"""A number above 0."""
Seed: TypeAlias = Annotated[int, Ge(0), Lt(SEEDS)]
"""A seed of our random numbers."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every method and every evaluator is: a name, and settings as the fields of a dataclass.

    Lists become tuples, numbers of numpy and torch plain ones; what does not fit its annotation is refused. A
    subclass that has more to check does so in `__post_init__`, after `super().__post_init__()`.

    A field whose values have names of their own states them: `field(default=..., metadata={"words": {value: name}})`.
    They hold in subclasses with another default too.

    Attributes:
        name: as registered; `title`: as its paper writes it, the name where a class gives none.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """A class that is given a name of its own and no title is called by its name."""
        super().__init_subclass__(**options)
        own = vars(cls)
        inherited = {own.name for own in fields(cls)} if is_dataclass(cls) else set()
        for name in sorted(own.keys() & inherited - inspect.get_annotations(cls).keys()):
            raise PluginError(
                f"{name} of {cls.__name__} is a setting, whose default changes with its annotation alone: write "
                f"{name}: TYPE = {own[name]!r} under @dataclass(frozen=True, kw_only=True)"
            )
        if isinstance(own.get("name"), str) and "title" not in own:
            cls.title = cls.titled(own["name"])

    @classmethod
    def titled(cls, name: str) -> str:
        """The title of a class that gives none."""
        return name

    def __post_init__(self) -> None:
        _require_dataclasses(type(self))
        for own in fields(self):
            value = _as_tuples(plain_numbers(getattr(self, own.name)))
            object.__setattr__(self, own.name, value)
            if (wrong := _refused(type(self), own.name, value)) is not None:
                raise ConfigError(f"{own.name} of {self.name} must be {wrong}")

    def require(self, field: str, known: Iterable[Any]) -> None:
        """Raises ConfigError unless the field has one of the known values, of a kind that an annotation cannot list."""
        if (value := getattr(self, field)) not in (choices := list(known)):
            raise ConfigError(f"{field} of {self.name} must be {_one_of(choices, value)}")

    def variant(self) -> str:
        """Name and parameters that differ from the defaults: "snip" or "random[allocation=epl, offset=dct]".

        How many examples are scored on is left out: a comparison sets it for all methods alike.
        """
        changed = [f"{name}={plain(getattr(self, name))}" for name in self._not_at_default()]
        return f"{self.name}[{', '.join(changed)}]" if changed else self.name

    def changed(self) -> tuple[ChangedParameter, ...]:
        """What `variant` says as data: the parameters that differ from the defaults, in the order of the fields."""
        return tuple(
            ChangedParameter(name=name, value=plain(getattr(self, name)), words=self._words(name))
            for name in self._not_at_default()
        )

    def params(self) -> dict[str, JsonValue]:
        """All fields by name as they were given, as JSON values."""
        return {own.name: plain(getattr(self, own.name)) for own in fields(self)}

    def _not_at_default(self) -> list[str]:
        return [
            own.name
            for own in fields(self)
            if own.name != "score_samples" and getattr(self, own.name) != own.default
        ]

    def _words(self, name: str) -> str | None:
        """What the value of a parameter is called, by the nearest class whose field says it."""
        value = getattr(self, name)
        for stated in (vars(cls).get("__dataclass_fields__", {}).get(name) for cls in type(self).__mro__):
            for known, words in (stated.metadata.get("words", {}) if stated is not None else {}).items():
                if type(known) is type(value) and known == value:
                    return str(words)
        return None


def _require_dataclasses(cls: type) -> None:
    """Raises PluginError for a class that states settings and is no dataclass itself: they would be none."""
    for base in cls.__mro__:
        if issubclass(base, Settings) and "__dataclass_params__" not in vars(base):
            hints = inspect.get_annotations(base)
            if settings := [name for name, hint in hints.items() if "ClassVar" not in str(hint)]:
                raise PluginError(
                    f"{base.__name__} states {', '.join(settings)} and needs @dataclass(frozen=True, kw_only=True) "
                    "above its class line"
                )


def plain(value: Any) -> Any:
    """The value as JSON has it: a tuple is a list, what JSON does not have is its repr."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def takes_many(cls: type, field: str) -> bool:
    """Whether a setting is a list, or may be one."""
    hint = _annotation(cls, field)
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return any(get_origin(part) is tuple for part in parts)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value


def _refused(cls: type, field: str, value: object) -> str | None:
    """ "a number, at least 1, got 0" where the value does not fit the field's annotation, else None."""
    adapter = _adapter(cls, field)
    if adapter is None:
        return None
    try:
        adapter.validate_python(value, strict=True)
    except ValidationError:
        hint = _annotation(cls, field)
        if (choices := _choices(hint)) is not None:
            return _one_of(choices, value)
        return f"{_expected(hint)}, got {value!r}{_unquoted(value)}"
    return None


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
        return hint
    return None


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


def _one_of(choices: list[Any], value: object) -> str:
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
        kinds = MANY.get(parts[0], "values")
        return f"a list of {kinds}" if parts[-1] is Ellipsis else f"a list of {len(parts)} {kinds}"
    return WORDS.get(hint) or str(getattr(hint, "__name__", hint))


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
