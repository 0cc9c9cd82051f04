"""An experiment as the text of a TOML file, and back."""

from __future__ import annotations

import os
import tomllib
from dataclasses import MISSING, Field
from pathlib import Path
from typing import Any

from sparserobust.errors import ConfigError
from sparserobust.experiment.tables import as_setting
from sparserobust.experiment.values import text
from sparserobust.toml_files import as_toml

ALWAYS = ("data", "model", "methods", "sparsities", "seeds")
"""Keys that are written even where they hold what is not said."""


def toml_text(values: list[tuple[Field[Any], Any]]) -> str:
    """The text of the keys that hold something else than what holds without them.

    Args:
        values: key and value.
    """
    content: dict[str, Any] = {}
    for own, value in values:
        default = own.default if own.default_factory is MISSING else own.default_factory()
        if value is None or value == () or (value == default and own.name not in ALWAYS):
            continue
        content[own.name] = list(value) if isinstance(value, tuple) else value
    if "settings" in content:
        content["settings"] = {
            owner: {key: as_setting(value) for key, value in own.items()}
            for owner, own in content["settings"].items()
        }
    return as_toml(content)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The keys and values of an experiment's file, or of that in a folder, unchecked.

    Raises:
        ConfigError: it cannot be read or is not TOML.
    """
    file = Path(str(text("experiment", path)))
    if file.is_dir():
        from sparserobust.records.files import EXPERIMENT_FILE

        several = sorted(each.name for each in file.glob(f"{Path(EXPERIMENT_FILE).stem}*.toml"))
        if len(several) > 1:
            raise ConfigError(f"{file} holds {len(several)} experiments; name one of {', '.join(several)}")
        file = file / EXPERIMENT_FILE
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"experiment {file} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError too
        raise ConfigError(f"experiment {file} is not TOML ({error})") from None
