"""Settings of attacks, checked in one way: one line says what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeVar

from sparserobust.arguments import whole_number
from sparserobust.attacks.budget import Norm
from sparserobust.errors import ConfigError, did_you_mean

Choice = TypeVar("Choice", bound=str)


def one_of(setting: str, value: Choice, choices: Iterable[str]) -> Choice:
    """The value, if it is one of the choices."""
    known = list(choices)
    if value not in known:
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        raise ConfigError(f"{setting} must be one of {', '.join(known)}, got {value!r}{hint}")
    return value


def budgets(eps: Sequence[float], norm: Norm) -> tuple[float, ...]:
    """Different budgets in pixel units, in [0, 1] for linf and >= 0 for l2."""
    values = _numbers(eps)
    top = 1.0 if norm == "linf" else math.inf
    if (
        not values
        or not all(0 <= e <= top and math.isfinite(e) for e in values)
        or len(set(values)) < len(values)
    ):
        hint = "; did you mean n/255?" if norm == "linf" and values and max(values) > 1 else ""
        bounds = "in [0, 1]" if norm == "linf" else ">= 0"
        raise ConfigError(f"eps must be one or more different numbers {bounds}, got {list(eps)}{hint}")
    return values


def caps(eps: Sequence[float]) -> tuple[float, ...]:
    """Different distance caps above 0, in pixel units."""
    values = _numbers(eps)
    if not values or not all(0 < e < math.inf for e in values) or len(set(values)) < len(values):
        raise ConfigError(f"eps must be one or more different distances > 0, got {list(eps)}")
    return values


def check_steps(steps: int, restarts: int, step_size: float | None) -> None:
    """Raises ConfigError for settings of a gradient attack that cannot be."""
    whole_number("steps", steps, least=1)
    whole_number("restarts", restarts, least=1)
    if step_size is not None and not (isinstance(step_size, int | float) and step_size > 0):
        raise ConfigError(f"step_size must be a number above 0, or None, got {step_size!r}")


def _numbers(eps: Sequence[float]) -> tuple[float, ...]:
    try:
        return tuple(float(e) for e in eps)
    except (TypeError, ValueError):
        raise ConfigError(f"eps must be a list of numbers, got {eps!r}") from None
