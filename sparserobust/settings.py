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
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, ClassVar, TypeAlias

from annotated_types import Ge, Gt, Le, Lt
from pydantic import JsonValue

from sparserobust.annotations import one_of, refused
from sparserobust.arguments import SEEDS, plain_numbers
from sparserobust.errors import ConfigError, PluginError
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
        _require_declared(type(self))
        for own in fields(self):
            value = as_tuples(plain_numbers(getattr(self, own.name)))
            object.__setattr__(self, own.name, value)
            if (wrong := refused(type(self), own.name, value)) is not None:
                raise ConfigError(f"{own.name} of {self.name} must be {wrong}")

    def require(self, field: str, known: Iterable[Any]) -> None:
        """Raises ConfigError unless the field has one of the known values, of a kind that an annotation cannot list."""
        if (value := getattr(self, field)) not in (choices := list(known)):
            raise ConfigError(f"{field} of {self.name} must be {one_of(choices, value)}")

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


def _require_declared(cls: type[Settings]) -> None:
    """Raises PluginError for a class without a name, or that states settings and is no dataclass: nobody sees them."""
    if not isinstance(getattr(cls, "name", None), str):
        raise PluginError(f'{cls.__name__} must state its name: name: ClassVar = "lower-case-with-hyphens"')
    for base in cls.__mro__:
        if issubclass(base, Settings) and "__dataclass_params__" not in vars(base):
            hints = inspect.get_annotations(base)
            if settings := [name for name, hint in hints.items() if "ClassVar" not in str(hint)]:
                raise PluginError(
                    f"{base.__name__} states {', '.join(settings)} and needs @dataclass(frozen=True, kw_only=True) "
                    "above its class line"
                )


def is_plain(value: object) -> bool:
    """Whether a value is a number, a text, None or a list of those, so that its text tells all of it."""
    if isinstance(value, tuple | list):
        return all(map(is_plain, value))
    return isinstance(value, str | int | float | bool | None)


def plain(value: Any) -> Any:
    """The value as JSON has it: a tuple is a list, what JSON does not have is its repr."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else repr(value)


def as_tuples(value: Any) -> Any:
    """The value with lists as tuples, those in it too."""
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value
