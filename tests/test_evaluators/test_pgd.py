"""PGD: within its budget it reaches whatever can be reached, and more steps never find less."""

import numpy as np
import pytest
import torch

from evaluators import PGD, GradientMasking, MinimumNorm
from sparserobust.attacks.budget import distances
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.pgd import pgd

from .exact import LinearClasses, exact_distances, grey_images, saturated_images


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [10, 40, 200])
@pytest.mark.parametrize("images", [grey_images(), saturated_images()], ids=["grey", "saturated"])
def test_on_linear_models_it_breaks_what_lies_within_the_budget_and_nothing_else(images, norm, steps):
    """Where the exact distance is below 0.97 eps (0.9 in ten steps along the walls of the box) it must succeed."""
    model, images = LinearClasses().double(), images.double()
    exact = exact_distances(model, images, norm)
    eps = float(np.median(exact[np.isfinite(exact)]))
    labels = model(images).argmax(dim=1)
    attack = PGD(norm=norm, eps=(eps,), steps=steps)
    robust = attack(model, (images, labels)).per_example["robust"][0]
    within = exact < (0.9 if steps == 10 else 0.97) * eps
    assert within.sum() >= 10
    assert not robust[within].any()
    assert robust[exact > eps].all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [5, 40, 400])
def test_the_steps_lead_to_the_border_of_the_ball_however_many_there_are(digits_network, norm, steps):
    """A schedule that shrinks its steps too soon stops short of the border, and the shorter the more steps it takes."""
    images = 0.5 + 0.1 * torch.rand(20, 1, 8, 8)  # no wall is near
    labels = digits_network(images).argmax(dim=1)
    settings = {"norm": norm, "eps": 0.2, "steps": steps, "stop_when_fooled": False}
    found = pgd(Oracle(digits_network), images, labels, **settings)
    assert float(distances(images, found, norm).median()) >= 0.2 * (1 - 1e-4)


@pytest.mark.parametrize("norm", ["l2", pytest.param("linf", marks=pytest.mark.slow)])
def test_more_steps_find_no_less_and_nearly_all_that_a_minimum_norm_attack_finds(
    digits_network, trained, norm
):
    eps = {"linf": (0.05, 0.1), "l2": (0.25, 0.5)}[norm]
    left = [PGD(norm=norm, eps=eps, steps=steps)(digits_network, trained) for steps in (10, 40, 200)]
    nearest = MinimumNorm(norm=norm)(digits_network, trained).per_example["distance"]
    for row, budget in enumerate(eps):
        robust = [float(outcome.per_example["robust"][row].mean()) for outcome in left]
        assert robust[0] + 0.01 >= robust[1] >= robust[2] - 0.01
        correct = left[0].per_example["correct"]
        assert robust[1] <= float((correct & (nearest > budget)).mean()) + 0.05


@pytest.fixture(scope="module")
def trained():
    import sparserobust as sr

    test = sr.load_data("digits").test
    return test.images[:200], test.labels[:200]


def test_the_audit_of_pgd_runs_with_losses_that_have_a_number_for_each_example(digits_network, trained):
    """Temperatures in units of an example's margin stay with it when others are left alone."""
    audit = GradientMasking(attack="pgd", eps=(0.05, 0.1), steps=10, queries=20)
    images, labels = trained
    whole = audit(digits_network, (images[:30], labels[:30]))
    assert whole.status == "ok", whole.reason
    halves = audit(digits_network, (images[:30], labels[:30]), batch_size=17)
    np.testing.assert_array_equal(whole.per_example["reported_robust"], halves.per_example["reported_robust"])
    assert (
        whole.score("repaired_robust_accuracy", at=0.1).value
        == halves.score("repaired_robust_accuracy", at=0.1).value
    )
