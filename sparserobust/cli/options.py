"""What the options of the command line mean: lists, settings, output folders."""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparserobust.errors import ConfigError

Settings = dict[str, dict[str, Any]]


def names(text: str) -> list[str]:
    """ "a, b" -> ["a", "b"], without empty or repeated ones."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def numbers(text: str, option: str, kind: type[int] | type[float]) -> list[Any]:
    """ "0.9,0.99" -> [0.9, 0.99].

    Raises:
        ConfigError: a part is not such a number.
    """
    try:
        values = list(dict.fromkeys(kind(part) for part in names(text)))
    except ValueError:
        what = "whole numbers" if kind is int else "numbers"
        raise ConfigError(f"{option} takes {what} separated by commas, got {text!r}") from None
    if not values:
        raise ConfigError(f"{option} is empty")
    return values


def settings(assignments: Sequence[str], known: Sequence[str]) -> Settings:
    """`fgsm.eps=[0.05,0.1]` ... -> {"fgsm": {"eps": [0.05, 0.1]}}; values as `parsed` reads them.

    Raises:
        ConfigError: another form, or the name is neither an evaluator nor a method in use.
    """
    result: Settings = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        owner, dot, name = key.strip().partition(".")
        if not equals or not dot or not name:
            raise ConfigError(
                f"--set takes NAME.SETTING=VALUE, for instance fgsm.eps=[0.05,0.1]; got {assignment!r}"
            )
        if owner not in known:
            raise ConfigError(
                f"--set {assignment}: {owner!r} is not in use here; expected {', '.join(known)}"
            )
        result.setdefault(owner, {})[name.strip().replace("-", "_")] = parsed(value)
    return result


FRACTION = re.compile(r"(?<![\w./])(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)(?![\w./])")
"""8/255, not a part of a path or a word."""


BARE_POINT = re.compile(r"(?<![\w.])\.(?=\d+(?![\w.]))")
"""The point of .95, not one in a path, a version or a word."""


def parsed(value: str) -> Any:
    """The value of a setting: JSON with fractions such as 8/255, or the text itself (NaN and Infinity are text).

    Numbers may begin with their point: .5 is 0.5.
    """
    number = BARE_POINT.sub("0.", value)
    for text in (value, number, FRACTION.sub(_divided, number)):
        try:
            return json.loads(text, parse_constant=_no_number)
        except ValueError:
            pass
    return value


def _divided(fraction: re.Match[str]) -> str:
    above, below = map(float, fraction.groups())
    return repr(above / below) if below else fraction.group()


def _no_number(constant: str) -> None:
    raise ValueError(constant)


def new_folder(out: Path | None, stem: str) -> Path:
    """The output folder: the one named, or a new one under runs/.

    Raises:
        ConfigError: it is a file or cannot be written.
    """
    if out is None:
        stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
        out = Path("runs") / f"{stem}-{stamp}"
        number = 2
        while out.exists():
            out = Path("runs") / f"{stem}-{stamp}-{number}"
            number += 1
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--out {out} cannot be made ({error.strerror}); name a folder that you can write"
        ) from None
    return out


def cache_folder(named: Path | None, off: bool) -> Path | None:
    """The folder that results of attacks are kept in: the one named, or the user's own; None with `--no-cache`.

    The user's own is `$XDG_CACHE_HOME/sparserobust`, else `~/.cache/sparserobust`; where it cannot be written,
    nothing is kept.

    Raises:
        ConfigError: both options, or the folder that was named is a file or cannot be written.
    """
    if off and named is not None:
        raise ConfigError(f"give either --cache {named} or --no-cache")
    if off:
        return None
    folder = named or _user_caches() / "sparserobust"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if named is None:
            return None
        raise ConfigError(
            f"--cache {folder} cannot be made ({error.strerror}); name a folder that you can write"
        ) from None
    if os.access(folder, os.W_OK):
        return folder
    if named is None:
        return None
    raise ConfigError(f"--cache {folder} cannot be written; name a folder that you can write")


def _user_caches() -> Path:
    """Where programs keep what they can do without (XDG Base Directory Specification: relative paths do not count)."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"
