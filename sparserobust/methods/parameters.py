"""A method's name and parameters: checked, compared with their defaults, and as data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pydantic import JsonValue

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.records import ChangedParameter


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What every method is: a name, and parameters as the fields of a dataclass.

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
        if isinstance(own.get("name"), str) and "title" not in own:
            cls.title = own["name"]

    def require(self, field: str, known: tuple[Any, ...]) -> None:
        """Raises ConfigError unless the field has one of the known values."""
        value = getattr(self, field)
        if value not in known:
            names = [str(k) for k in known]
            raise ConfigError(
                f"{field} of {self.name} must be one of {', '.join(names)}, "
                f"got {value!r}{did_you_mean(str(value), names)}"
            )

    def require_whole(self, field: str, *, least: int, none: bool = False) -> None:
        """Raises ConfigError unless the field has a whole number that is at least `least`, or None where that goes."""
        value = getattr(self, field)
        if none and value is None:
            return
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ConfigError(
                f"{field} of {self.name} must be a whole number, at least {least}, got {value!r}"
            )

    def require_share(self, field: str, *, zero: bool = False, one: bool = False) -> None:
        """Raises ConfigError unless the field has a number from 0 to 1, the ends where they are allowed."""
        value = getattr(self, field)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (0 < value < 1 or (zero and value == 0) or (one and value == 1)):
            ends = f"{'[' if zero else '('}0, 1{']' if one else ')'}"
            raise ConfigError(f"{field} of {self.name} must be a number in {ends}, got {value!r}")

    def variant(self) -> str:
        """Name and parameters that differ from the defaults: "snip" or "random[allocation=epl, offset=dct]".

        How many examples are scored on is left out: a comparison sets it for all methods alike.
        """
        changed = [f"{name}={getattr(self, name)}" for name in self._not_at_default()]
        return f"{self.name}[{', '.join(changed)}]" if changed else self.name

    def changed(self) -> tuple[ChangedParameter, ...]:
        """What `variant` says as data: the parameters that differ from the defaults, in the order of the fields."""
        return tuple(
            ChangedParameter(name=name, value=_plain(getattr(self, name)), words=self._words(name))
            for name in self._not_at_default()
        )

    def params(self) -> dict[str, JsonValue]:
        """All parameters by name, as JSON values."""
        return {own.name: _plain(getattr(self, own.name)) for own in fields(self)}

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


def _plain(value: Any) -> Any:
    """The value as JSON has it: a tuple is a list."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
