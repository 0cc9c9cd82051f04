"""A scoring model at a point of one's choice, and gradients by another way than the library's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.uses import effective_weights, prunable

Loss = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(scope="session")
def scoring_model_at() -> Callable[..., ScoringModel]:
    """scoring_model_at(model, batches, mask=, revive=, **settings): it at weights * mask, seeing these batches."""

    def make(
        model: nn.Module,
        batches: Sequence[tuple[Tensor, Tensor]] | None = None,
        *,
        mask: Mapping[str, Tensor] | None = None,
        revive: bool = False,
        seed: int = 0,
        **settings: object,
    ) -> ScoringModel:
        examples = None if batches is None else lambda event: batches
        stream = torch.Generator().manual_seed(seed)
        scoring_model = ScoringModel(
            model, prunable(model), torch.device("cpu"), stream, examples=examples, **settings
        )
        kept = None if mask is None else torch.cat([m.reshape(-1) for m in mask.values()])
        scoring_model.move(0, kept, revive=revive)
        return scoring_model

    return make


@pytest.fixture(scope="session")
def gradients_at() -> Callable[..., dict[str, Tensor]]:
    """gradients_at(model, weights, batch, loss): of the loss at these prunable weights, by a functional call."""

    def gradients(
        model: nn.Module, weights: Mapping[str, Tensor], batch: tuple[Tensor, Tensor], loss: Loss
    ) -> dict[str, Tensor]:
        point = {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}
        value = loss(functional_call(model, point, (batch[0],)), batch[1])
        return dict(zip(point, torch.autograd.grad(value, list(point.values())), strict=True))

    return gradients


@pytest.fixture(scope="session")
def in_double(
    problem: Callable[..., tuple[Tensor, Tensor]],
) -> Callable[..., tuple[nn.Module, tuple[Tensor, Tensor]]]:
    """in_double(model, n): (the model in float64 and evaluation mode, one batch in float64)."""

    def make(model: nn.Module, n: int = 32, seed: int = 0) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
        images, labels = problem(n, seed=seed)
        return model.double().eval(), (images.double(), labels)

    return make


@pytest.fixture(scope="session")
def draw_masks() -> Callable[..., dict[str, Tensor]]:
    """draw_masks(model, density, seed): name -> random mask of every prunable weight."""

    def make(model: nn.Module, density: float = 0.5, seed: int = 1) -> dict[str, Tensor]:
        stream = torch.Generator().manual_seed(seed)
        return {
            name: torch.rand(weight.shape, generator=stream) < density
            for name, weight in effective_weights(model).items()
        }

    return make
