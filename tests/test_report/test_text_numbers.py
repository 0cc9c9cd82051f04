"""Numbers as text."""

from __future__ import annotations

import pytest

from sparserobust.report.text import numbers as n

THIN = "\u202f"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (n.count(1192960), f"1{THIN}192{THIN}960"),
        (n.fixed(-0.04), "0.0"),
        (n.fixed(-3.14159, 2), "−3.14"),
        (n.points(0.031), "+3.1"),
        (n.points(-0.0004), "0.0"),
        (n.percent(0.975), "97.5"),
        (n.bracket(0.1, None, scale=100), "[10.0,\u00a0∞]"),
        (n.significant(0.0137), "0.0137"),
        (n.significant(1234567), f"1{THIN}234{THIN}567"),
        (n.significant(2.5e-7), "2.50×10⁻⁷"),
        (n.kib(4812800), f"4{THIN}700"),
        (n.reduction(20.0), "20×"),
        (n.reduction(1.0), "no saving"),
        (n.realised(0.95), "0.9500"),
        (n.realised(0.0), "0"),
        (n.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_are_written_with_thin_spaces_and_real_minus_signs(written, expected):
    assert written == expected
