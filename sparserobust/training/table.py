"""A table of a recipe's TOML: a frozen model whose values are checked by their annotations, refused in one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sparserobust.annotations import refused
from sparserobust.arguments import plain_numbers
from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.settings import as_tuples


class Table(BaseModel):
    """What has named values, as TOML and JSON write them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def instead(cls) -> str:
        """What else can be done about a field that is missing."""
        return ""

    @classmethod
    def read(cls, values: object, what: str) -> Self:
        """The table of these values; lists become tuples, numbers of numpy and torch plain ones.

        Args:
            values: by field.
            what: it is, for the message: "recipe mine".

        Raises:
            ConfigError: no table, an unknown or a missing field, or a value that cannot be.
        """
        if isinstance(values, cls):
            return values
        given = {key: as_tuples(plain_numbers(value)) for key, value in require_table(values, what).items()}
        for key in given:
            if key not in cls.model_fields:
                hint = did_you_mean(key, cls.model_fields) or ";"
                raise ConfigError(
                    f"unknown field {key!r} of {what}{hint} expected {', '.join(cls.model_fields)}"
                )
        for key, field in cls.model_fields.items():
            if key not in given and field.is_required():
                raise ConfigError(f"{key} of {what} is missing; add it{cls.instead()}")
            if key in given and (wrong := refused(cls, key, given[key])) is not None:
                raise ConfigError(f"{key} of {what} must be {wrong}")
        try:
            return cls.model_validate(given)
        except ValidationError as error:  # what the annotation of one field cannot say
            first = error.errors()[0]
            place = "".join(f"{part} of " for part in reversed(first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            got = f", got {first['input']!r}" if place else ""
            raise ConfigError(f"{place}{what}: {message}{got}") from None


def require_table(values: object, what: str) -> dict[str, Any]:
    """The values by name.

    Raises:
        ConfigError: anything but a table.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what} must be a table of names and values, got {values!r}")
    return {str(key): value for key, value in values.items()}
