"""Remarks in words."""

from __future__ import annotations

import pytest

from sparserobust.records import remark
from sparserobust.report.text.remarks import sentence

GAIN = {"attack": "PGD", "reported": 0.5, "left": 0.4, "how": "repairs"}
NO_GAIN = {"attack": "PGD", "gain": 0.01, "audited": 0.3, "reported": 0.5}


@pytest.mark.parametrize(("norm", "budget"), [("linf", "ε = 0.3"), ("l2", "ℓ₂ = 0.3"), (None, "ε = 0.3")])
def test_a_budget_is_written_in_the_norm_of_its_attack(norm, budget):
    rise = remark("rise", attack="pgd", rise=0.125, eps=0.3, norm=norm, look=0.02)
    assert f"rises by 12.5 points up to {budget} (looked at from 2)" in sentence(rise)


@pytest.mark.parametrize(("norm", "budget"), [("linf", "ε = 0.3"), ("l2", "ℓ₂ = 0.3"), (None, "ε = 0.3")])
@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("margin", {"loss": 0.1, "margin": 0.2, "look": 0.03, "fail": 0.1}),
        ("transfer-gap", {"gap": 0.1}),
        ("masked-gradients", {"gap": 0.1, "low": 0.05, "high": 0.15}),
        ("audit-gain", GAIN),
        ("audit-no-gain", NO_GAIN),
    ],
)
def test_every_sentence_with_a_budget_writes_it_in_its_norm_and_in_linf_where_none_is_recorded(
    code, facts, norm, budget
):
    known = sentence(remark(code, eps=0.3, norm=norm, **facts))
    assert f"at {budget} " in known
    if norm is None:
        assert sentence(remark(code, eps=0.3, **facts)) == known
