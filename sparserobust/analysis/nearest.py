"""The distance to the nearest adversarial image that any attack of a comparison found."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sparserobust.analysis.attacks import headline, measures_distance, norm_of, scored_attacks
from sparserobust.analysis.estimates import RowEstimate, estimate, estimate_by
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import NOT_FOUND, Reading, correct, read
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.records import Norm, Run, remark
from sparserobust.stats import dkw_band, mean_t, median_order

Distances = NDArray[np.float64]


def median(group: Group, near: WorstCase | None) -> RowEstimate:
    """The median distance over initially correct images: the record's of a single attack, else of the nearest."""
    if near is None:
        return RowEstimate(None, reason=remark("no-minimum-norm-attack", norm="l2"))
    if len(near.attacks) == 1:
        return estimate(group, f"median_{near.norm}", evaluator=near.attacks[0])
    return estimate_by(group, lambda run: _reading(run, near))


def _reading(run: Run, near: WorstCase) -> Reading:
    distance, right = near.distance(run), correct(run)
    if distance is None or right is None:
        missing = [read(run, f"median_{near.norm}", evaluator=name).reason for name in near.attacks]
        return Reading(None, reason=next((r for r in missing if r), remark("not-per-image")))
    if not right.any():
        return Reading(None, reason=remark("nothing-correct"))
    found = median_order(distance[right])
    if not np.isfinite(found.value):
        lost = int(np.isinf(distance[right]).sum())
        return Reading(None, reason=remark(NOT_FOUND, lost=lost, of=int(right.sum())))
    ends = [end if end is not None and np.isfinite(end) else None for end in (found.low, found.high)]
    return Reading(found.value, ends[0], ends[1], found.n)


def distances(run: Run, worst: WorstCase) -> Distances | None:
    """The smallest distances of the initially correct images in order, infinite where nothing was found.

    None where the record does not hold them, or no image is correct.
    """
    found, right = worst.distance(run), correct(run)
    if found is None or right is None or not right.any():
        return None
    return np.sort(found[right])


def not_found(group: Group, near: WorstCase) -> tuple[int, int]:
    """(images for which none of these attacks found anything, initially correct images) over all networks."""
    every = [values for run in group.runs if (values := distances(run, near)) is not None]
    return sum(int(np.isinf(values).sum()) for values in every), sum(len(values) for values in every)


def share_within(
    group: Group, grid: Distances, worst: WorstCase
) -> tuple[Distances, Distances, Distances] | None:
    """(share of the initially correct images broken within each distance of the grid, low, high).

    One network: its empirical distribution with a simultaneous 95 % band (Dvoretzky-Kiefer-Wolfowitz). Several: the
    mean of theirs with a pointwise band (Student's t). None where no record holds distances.
    """
    samples = [values for run in group.runs if (values := distances(run, worst)) is not None]
    if not samples:
        return None
    shares = np.stack([np.searchsorted(values, grid, side="right") / len(values) for values in samples])
    if len(samples) == 1:
        half = dkw_band(len(samples[0]))
        return shares[0], np.clip(shares[0] - half, 0, 1), np.clip(shares[0] + half, 0, 1)
    means = [mean_t(column) for column in shares.T]
    low = np.clip([m.value if m.low is None else m.low for m in means], 0, 1)
    high = np.clip([m.value if m.high is None else m.high for m in means], 0, 1)
    return np.array([m.value for m in means]), low, high


def caps(lineup: Lineup, norm: Norm) -> dict[str, float]:
    """The headline cap of each minimum-norm attack of a norm, that of most of its outcomes, by evaluator."""
    found: dict[str, float] = {}
    for name, outcomes in sorted(scored_attacks(lineup.runs).items()):
        stated = Counter(cap for o in outcomes if (cap := headline(o)) is not None)
        if stated and measures_distance(outcomes[0]) and norm_of(outcomes[0]) == norm:
            found[name] = max(stated, key=lambda cap: stated[cap])
    return found
