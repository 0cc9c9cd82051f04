"""The values of an experiment's keys as a call, a file or a command line gives them: made plain, or refused."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from sparserobust.arguments import SEEDS, plain_numbers, whole_number
from sparserobust.errors import ConfigError
from sparserobust.experiment.grammar import Variant, parsed, split_outside_brackets
from sparserobust.sparsity.allocation import check_sparsity

UNWRITABLE = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Unicode's categories of what has no place in a line."""
LONGEST_NAME = 255
LARGEST = 2**31
TOO_LARGE = 10**40
MOST_THREADS = 1024
LONGEST = 80
"""Characters of a value that a message quotes."""


def text(key: str, value: object) -> str | None:
    """The text, or None; a path is its text.

    Raises:
        ConfigError: neither, or empty.
    """
    if value is None:
        return None
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and (wrong := _unwritable(value)):
        raise ConfigError(f"{key} must be text of one line, got {wrong}")
    if not isinstance(value, str) or not value.strip():
        how = " (package.module:callable for a network of your own)" if key == "model" else ""
        raise ConfigError(f"{key} must be text{how}, got {in_short(value)}")
    return value


def _unwritable(value: str) -> str:
    """What a text has that no name or path has: control characters, or a name that no file system takes."""
    if any(unicodedata.category(character) in UNWRITABLE for character in value):
        return f"one with control characters ({ascii(value)[:LONGEST]})"
    longest = max(map(len, re.split(r"[/\\,]", value)))
    return f"a name of {longest} characters" if longest > LONGEST_NAME else ""


def in_short(value: object) -> str:
    """A value in a message: itself where that is short and of one line, else what it is."""
    try:
        text = repr(value)
    except Exception:  # whatever a repr of somebody else's does
        text = ""
    return text if 0 < len(text) <= LONGEST and text.isprintable() else f"a {type(value).__name__}"


def texts(key: str, value: object) -> tuple[str, ...] | None:
    """Texts, each once, in their order: of one with commas between them, or of a list; None stays.

    Raises:
        ConfigError: anything else.
    """
    if value is None:
        return None
    if isinstance(value, str):
        text(key, value or "none")
        items: Sequence[object] = [part for part in split_outside_brackets(value, f"{key} {value}") if part]
    elif isinstance(value, os.PathLike):
        items = [value]
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        items = value
    else:
        raise ConfigError(f"{key} must be a name or a list of names, got {in_short(value)}")
    return tuple(dict.fromkeys(str(text(key, _spelled(key, item))).strip() for item in items))


def _spelled(key: str, item: object) -> object:
    """A method or an evaluator with settings as one writes it; anything else as it is."""
    if (
        isinstance(item, type)
        or not is_dataclass(item)
        or not isinstance(name := getattr(item, "name", None), str)
    ):
        return item
    if (label := vars(item).get("_label")) is not None:
        raise ConfigError(
            f"{key}: {label} has a name of its own, which no file holds; use sparserobust.evaluate"
        )
    changed = {own.name: given for own in fields(item) if (given := getattr(item, own.name)) != own.default}
    try:
        return str(Variant(name, changed))
    except (TypeError, ValueError):
        raise ConfigError(
            f"{key}: {name} has settings that no text holds; use sparserobust.evaluate"
        ) from None


def sparsities(key: str, value: object) -> tuple[float, ...]:
    """Fractions in [0, 1), each once.

    Raises:
        ConfigError: one that cannot be, or none.
    """
    items = _numbers(key, value)
    for item in items:
        check_sparsity(item)
    return tuple(dict.fromkeys(float(item) for item in items))


def seeds(key: str, value: object) -> tuple[int, ...]:
    """Whole numbers in [0, 2**32), each once.

    Raises:
        ConfigError: one that cannot be, or none.
    """
    items = _numbers(key, value)
    return tuple(dict.fromkeys(whole_number("seed", item, least=0, below=SEEDS) for item in items))


def _numbers(key: str, value: object) -> list[Any]:
    if isinstance(value, str):
        text(key, value or "none")
        value = [_number(part) for part in value.split(",") if part.strip()]
    plain = plain_numbers(value)
    items = plain if isinstance(plain, list) else [plain]
    for item in items:
        _require_sized(key, item)
        if not isinstance(item, int | float | str):
            raise ConfigError(f"{key} must be numbers, got {in_short(item)}")
    if not items:
        raise ConfigError(f"{key} is empty; give at least one")
    return items


def _require_sized(key: str, value: object) -> None:
    """Raises ConfigError for a number that no message could print."""
    if isinstance(value, int) and abs(value) >= TOO_LARGE:
        raise ConfigError(f"{key} must be a number of at most {len(str(TOO_LARGE)) - 1} digits")


def _number(part: str) -> Any:
    """What a part of a text says; 00 is a number too."""
    value = parsed(part.strip())
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < LONGEST else value


def whole(key: str, value: object, *, least: int) -> int | None:
    """A whole number from `least` on, or None.

    Raises:
        ConfigError: anything else.
    """
    if value is None:
        return None
    plain = plain_numbers(value)
    _require_sized(key, plain)
    if not isinstance(plain, int | float):
        raise ConfigError(f"{key} must be a whole number, at least {least}, got {in_short(plain)}")
    number = whole_number(key, plain, least=least)
    most = MOST_THREADS if key == "threads" else LARGEST
    if number > most:
        raise ConfigError(f"{key} must be at most {most}, got {in_short(number)}")
    return number


def above_0(key: str, value: object) -> float | None:
    """A finite number above 0, or None.

    Raises:
        ConfigError: anything else.
    """
    if value is None:
        return None
    number = plain_numbers(value)
    _require_sized(key, number)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= LARGEST:
        raise ConfigError(f"{key} must be a number above 0, got {in_short(value)}")
    return float(number)
