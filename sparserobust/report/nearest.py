"""The distance to the nearest adversarial image that any attack of a comparison found."""

from __future__ import annotations

import numpy as np

from sparserobust.records import Run
from sparserobust.report.attacks import WorstCase
from sparserobust.report.estimates import RowEstimate, estimate, estimate_by
from sparserobust.report.groups import Group
from sparserobust.report.numbers import count
from sparserobust.report.readings import Reading, correct, read
from sparserobust.stats import median_order


def median(group: Group, near: WorstCase | None) -> RowEstimate:
    """The median distance over initially correct images: the record's of a single attack, else of the nearest."""
    if near is None:
        return RowEstimate(None, reason="not measured: no minimum-norm attack in l2 was run")
    if len(near.attacks) == 1:
        return estimate(group, near.attacks[0], f"median_{near.norm}")
    return estimate_by(group, lambda run: _reading(run, near))


def _reading(run: Run, near: WorstCase) -> Reading:
    distance, right = near.distance(run), correct(run)
    if distance is None or right is None:
        missing = [read(run, name, f"median_{near.norm}").reason for name in near.attacks]
        return Reading(None, reason=next((r for r in missing if r), "not measured per image"))
    if not right.any():
        return Reading(None, reason="no example was classified correctly")
    found = median_order(distance[right])
    if not np.isfinite(found.value):
        lost = int(np.isinf(distance[right]).sum())
        return Reading(None, reason=f"not found: {count(lost)} of {count(int(right.sum()))}")
    ends = [end if end is not None and np.isfinite(end) else None for end in (found.low, found.high)]
    return Reading(found.value, ends[0], ends[1], found.n)
