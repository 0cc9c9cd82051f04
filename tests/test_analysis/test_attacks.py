"""Attacks by what they say of themselves: their titles, and the one that leads."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import arrange
from sparserobust.analysis.attacks import AttackTitle, asked_attacks, comparable, main_attack

from ..test_report.attack_factory import audit, budgeted, carried, nearest
from ..test_report.factory import N, accuracy, carlini_wagner, failed, fgsm, first, run, skipped

RIGHT = first(N)
LINF, LARGE = (0.05, 0.1, 0.3), (0.25, 0.5, 1.0)


def within(name, norm, eps=LINF, headline=0.1, kept=100, **facts):
    return budgeted(RIGHT, [first(kept)] * len(eps), name, norm=norm, eps=eps, headline=headline, **facts)


def main(*outcomes):
    return main_attack([run("snip", 0.9, accuracy(RIGHT), *outcomes)])


def titles(*outcomes):
    return arrange([run("snip", 0.9, *outcomes)]).titles


def test_two_evaluators_of_one_title_in_two_norms_are_told_apart_by_the_norm():
    found = titles(within("pgd", "linf"), within("pgd-l2", "l2", LARGE, 0.5))
    assert found == {"pgd": AttackTitle("PGD", "linf"), "pgd-l2": AttackTitle("PGD", "l2")}


def test_two_evaluators_of_one_title_in_one_norm_are_told_apart_by_their_names():
    found = titles(within("pgd", "linf"), within("pgd-long", "linf", title="PGD"))
    assert found == {
        "pgd": AttackTitle("PGD", None, "pgd"),
        "pgd-long": AttackTitle("PGD", None, "pgd-long"),
    }


def test_of_three_of_one_title_each_is_told_apart_by_what_it_needs():
    found = titles(
        within("pgd", "linf"), within("pgd-long", "linf", title="PGD"), within("pgd-l2", "l2", LARGE, 0.5)
    )
    assert found == {
        "pgd": AttackTitle("PGD", "linf", "pgd"),
        "pgd-long": AttackTitle("PGD", "linf", "pgd-long"),
        "pgd-l2": AttackTitle("PGD", "l2"),
    }


def test_a_title_of_its_own_needs_nothing_beside_it():
    found = titles(fgsm(RIGHT, [first(100)] * 3), carlini_wagner(RIGHT, np.ones(N)), audit("supported"))
    assert found == {
        "fgsm": AttackTitle("FGSM"),
        "carlini-wagner": AttackTitle("Carlini–Wagner"),
        "gradient-masking": AttackTitle("gradient masking"),
    }


def test_an_attack_without_a_title_is_called_by_its_evaluator():
    assert titles(within("theirs", "linf", title=""))["theirs"] == AttackTitle("theirs")


def test_attacks_that_were_asked_for_and_failed_have_titles_too_and_what_is_no_attack_has_none():
    one = run("snip", 0.9, failed("pgd", "no memory"), skipped("flops", "no rule"), carried(10, 10))
    assert set(arrange([one]).titles) == set(asked_attacks([one])) == {"pgd"}


def test_an_attack_of_unknown_norm_never_leads_over_one_of_known_norm():
    unknown = within("a-theirs", None, (0.01, 0.02, 0.05, 0.1, 0.2, 0.3))
    assert main(unknown, fgsm(RIGHT, [first(100)] * 3)) == ("fgsm", 0.1)
    for norm in ("l2", "l1", "l0"):
        assert main(unknown, within("z-known", norm, LARGE, 0.5)) == ("z-known", 0.5)
    assert main(unknown) == ("a-theirs", 0.1)


@pytest.mark.parametrize("other", ["l2", "l1", "l0"])
def test_linf_leads_over_any_other_norm_however_many_budgets_that_has(other):
    far = within("a-other", other, (0.1, 0.2, 0.25, 0.5, 1.0, 2.0), 0.5)
    assert main(far, within("z-linf", "linf", (0.1,))) == ("z-linf", 0.1)


def test_of_several_in_one_norm_the_one_measured_at_most_budgets_leads():
    few, many = within("a-few", "linf", (0.1, 0.3)), within("z-many", "linf", (0.02, 0.05, 0.1, 0.3))
    assert main(few, many) == ("z-many", 0.1)
    assert main(within("b", "linf"), within("a", "linf")) == ("a", 0.1)  # else by name


def test_the_attack_that_most_networks_have_leads_before_the_one_with_most_budgets():
    few, many = within("few", "linf", (0.1,)), within("many", "linf", (0.02, 0.05, 0.1, 0.3))
    runs = [run("snip", 0.9, accuracy(RIGHT), few, many), run("random", 0.9, accuracy(RIGHT), few)]
    assert main_attack(runs) == ("few", 0.1)


def test_a_fixed_budget_leads_over_a_distance_and_any_attack_over_an_audit():
    near = nearest(RIGHT, np.ones(N), "minimum-norm-linf", norm="linf", caps=(0.1,))
    far = within("far", "l2", LARGE, 0.5)
    assert main(near, far, audit("supported")) == ("far", 0.5)
    assert main(near, audit("supported")) == ("minimum-norm-linf", 0.1)
    assert main(audit("supported")) == ("gradient-masking", 0.1)
    assert main() is None


def test_an_attack_that_failed_everywhere_never_leads():
    assert main(failed("fgsm", "no memory"), within("pgd-l2", "l2", LARGE, 0.5)) == ("pgd-l2", 0.5)


def test_attacks_of_another_norm_or_budget_are_not_compared_with_the_one_that_leads():
    outcomes = (
        fgsm(RIGHT, [first(100)] * 3),
        within("pgd", "linf"),
        within("elsewhere", "linf", (0.2,), 0.2),
        within("pgd-l2", "l2", (0.1, 0.5), 0.5),
        nearest(RIGHT, np.ones(N), "minimum-norm-linf", norm="linf", caps=(0.1,)),
    )
    runs = [run("snip", 0.9, accuracy(RIGHT), *outcomes)]
    assert comparable(runs, ("fgsm", 0.1)) == ["pgd", "minimum-norm-linf"]
