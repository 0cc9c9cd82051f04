"""Version 2: what stands outside the mask was a share of all parameters of two or more dimensions, without names."""

from __future__ import annotations

from typing import Any


def run(raw: dict[str, Any]) -> dict[str, Any]:
    """A run of version 2 as one of version 3."""
    return {**raw, "schema_version": 3, "subject": subject(raw["subject"], raw.get("history"))}


def subject(raw: dict[str, Any], history: dict[str, Any] | None) -> dict[str, Any]:
    """A subject of version 2 as one of version 3, in which parameters that are no weights do not count as outside.

    Where nothing was outside, no weight was either. Otherwise it is not known what of it were weights.
    """
    nothing = raw.get("outside") == 0
    return {**raw, "outside": 0.0 if nothing else None, "outside_parameters": [] if nothing else None}


def history(raw: dict[str, Any] | None) -> dict[str, Any] | None:
    """A training of version 2, which is as one of version 3."""
    return raw
