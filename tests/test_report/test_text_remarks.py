"""Remarks in words."""

from __future__ import annotations

import pytest

from sparserobust.records import remark
from sparserobust.report.text.remarks import sentence


@pytest.mark.parametrize(("norm", "budget"), [("linf", "ε = 0.3"), ("l2", "ℓ₂ = 0.3"), (None, "ε = 0.3")])
def test_a_budget_is_written_in_the_norm_of_its_attack(norm, budget):
    rise = remark("rise", attack="pgd", rise=0.125, eps=0.3, norm=norm, look=0.02)
    assert f"rises by 12.5 points up to {budget} (looked at from 2)" in sentence(rise)
