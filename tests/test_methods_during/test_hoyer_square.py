"""The Hoyer-Square penalty is the paper's, draws weights to 0, and ends with the pruning."""

from __future__ import annotations

import pytest
import torch

from sparserobust.errors import ConfigError
from sparserobust.methods.hoyer_square import hoyer_square
from sparserobust.sparsity.allocation import kept_count
from sparserobust.testing import check_method


def test_the_measure_runs_from_one_weight_to_all_of_them():
    one = torch.tensor([[0.0, -3.0], [0.0, 0.0]])
    assert float(hoyer_square(one)) == 1
    assert float(hoyer_square(torch.tensor([0.5, -0.5, 0.5, 0.0]))) == 3
    assert float(hoyer_square(torch.tensor([1.0, 2.0, -3.0]))) == pytest.approx(36 / 14)


def test_its_gradient_is_the_papers_closed_form():
    weight = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    hoyer_square(weight).backward()
    total, squares = weight.detach().abs().sum(), weight.detach().square().sum()
    trimmed = 2 * weight.detach().sign() * total / squares**2 * (squares - weight.detach().abs() * total)
    assert torch.allclose(weight.grad, trimmed, rtol=1e-12)
    assert torch.autograd.gradcheck(hoyer_square, (weight,))


@pytest.mark.parametrize("scale", [1e-6, 0.01, 300.0])
def test_neither_measure_nor_direction_depends_on_the_scale(scale):
    weight = torch.randn(40, dtype=torch.float64, requires_grad=True)
    scaled = (weight.detach() * scale).requires_grad_()
    hoyer_square(weight).backward()
    hoyer_square(scaled).backward()
    assert hoyer_square(scaled.detach()).item() == pytest.approx(
        hoyer_square(weight.detach()).item(), rel=1e-12
    )
    assert torch.allclose(scaled.grad * scale, weight.grad, rtol=1e-9)
    assert abs(float((weight.grad * weight.detach()).sum())) < 1e-12


def test_a_layer_of_zeros_costs_nothing_and_has_gradient_zero():
    weight = torch.zeros(3, 3, requires_grad=True)
    hoyer_square(weight).backward()
    assert not weight.grad.any()
    assert hoyer_square(weight.detach()).item() == 0


def test_the_penalty_is_the_sum_over_layers_until_the_pruning(make_pruner, network):
    pruner = make_pruner(network, "hoyer-square", 0.8, 10, decay=0.25, prune_epoch=6)
    values = [value.detach().double() for value in pruner.training.values.values()]
    expected = 0.25 * sum(v.abs().sum() ** 2 / (v**2).sum() for v in values)
    assert pruner.penalty().item() == pytest.approx(float(expected), rel=1e-5)
    pruner.training.epoch = 5
    pruner.end_of_epoch()
    assert pruner.penalty() is not None
    assert pruner.training.kept == pruner.training.prunable
    pruner.training.epoch = 6
    pruner.end_of_epoch()
    assert pruner.penalty() is None
    assert pruner.settled
    kept = torch.cat([value[pruner.training.masks[n]].abs() for n, value in pruner.training.values.items()])
    every = torch.cat([value.abs().flatten().float() for value in values])
    assert torch.equal(kept.sort().values, every.sort().values[-pruner.training.k :])


def test_a_stronger_penalty_leaves_less_to_prune(train_bars):
    lost = []
    for decay in (0.0, 1e-3, 1e-2):
        sizes = []

        def look(pruner, before, sizes=sizes):
            if pruner.training.epoch == pruner.at:
                values = pruner.training.values.values()
                sizes.append(float(sum(value.detach().square().sum() for value in values)))

        subject = train_bars("hoyer-square", 0.8, decay=decay, watch=look, recipe={"epochs": 14})
        before, after = sizes
        lost.append(1 - after / before)
        assert subject.kept == kept_count(subject.prunable, 0.8)
        assert subject.history.chosen_epoch >= 10
    assert lost[0] > lost[1] > lost[2]
    assert lost[2] < 0.2 * lost[0]


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"decay": -1.0}, "decay of hoyer-square must be a number, at least 0, got -1"),
        ({"decay": float("inf")}, "decay of hoyer-square must be a number, at least 0, got inf"),
        (
            {"prune_epoch": 0},
            "prune_epoch of hoyer-square must be a whole number, at least 1, or None, got 0",
        ),
        ({"prune_epoch": 9}, "prune_epoch of hoyer-square must be within the training, got 9 of 8 epochs"),
        ({"offset": "frozen"}, "takes no frozen offset, which would put them back to their initial values"),
        ({"threshold": "fixed"}, "threshold of hoyer-square must be one of magnitude, deviation"),
    ],
)
def test_what_cannot_be_is_refused(make_pruner, make_network, params, text):
    with pytest.raises(ConfigError, match=text):
        make_pruner(make_network(), "hoyer-square", 0.9, 8, **params)


@pytest.mark.usefixtures("kit")
def test_the_laws_hold_on_a_dct_offset_whose_values_all_start_at_zero():
    check_method("hoyer-square", offset="dct", allocation="erk", threshold="deviation", prune_epoch=8)
