"""Arguments as people write them: a number from numpy or torch counts as the number that it shows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from sparserobust.errors import ConfigError, ShapeError

SEEDS = 2**32
"""Seeds lie below: numpy's legacy stream takes no larger one."""


def whole_number(what: str, value: object, *, least: int, below: int | None = None, unit: str = "") -> int:
    """The value as an int; numpy and torch integers count, True and False do not.

    Args:
        what: its name, for the message.
        value: as it was given.
        least: the smallest that can be.
        below: what it must stay below, if anything.
        unit: behind the smallest, for the message.

    Raises:
        ConfigError: no whole number, or out of range.
    """
    bounds = f"in [{least}, {_power(below)})" if below else f"at least {least}{unit}"
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise ConfigError(
            f"{what} must be a whole number, {bounds}, got {value!r}{_unquoted(value)}"
        ) from None
    if number < least or (below is not None and number >= below):
        raise ConfigError(f"{what} must be {bounds}, got {number}")
    return number


def seed_number(value: object) -> int:
    """The seed as an int in [0, 2**32).

    Raises:
        ConfigError: anything else.
    """
    return whole_number("seed", value, least=0, below=SEEDS)


def image_size(value: object) -> tuple[int, ...]:
    """(c, h, w) of an image as three ints.

    Raises:
        ConfigError: anything else.
    """
    try:
        if not isinstance(value, Sequence) or len(value) != 3:
            raise ConfigError
        return tuple(whole_number("input_shape", size, least=1) for size in value)
    except ConfigError:
        raise ConfigError(f"input_shape must be (c, h, w), three whole numbers, got {value!r}") from None


def plain_numbers(value: Any) -> Any:
    """A numpy or torch number as a float, an array or a list as a list of those; anything else as it is.

    A number in single precision becomes the decimal that it shows: float32(0.9) is meant as 0.9, not as
    0.8999999761581421.
    """
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain_numbers(item) for item in value]
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    if getattr(value, "ndim", None):
        return [plain_numbers(item) for item in value]
    if hasattr(value, "dtype") and hasattr(value, "item"):
        return float(str(value)) if value.dtype.kind == "f" else value.item()
    return value


def require_known_labels(largest: int, classes: int) -> None:
    """Raises ShapeError when a label is not among the model's classes.

    Args:
        largest: the largest label.
        classes: how many logits the model returns.
    """
    if largest >= classes:
        raise ShapeError(
            f"labels must be whole numbers from 0 to {classes - 1}, as many as the model has logits, got {largest}"
        )


def _power(number: int) -> str:
    return "2**32" if number == SEEDS else str(number)


def _unquoted(value: object) -> str:
    """What a number that was given as text is meant to be."""
    text = str(value).strip()
    return f"; did you mean {text}?" if isinstance(value, str) and text.isdigit() else ""
