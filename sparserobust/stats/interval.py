"""The two results all intervals share, and the checks at the boundary of this package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sparserobust.errors import ConfigError


@dataclass(frozen=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; low and high are None where n is too small to give one.

    n counts the units of the statement: examples, or seeds where the statement is about a method.
    """

    value: float
    low: float | None
    high: float | None
    n: int


def check_level(level: float) -> None:
    """Nothing, or ConfigError when level is not a confidence level in (0, 1)."""
    if not 0 < level < 1:
        raise ConfigError(f"level must be in (0, 1), got {level}; write 0.95 for 95 %")


def check_alpha(alpha: float) -> None:
    """Nothing, or ConfigError when alpha is not the size of a one-sided test in (0, 0.5)."""
    if not 0 < alpha < 0.5:
        raise ConfigError(f"alpha must be in (0, 0.5), got {alpha}; write 0.05 for tests at 5 %")


def check_fraction(value: float, name: str) -> None:
    """Nothing, or ConfigError when value is not in [0, 1]."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be in [0, 1], got {value}; give a fraction, not percent")


def check_count(count: object, name: str, *, least: int) -> None:
    """Nothing, or ConfigError when count is not a whole number of at least `least`."""
    if not isinstance(count, int | np.integer) or count < least:
        raise ConfigError(f"{name} must be a whole number >= {least}, got {count}; pass the plain count")


def as_values(
    values: ArrayLike, name: str, *, ndim: int | None = 1, inf: bool = False
) -> NDArray[np.float64]:
    """The values as float64, checked.

    Args:
        values: numbers, at least one.
        name: what the caller's argument is called.
        ndim: how many axes; None takes any number from one.
        inf: whether +inf is a value ("not found").

    Raises:
        ConfigError: wrong shape, empty, no numbers, NaN, or infinite where that is not a value.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ConfigError(
            f"{name} must be numbers, got {type(values).__name__}; pass a float array"
        ) from None
    if array.ndim != ndim and (ndim is not None or array.ndim == 0):
        raise ConfigError(
            f"{name} must be {ndim or 'at least 1'}-dimensional, got shape {array.shape}; reshape it"
        )
    if array.size == 0:
        raise ConfigError(f"{name} must not be empty, got shape {array.shape}; leave the score out instead")
    usable = np.isfinite(array) | (np.isposinf(array) & inf)
    if not usable.all():
        wanted = "finite or +inf" if inf else "finite"
        bad = array[~usable].flat[0]
        raise ConfigError(
            f"{name} must be {wanted}, got {bad}; drop what was not measured and count it apart"
        )
    return array


def as_pair(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both arrays as finite float64 of one length, entry i of both from the same seed.

    Raises:
        ConfigError: the lengths differ, or one is unusable (see `as_values`).
    """
    first, second = as_values(a, "a"), as_values(b, "b")
    check_same_length(len(first), len(second))
    return first, second


def check_same_length(a: int, b: int) -> None:
    """Nothing, or ConfigError when paired inputs do not pair."""
    if a != b:
        raise ConfigError(f"a and b must have one length, got {a} and {b}; keep only what both have")
