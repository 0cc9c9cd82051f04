"""A preset: which evaluators run, with which settings, and where those come from. Reading one needs no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.toml_files import presets

if TYPE_CHECKING:
    from sparserobust.scoring import Evaluator


PARTS = 3  # of a place inside one evaluator: "evaluators", its number, the key


class Row(BaseModel):
    """One evaluator of a preset: its registered name and its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    settings: dict[str, Any] = {}


class Preset(BaseModel):
    """Evaluators with their budgets.

    Attributes:
        name: the file's, without its ending.
        about: what it measures in a line, then where it departs from its source.
        source: paper, section or code that the budgets come from.
        evaluators: in the order that they are reported in. One evaluator can stand there more than once where
            its settings give it another name, as `norm = "l2"` makes `pgd-l2` of `pgd`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    source: str
    evaluators: tuple[Row, ...] = Field(min_length=1)

    def build(self) -> list[Evaluator]:
        """The evaluators.

        Raises:
            PluginError: one of them is not installed. ConfigError: a setting that cannot be, or two of one name.
        """
        from sparserobust.scoring.named import build_evaluator, require_different_names

        try:
            built = [build_evaluator(row.name, row.settings) for row in self.evaluators]
            require_different_names(
                [(row.name, evaluator) for row, evaluator in zip(self.evaluators, built, strict=True)]
            )
        except ConfigError as error:
            raise ConfigError(f"preset {self.name}: {error}") from None
        return built


def list_presets() -> list[str]:
    """Names of the presets that come with the library."""
    return presets.names()


def load_preset(name: str | os.PathLike[str]) -> list[Evaluator]:
    """The evaluators of a preset, for `evaluate`; by name, or from a TOML file of one's own.

    Raises:
        ConfigError: unknown name, unreadable file, or values that cannot be.
        PluginError: an evaluator that is not installed.
    """
    return read_preset(name).build()


def read_preset(given: str | os.PathLike[str] | Mapping[str, Any]) -> Preset:
    """A preset with its source, as it is written down.

    Args:
        given: name, TOML file of one's own, or the content of one.

    Raises:
        ConfigError: unknown name, unreadable file, or another layout.
    """
    if isinstance(given, Mapping):
        content = {"name": "of a table", **given}
        what = f"preset {content['name']}"
    else:
        what = f"preset {given}"
        content = {"name": Path(given).name.removesuffix(".toml"), **presets.table(str(given))}
    try:
        return Preset.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{what}: {_complaint(error, content)}") from None


def _complaint(error: ValidationError, values: dict[str, Any]) -> str:
    """What is wrong in a preset's file, in the words of the file; an unknown key before a missing one."""
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    loc, missing = first["loc"], first["type"] == "missing"
    if loc[0] == "evaluators" and len(loc) < PARTS and not missing:
        return 'evaluators must be one or more tables: [[evaluators]], then name = "fgsm"'
    inside = len(loc) >= PARTS
    key, where = (loc[2], _place(loc[1], values)) if inside else (loc[0], "")
    known = [field for field in (Row if inside else Preset).model_fields if inside or field != "name"]
    if missing:
        return f"{where}{key} is missing; {'an evaluator' if inside else 'a preset'} has {', '.join(known)}"
    if first["type"] == "extra_forbidden":
        hint = did_you_mean(str(key), known) or ";"
        how = f" (settings = {{ {key} = ... }} for one of the evaluator's)" if inside and hint == ";" else ""
        return f"{where}unknown key {str(key)!r}{hint} expected {' or '.join(known)}{how}"
    return f"{where}{key} must be {'a table' if key == 'settings' else 'text'}, got {first['input']!r}"


def _place(number: int | str, values: dict[str, Any]) -> str:
    """ "evaluator 2 (pgd): "."""
    name = values["evaluators"][number].get("name")
    return f"evaluator {int(number) + 1}{f' ({name})' if name else ''}: "


def preset_text(name: str) -> str:
    """The TOML of a preset, which a file of one's own can start from.

    Raises:
        ConfigError: unknown name, or a file that cannot be read.
    """
    return presets.text(name)
