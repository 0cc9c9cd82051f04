"""Recipes and presets by name: TOML files that come with the library, or files of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from sparserobust.errors import ConfigError, did_you_mean

OWN = "own"
"""In place of a recipe's name: that of each method."""
LONG_LINE = 90
"""Characters from which on a list has a line for each item."""


def as_toml(content: Mapping[str, Any]) -> str:
    """The text of a TOML file; lists that are too long for a line have one for each item."""
    import tomlkit

    def placed(value: Any) -> Any:
        if isinstance(value, Mapping):
            table = tomlkit.table()
            table.update({key: placed(own) for key, own in value.items()})
            return table
        if isinstance(value, list | tuple) and not any(isinstance(own, Mapping) for own in value):
            array = tomlkit.array()
            array.extend(value)
            return array.multiline(len(array.as_string()) > LONG_LINE)
        return value

    return tomlkit.dumps({key: placed(value) for key, value in content.items()})


class TomlFiles:
    """The TOML files of one folder of the library; a name is that of a file, without its ending.

    Args:
        kind: what one of them is called in errors.
        folder: below the library's own, a part for each level.
    """

    def __init__(self, kind: str, *folder: str) -> None:
        self.kind = kind
        self._folder = resources.files("sparserobust").joinpath(*folder)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(Path(f.name).stem for f in self._folder.iterdir() if f.name.endswith(".toml"))

    def text(self, name: str) -> str:
        """The content of a file, by name or by the path of one's own, which ends with .toml.

        Raises:
            ConfigError: unknown name, or a file that cannot be read.
        """
        if name.endswith(".toml"):
            try:
                return Path(name).read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise ConfigError(f"{self.kind} {name} cannot be read ({why})") from None
        known = self.names()
        if name not in known:
            own = f"; did you mean '{name}.toml'?" if Path(f"{name}.toml").is_file() else ""
            raise ConfigError(
                f"unknown {self.kind} {name!r}{own or did_you_mean(name, known) or ';'} "
                f"expected {', '.join(known)} or the path of a TOML file"
            )
        return (self._folder / f"{name}.toml").read_text("utf-8")

    def table(self, name: str) -> dict[str, Any]:
        """The keys and values of a file, by name or path as `text` takes them.

        Raises:
            ConfigError: unknown name, or a file that cannot be read or is not TOML.
        """
        text = self.text(name)
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError too
            raise ConfigError(f"{self.kind} {name} is not TOML ({error})") from None


recipes = TomlFiles("recipe", "training", "recipes")
presets = TomlFiles("preset", "presets")
