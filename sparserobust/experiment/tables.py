"""Tables in an experiment: settings by name, and recipes and presets with all that they hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sparserobust.arguments import plain_numbers
from sparserobust.errors import ConfigError
from sparserobust.experiment.grammar import assigned, parsed, written
from sparserobust.experiment.values import in_short, text
from sparserobust.toml_files import TomlFiles


def table(key: str, value: object, files: TomlFiles) -> str | dict[str, Any] | None:
    """A name, or the content of a file or table with the file's name in it: an experiment holds all that it needs.

    Raises:
        ConfigError: no name, no table, or a file that cannot be read.
    """
    if hasattr(value, "model_dump"):  # a Recipe, a Preset
        value = value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return _with_base(key, _plain_table(key, value), Path(), files, ())
    name = text(key, value)
    return _content(key, name, files, ()) if name is not None and name.endswith(".toml") else name


def _content(key: str, name: str, files: TomlFiles, seen: tuple[Path, ...]) -> dict[str, Any]:
    """What a file says, with what the file says that it has as its base; its name where it gives none."""
    file = Path(name)
    if file.resolve() in seen:
        raise ConfigError(f"{key} {name} is its own base; name another as base")
    content = {"name": file.stem, **files.table(name)}
    return _with_base(key, content, file.parent, files, (*seen, file.resolve()))


def _with_base(
    key: str, content: dict[str, Any], folder: Path, files: TomlFiles, seen: tuple[Path, ...]
) -> dict[str, Any]:
    """The content with that of the file that it names as its base; a path counts from the folder."""
    base = content.get("base")
    if not isinstance(base, str) or not base.endswith(".toml"):
        return content
    own = {name: value for name, value in content.items() if name != "base"}
    return _content(key, str(folder / base), files, seen) | own


def settings(key: str, value: object) -> dict[str, dict[str, Any]]:
    """{"fgsm": {"eps": [0.05, 0.1]}}, of such a table or of texts `fgsm.eps=[0.05,0.1]`.

    A text as a value is read as on the command line: "null" is None, "8/255" a number.

    Raises:
        ConfigError: anything else.
    """
    found: dict[str, dict[str, Any]] = {}
    if isinstance(value, Mapping):
        for owner, own in value.items():
            if not isinstance(own, Mapping):
                raise ConfigError(
                    f"{key} of {owner} must be a table, for instance {{'fgsm': {{'eps': [0.1]}}}}; got {in_short(own)}"
                )
            found[str(text(key, str(owner)))] = {
                str(name).replace("-", "_"): _read(f"{key} {owner}.{name}", given)
                for name, given in own.items()
            }
        return {owner: own for owner, own in found.items() if own}
    for item in [value] if isinstance(value, str) else value if isinstance(value, Sequence) else [value]:
        owner, name, given = assigned(item if isinstance(item, str) else repr(item))
        found.setdefault(str(text(key, owner)), {})[name] = given
    return found


def _read(key: str, value: Any) -> Any:
    return parsed(value) if isinstance(value, str) else _plain(key, value)


def _plain(key: str, value: Any) -> Any:
    """The value as numbers, texts, None, lists and tables of those, which are its own.

    Raises:
        ConfigError: it holds anything else, or a number that is not finite.
    """
    value = plain_numbers(value)
    if isinstance(value, Mapping):
        return _plain_table(key, value)
    if isinstance(value, list | tuple):
        return [_plain(key, item) for item in value]
    finite = not isinstance(value, float) or math.isfinite(value)
    if value is not None and not (isinstance(value, str | int | float) and finite):
        raise ConfigError(f"{key} must be numbers, texts, lists or tables of those, got {in_short(value)}")
    return value


def _plain_table(key: str, value: Mapping[Any, Any]) -> dict[str, Any]:
    if odd := [name for name in value if not isinstance(name, str)]:
        raise ConfigError(f"{key} must be a table whose keys are text, got {in_short(odd[0])}")
    return {name: _plain(f"{key}.{name}", own) for name, own in value.items()}


def as_setting(value: Any) -> Any:
    """The value of a setting as a file holds it: a text where TOML has no such value, or would be read otherwise."""
    if isinstance(value, str):
        return value if parsed(value) == value else written(value)
    return written(value) if _has_none(value) else value


def _has_none(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return value is None or (isinstance(value, list | tuple) and any(map(_has_none, value)))
