"""Rows of several seeds: Student's t, cut where a share cannot go."""

from __future__ import annotations

import pytest
from scipy import stats

from sparserobust.analysis import Reading, combine
from sparserobust.records import remark


def readings(values, share):
    return [Reading(value, share=share) for value in values]


def test_the_interval_of_a_share_over_seeds_ends_at_0_and_1_and_its_half_width_is_students():
    values = [0.001, 0.0, 0.002]
    low, high = stats.t.interval(0.95, 2, loc=0.001, scale=0.001 / 3**0.5)
    row = combine(readings(values, share=True))
    assert low < 0
    assert row.low == 0.0
    assert row.high == pytest.approx(high)
    assert row.half == pytest.approx((high - low) / 2)
    top = combine(readings([1 - v for v in values], share=True))
    assert (top.low, top.high) == (pytest.approx(1 - high), 1.0)


def test_the_interval_of_anything_else_is_not_cut():
    row = combine(readings([0.001, 0.0, 0.002], share=False))
    assert row.low < 0


def test_a_distance_that_is_infinite_for_one_seed_is_never_averaged_away():
    lost = remark("not-found", lost=130, of=190)
    row = combine([Reading(0.5), Reading(0.7), Reading(None, reason=lost)])
    assert row.value is None
    assert row.reason == remark("not-found", lost=130, of=190, in_a_seed=True)


def test_a_seed_that_was_not_measured_leaves_the_mean_to_the_others_and_is_counted():
    row = combine([Reading(0.5), Reading(0.7), Reading(None, reason=remark("not-measured"))])
    assert row.value == pytest.approx(0.6)
    assert (row.seeds, row.missing) == (2, 1)
