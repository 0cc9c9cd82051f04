"""Attacks, norms and the threat model in words."""

from __future__ import annotations

import numpy as np
import pytest

from sparserobust.analysis import arrange
from sparserobust.report.table.columns import attack_head
from sparserobust.report.text.attacks import attack_names, budget_text, robust_budget, robust_name
from sparserobust.report.text.threat import threat_model, title

from .attack_factory import audit, budgeted, nearest, some
from .factorial import factorial
from .factory import N, accuracy, attacked, carlini_wagner, failed, fgsm, first, history, run

RIGHT = first(N)
LARGE = {"eps": (0.25, 0.5), "headline": 0.5}
PLAN = {"kind": "pgd", "norm": "linf", "eps": 0.1, "steps": 7, "step_size": None, "random_start": True}


def within(name, norm="linf", **facts):
    own = LARGE if norm == "l2" else {}
    return budgeted(RIGHT, [first(100)] * len(own.get("eps", "123")), name, norm=norm, **own, **facts)


def lined(*outcomes):
    return arrange([run("snip", 0.9, accuracy(RIGHT), *outcomes)])


def test_attacks_of_one_title_are_told_apart_by_the_norm_or_by_the_evaluators_name():
    found = attack_names(lined(within("pgd"), within("pgd-l2", "l2")))
    assert found == {"pgd": "PGD ℓ∞", "pgd-l2": "PGD ℓ₂"}
    found = attack_names(lined(within("pgd"), within("pgd-long", title="PGD")))
    assert found == {"pgd": "PGD (pgd)", "pgd-long": "PGD (pgd-long)"}
    found = attack_names(lined(within("pgd"), within("pgd-long", title="PGD"), within("pgd-l2", "l2")))
    assert found == {"pgd": "PGD ℓ∞ (pgd)", "pgd-long": "PGD ℓ∞ (pgd-long)", "pgd-l2": "PGD ℓ₂"}
    assert attack_names(lined(within("pgd-l2", "l2"))) == {"pgd-l2": "PGD"}


def test_a_norm_that_is_said_beside_the_name_is_not_repeated_in_it():
    lineup = lined(within("pgd"), within("pgd-l2", "l2"))
    assert (attack_head("pgd", lineup), attack_head("pgd-l2", lineup)) == ("PGD", "PGD ℓ₂")
    assert (robust_name(lineup.robustness, lineup), robust_budget(lineup.robustness)) == ("PGD", "ε = 0.1")


@pytest.mark.parametrize(
    ("norm", "eps", "text"),
    [
        ("linf", 8 / 255, "ε = 0.0313725"),
        ("l2", 0.5, "ℓ₂ = 0.5"),
        ("l1", 8.0, "ℓ₁ = 8"),
        (None, 0.1, "ε = 0.1"),
    ],
)
def test_a_budget_stands_with_the_sign_of_its_norm(norm, eps, text):
    assert budget_text(norm, eps) == text


def test_the_worst_of_several_attacks_names_them_or_counts_them():
    lineup = lined(fgsm(RIGHT, [first(100)] * 3), within("pgd"))
    assert robust_name(lineup.robustness, lineup) == "worst of FGSM and PGD"
    many = lined(*(within(name) for name in ("a", "b", "c", "d")))
    assert robust_name(many.robustness, many) == "worst of 4 attacks"


def test_the_threat_model_comes_from_the_records():
    distance = np.full(N, 0.7)
    lineup = arrange([run("snip", 0.9, *attacked(190, 100), carlini_wagner(first(190), distance))])
    text = " ".join(threat_model(lineup))
    assert "White-box, untargeted attacks on 200 test images of digits" in text
    assert "FGSM inside an ℓ∞ ball of ε = 0.1 and Carlini–Wagner for the smallest ℓ₂ distance" in text
    assert threat_model(arrange([run("snip", 0.9, accuracy(first(190)))]))[0].startswith("No attack was run.")


def test_attacks_with_one_aim_are_named_together_in_the_threat_model():
    near = nearest(RIGHT, np.full(N, 0.7))
    outcomes = fgsm(RIGHT, [some(range(120))] * 3), budgeted(RIGHT, [some(range(80, N))] * 3)
    text = threat_model(lined(*outcomes, carlini_wagner(RIGHT, np.full(N, 0.7)), near))[0]
    assert "FGSM and PGD inside an ℓ∞ ball of ε = 0.1; Carlini–Wagner and minimum norm for" in text


def test_the_threat_model_says_what_attacks_see_and_want_as_they_say_it_themselves():
    square = within("square")
    assert threat_model(lined(square))[0].startswith("Black-box, untargeted attack on")
    both = threat_model(lined(fgsm(RIGHT, [first(100)] * 3), square))[0]
    assert both.startswith("White-box and black-box, untargeted attacks on")
    aimed = square.model_copy(update={"attack": square.attack.model_copy(update={"targeted": True})})
    assert threat_model(lined(aimed))[0].startswith("Black-box, targeted attack on")
    moved = square.model_copy(update={"attack": square.attack.model_copy(update={"access": "transfer"})})
    assert threat_model(lined(fgsm(RIGHT, [first(100)] * 3), moved))[0].startswith(
        "White-box and transfer, untarg"
    )
    silent = square.model_copy(update={"attack": square.attack.model_copy(update={"access": None})})
    assert threat_model(lined(silent))[0].startswith("Untargeted attack on")


def test_a_norm_that_is_not_recorded_is_said_to_be_so():
    assert (
        "theirs at ε = 0.1 in a norm that is not recorded" in threat_model(lined(within("theirs", None)))[0]
    )


def test_attacks_that_were_tried_and_not_scored_are_named():
    assert threat_model(lined(failed("pgd", "no memory")))[0].startswith("No attack was scored (PGD).")


def test_an_audit_alone_is_told_with_all_its_attacks():
    text = threat_model(arrange([run("snip", 0.9, audit("supported", right=first(190)))]))[0]
    assert "White-box and black-box, untargeted attacks on 200 test images of digits" in text
    assert "all attacks of the audit of gradient masking inside an ℓ∞ ball of ε = 0.1" in text


def test_the_title_counts_methods_and_sparsities():
    runs = [run("dense", 0.0), run("snip", 0.9), run("random", 0.9), run("snip", 0.95)]
    assert title(arrange(runs)) == "mlp5 on digits, two methods at two sparsities"
    assert (
        title(arrange(factorial(seeds=1)))
        == "mlp5 on digits, three methods in twelve variants at three sparsities"
    )


def test_networks_and_data_have_the_titles_that_the_records_give_them():
    one = run("snip", 0.9)
    one = one.model_copy(
        update={
            "subject": one.subject.model_copy(update={"model_title": "MLP5"}),
            "data": one.data.model_copy(update={"title": "MNIST"}),
        }
    )
    assert title(arrange([one])) == "MLP5 on MNIST, one method at sparsity 0.9"


def hardened(plan=PLAN):
    """A training against perturbed images."""
    one = history()
    return one.model_copy(update={"settings": {**one.settings, "adversarial": plan}})


def test_adversarial_training_is_told_at_the_top():
    runs = [run("dense", 0.0, *attacked(190, 100), trained=hardened()),
            run("snip", 0.9, *attacked(190, 100), trained=history())]  # fmt: skip
    assert "Trained adversarially: dense (PGD, ℓ∞, ε = 0.1)." in threat_model(arrange(runs))
    both = [runs[0], run("snip", 0.9, *attacked(190, 100), trained=hardened())]
    assert "Every network was trained adversarially (PGD, ℓ∞, ε = 0.1)." in threat_model(arrange(both))
    far = hardened({**PLAN, "norm": "l2", "eps": 0.5})
    alone = [run("dense", 0.0, *attacked(190, 100), trained=far)]
    assert "Every network was trained adversarially (PGD, ℓ₂ = 0.5)." in threat_model(arrange(alone))
