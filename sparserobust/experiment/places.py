"""Names of folders: of a network's within an experiment's, of a new experiment's, of the attacks that are kept."""

from __future__ import annotations

import datetime
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sparserobust.errors import ConfigError
from sparserobust.experiment.values import in_short, text

SPEAKS_FOR_ITSELF = ("allocation", "offset", "control")
"""Parameters whose value alone says in a folder's name what it is."""
AUTO: Literal["auto"] = "auto"


def folder_stem(method: str, params: Mapping[str, Any]) -> str:
    """ "random", "random-epl-frozen", "synflow-steps-1": safe in a path, the same for the same parameters.

    Allocation, offset and control stand there by their value, then all other parameters as name-value, in the
    order of the alphabet.
    """
    parts = [method, *(str(params[name]) for name in SPEAKS_FOR_ITSELF if name in params)]
    for name in sorted(params.keys() - set(SPEAKS_FOR_ITSELF)):
        parts += [name, str(params[name])]
    return "-".join(safe(part) for part in parts)


def network_folder(stem: str, sparsity: float, seed: int | None) -> str:
    """ "snip-0.95-0"."""
    return f"{stem}-{sparsity:.10g}-{seed}"


def safe(text: str) -> str:
    """The text as part of a file's name: letters, digits, dots, underscores and single hyphens."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")


def numbered(path: Path) -> Iterator[Path]:
    """`snip-0.95-0`, then `snip-0.95-0-2`, `-3` ...; a name that ends with .toml keeps its ending."""
    stem, ending = (path.stem, path.suffix) if path.suffix == ".toml" else (path.name, "")
    yield path
    yield from (path.with_name(f"{stem}-{number}{ending}") for number in itertools.count(2))


def new_folder(stem: str) -> Path:
    """A folder under runs/ that is not there yet, called after what is run and the time."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    first = Path("runs") / f"{stem}-{stamp}"
    return next(path for path in numbered(first) if not path.exists())


def require_folder(path: object, key: str) -> Path:
    """The path of a folder, there or not.

    Raises:
        ConfigError: no path, or one of something else.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"{key} must be the path of a folder, got {in_short(path)}")
    folder = Path(str(text(key, path)))
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{key} {folder} is a file; name a folder that you can write")
    return folder


def made_folder(path: str | os.PathLike[str], key: str) -> Path:
    """The folder, made where it is missing.

    Args:
        key: that an error names.

    Raises:
        ConfigError: it is a file or cannot be written.
    """
    folder = require_folder(path, key)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{key} {folder} cannot be made ({error.strerror}); name a folder that you can write"
        ) from None
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{key} {folder} cannot be written; name a folder that you can write")
    return folder


def cache_folder(named: str | os.PathLike[str] | None) -> Path | None:
    """The folder that results of attacks are kept in: with "auto" the user's own, None for none.

    The user's own is `$XDG_CACHE_HOME/sparserobust`, else `~/.cache/sparserobust`; where it cannot be written,
    nothing is kept.

    Raises:
        ConfigError: the folder that was named is a file or cannot be written.
    """
    if named is None:
        return None
    if named != AUTO:
        return made_folder(named, "cache")
    try:
        return made_folder(_user_caches() / "sparserobust", "cache")
    except ConfigError:
        return None


def _user_caches() -> Path:
    """Where programs keep what they can do without (XDG Base Directory Specification: relative paths do not count)."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
