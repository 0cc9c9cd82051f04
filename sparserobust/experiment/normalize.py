"""The key `normalize` of an experiment: by which constants the first layer of its networks normalises images.

Nothing heavy is imported.
"""

from __future__ import annotations

import math
from typing import Any

from sparserobust.arguments import plain_numbers
from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.experiment.values import in_short, text

Constants = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation: of every channel, or one for all."""

DATA, OF_THE_MODEL = "data", "model"
CONSTANTS: dict[str, Constants] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5,), (0.5,)),
    "none": ((0.0,), (1.0,)),
}
NAMES = (DATA, OF_THE_MODEL, *CONSTANTS)


def spelled(key: str, value: object) -> str | None:
    """One of `NAMES`, or "MEAN/STD" of one number each or one for each channel; None stays.

    Args:
        key: for the message.
        value: that text, or a pair (mean, std) of numbers.

    Raises:
        ConfigError: anything else.
    """
    if value is None:
        return None
    pair = value if not isinstance(value, str) else None
    if pair is None:
        word = str(text(key, value)).strip()
        if word in NAMES:
            return word
        pair = [_numbers(part) for part in word.split("/")]
    plain = plain_numbers(pair)
    parts = [part if isinstance(part, list) else [part] for part in plain] if isinstance(plain, list) else []
    if len(parts) != 2 or not all(part and all(map(_is_number, part)) for part in parts):
        hint = did_you_mean(value, NAMES) if isinstance(value, str) else ""
        raise ConfigError(
            f"{key} must be {', '.join(NAMES)}, or MEAN/STD such as 0.49,0.48,0.45/0.25,0.24,0.26, "
            f"got {in_short(value)}{hint}"
        )
    mean, std = ([float(number) for number in part] for part in parts)
    if max(map(abs, mean)) > 1 or not 0 < min(std) <= max(std) <= 1:
        hint = "; divide by 255" if max(mean) > 1 else ""
        raise ConfigError(f"{key} is of pixels from 0 to 1, std above 0, got {in_short(value)}{hint}")
    return "/".join(",".join(repr(number) for number in part) for part in (mean, std))


def constants(normalize: str, channels: int) -> Constants:
    """Mean and standard deviation of every channel, for a text of `spelled` that says them itself.

    Raises:
        ConfigError: they are of another number of channels.
    """
    if normalize in CONSTANTS:
        parts = CONSTANTS[normalize]
    else:
        mean, std = (tuple(_numbers(part)) for part in normalize.split("/"))
        parts = mean, std
    if any(len(part) not in (1, channels) for part in parts):
        many = max(map(len, parts))
        raise ConfigError(
            f"normalize {normalize} is of {many} channels, the images have {channels}; give MEAN/STD for them"
        )
    mean, std = (part * channels if len(part) == 1 else part for part in parts)
    return mean, std


def _numbers(part: str) -> list[Any]:
    """The numbers of "0.49,0.48,0.45", what is none as it is."""
    numbers: list[Any] = []
    for each in part.split(","):
        try:
            numbers.append(float(each))
        except ValueError:
            numbers.append(each)
    return numbers


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
