"""Rows of several seeds: Student's t, cut where a share cannot go."""

from __future__ import annotations

import pytest
from scipy import stats

from sparserobust.report.estimates import combine
from sparserobust.report.readings import Reading


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
