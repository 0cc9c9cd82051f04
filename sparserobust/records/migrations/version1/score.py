"""Scores: units of differences, intervals within their bounds, and what somebody else's evaluator measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparserobust.records.migrations.version1.prose import REASONS, in_codes
from sparserobust.records.score import BOUNDS, DIFFERENCE, FRACTION


def score(raw: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """A score of version 1 as one of version 2, its unit given; warnings come later."""
    text = raw.get("reason")
    found = {
        **raw,
        "unit": unit,
        "reason": in_codes(text, REASONS) if text else None,
    }
    value = raw["value"]
    for end, pick in (("ci_low", min), ("ci_high", max)):
        number = raw.get(end)
        if number is None:
            continue
        if unit in BOUNDS:  # an approximation may carry it beyond
            low, high = BOUNDS[unit]
            number = min(max(number, low), high)
        found[end] = number if value is None else pick(number, value)
    return found


def units(scores: list[dict[str, Any]], promised: list[dict[str, Any]] | None) -> dict[str, str]:
    """Name of the score -> its unit.

    Version 1 called a difference of fractions a fraction. Which scores are differences is promised by the
    evaluators of version 1; others are if they are called a gap, or below 0.

    Args:
        scores: as version 1 had them.
        promised: what the evaluator measures, None for somebody else's.
    """
    units = {one["name"]: one.get("unit", "") for one in scores}
    if promised is not None:
        return units | {
            spec["name"]: DIFFERENCE
            for spec in promised
            if spec["unit"] == DIFFERENCE and spec["name"] in units
        }
    for name in [name for name, unit in units.items() if unit == FRACTION]:
        values = [one["value"] for one in scores if one["name"] == name and one["value"] is not None]
        if any(abs(value) > 1 for value in values):
            units[name] = ""  # no fraction, whatever it was called
        elif name.endswith("_gap") or any(value < 0 for value in values):
            units[name] = DIFFERENCE
    return units


def measured(scores: list[dict[str, Any]], axis: str) -> list[dict[str, Any]]:
    """What somebody else's evaluator measures, as its scores tell.

    Args:
        scores: of version 2.
        axis: what numbers on the axis are.
    """
    specs: dict[str, dict[str, Any]] = {}
    for one in scores:
        at = one.get("at")
        spec = specs.setdefault(
            one["name"],
            {
                "name": one["name"],
                "unit": one["unit"],
                "higher_is_better": one.get("higher_is_better"),
                "axis": None if at is None else "part" if isinstance(at, str) else axis,
                "headline": False,
            },
        )
        spec["headline"] |= one.get("headline", False)
    return list(specs.values())
