"""FGSM against its definition and two other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import sparserobust as sr
from evaluators import FGSM
from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.fgsm import fgsm_step
from sparserobust.scoring.trial import TRIED
from sparserobust.training import Recipe

EPS = (0.0, 0.01, 0.05, 0.1, 0.3)
ADAPTERS = {"foolbox": foolbox_adapter.fgsm, "torchattacks": torchattacks_adapter.fgsm}


@pytest.fixture(scope="module", params=["conv", "residual"])
def trained(request, make_network, problem) -> nn.Module:
    model = make_network(request.param)
    sr.train(
        model,
        problem(64),
        recipe=Recipe(name="t", source="", optimizer="adam", lr=0.01, batch_size=16, epochs=6),
    )
    return model.eval().requires_grad_(False)


def gradient_of(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    x = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), labels, reduction="sum"), x)
    return gradient


def test_the_step_is_eps_times_the_sign_clipped_to_the_range():
    images = torch.tensor([0.0, 0.05, 0.5, 0.5, 0.95, 1.0]).view(1, 1, 1, 6)
    gradient = torch.tensor([-1.0, -2.0, 0.0, 3e-38, 1.0, 5.0]).view(1, 1, 1, 6)
    expected = torch.tensor([0.0, 0.0, 0.5, 0.6, 1.0, 1.0]).view(1, 1, 1, 6)
    assert torch.equal(fgsm_step(images, gradient, 0.1), expected)
    assert torch.equal(fgsm_step(images, gradient, 0.0), images)


@pytest.mark.parametrize("library", list(ADAPTERS))
def test_in_float64_the_images_equal_those_of_other_libraries_exactly(trained, problem, library):
    pytest.importorskip(library)
    model = trained.double()
    try:
        images, labels = problem(48, seed=3)
        images = images.double()
        gradient = gradient_of(model, images, labels)
        for eps, theirs in zip(EPS, ADAPTERS[library](model, images, labels, EPS), strict=True):
            assert torch.equal(theirs, fgsm_step(images, gradient, eps)), eps
    finally:
        trained.float()


@pytest.mark.parametrize("library", list(ADAPTERS))
def test_in_float32_the_images_are_equal_wherever_the_gradient_is_not_nearly_zero(trained, problem, library):
    pytest.importorskip(library)
    images, labels = problem(48, seed=3)
    gradient = gradient_of(trained, images, labels)
    sure = gradient.abs() > 1e-6 * gradient.abs().amax(dim=(1, 2, 3), keepdim=True)
    assert float(sure.float().mean()) > 0.9
    for eps, theirs in zip(EPS, ADAPTERS[library](trained, images, labels, EPS), strict=True):
        assert torch.equal(theirs[sure], fgsm_step(images, gradient, eps)[sure]), eps


@pytest.mark.parametrize("library", list(ADAPTERS))
def test_success_flags_are_the_same_with_every_backend(trained, problem, library):
    pytest.importorskip(library)
    data = problem(48, seed=3)
    native = FGSM(eps=EPS, margin=False)(trained, data)
    theirs = FGSM(eps=EPS, margin=False, backend=library)(trained, data)
    assert theirs.status == "ok", theirs.reason
    assert np.array_equal(native.per_example["robust"], theirs.per_example["robust"])
    broken = native.per_example["correct"].sum() - native.per_example["robust"].sum(axis=1)
    assert broken[0] == 0
    assert broken[-1] > 0


def test_foolboxs_own_verdict_on_the_untouched_model_is_the_same(trained, problem):
    """foolbox counts clean errors as successes and attacks all examples; on the correct ones the flags agree."""
    foolbox = pytest.importorskip("foolbox")
    images, labels = problem(48, seed=3)
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    _, _, success = attack(foolbox.PyTorchModel(trained, bounds=(0, 1)), images, labels, epsilons=list(EPS))
    ours = FGSM(eps=EPS)(trained, (images, labels)).per_example
    assert np.array_equal(ours["robust"], ours["correct"] & ~success.numpy())


@pytest.mark.parametrize("library", list(ADAPTERS))
def test_a_backend_leaves_the_model_as_it_was(make_network, problem, library):
    """torchattacks sets modes; dropout must stay off for the decision and modes come back."""
    pytest.importorskip(library)
    model = make_network("conv").train()
    before = [m.training for m in model.modules()]
    data = problem(24)
    first, second = (FGSM(eps=EPS, backend=library)(model, data) for _ in range(2))
    assert first.scores == second.scores
    assert [m.training for m in model.modules()] == before


@pytest.mark.parametrize("backend", ["native", "foolbox", "torchattacks"])
def test_every_backend_counts_its_passes(trained, problem, backend):
    """Counted inside the model: forwards by the attack and the decision, over the correct examples only."""
    if backend != "native":
        pytest.importorskip(backend)

    class Counted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.seen = trained, []

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            self.seen.append(len(images))
            return self.model(images)

    model = Counted()
    run = sr.evaluate(model, problem(24), [FGSM(eps=EPS, margin=False, backend=backend)])
    trial = 1 + 2 * TRIED
    assert sum(model.seen) == trial + run.passes["forward"] + run.outcomes["fgsm"].passes["forward"]
