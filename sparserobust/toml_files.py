"""Recipes and presets by name: TOML files that come with the library, or files of one's own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from sparserobust.errors import ConfigError, did_you_mean


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


def toml_key(name: str) -> str:
    """A name as TOML writes it in front of a value or in the head of a table."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_value(name)


def toml_value(value: str | bool | int | float | Sequence[object]) -> str:
    """A text, number, True, False or list of those as TOML writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


recipes = TomlFiles("recipe", "training", "recipes")
presets = TomlFiles("preset", "presets")
