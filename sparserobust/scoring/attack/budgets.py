"""Budgets and distance caps, checked in one way: one line says what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sparserobust.attacks.budget import Norm
from sparserobust.errors import ConfigError


def budgets(eps: Sequence[float], norm: Norm) -> tuple[float, ...]:
    """Different budgets in pixel units, in [0, 1] for linf and >= 0 for l2."""
    values = tuple(float(e) for e in eps)
    top = 1.0 if norm == "linf" else math.inf
    if not _different(values) or not all(0 <= e <= top for e in values):
        hint = "; did you mean n/255?" if norm == "linf" and values and max(values) > 1 else ""
        bounds = "in [0, 1]" if norm == "linf" else ">= 0"
        raise ConfigError(f"eps must be one or more different numbers {bounds}, got {list(eps)}{hint}")
    return values


def caps(eps: Sequence[float]) -> tuple[float, ...]:
    """Different distance caps above 0, in pixel units."""
    values = tuple(float(e) for e in eps)
    if not _different(values) or not all(e > 0 for e in values):
        raise ConfigError(f"eps must be one or more different distances > 0, got {list(eps)}")
    return values


def _different(values: tuple[float, ...]) -> bool:
    return bool(values) and all(map(math.isfinite, values)) and len(set(values)) == len(values)
