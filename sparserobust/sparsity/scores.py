"""How important is a weight: one function per score, all with one signature.

A score takes a `ScoringModel` (the network at a sparse point, dense at first) and returns name -> importance, a
tensor of the weight's shape, larger = keep. Each is a weight times a sensitivity measured at that point, and
must be zero where `model.candidates` is: a weight that was pruned there and may not come back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from sparserobust.errors import ModelError
from sparserobust.kernels import is_recurrent, plain_kernels
from sparserobust.sparsity.scoring_model import ScoringModel

ScoreFunction = Callable[[ScoringModel], dict[str, Tensor]]
"""The network at a sparse point -> name -> importance of each of its prunable weights."""


def magnitude(model: ScoringModel) -> dict[str, Tensor]:
    """|w|.

    Source: Han et al. 2015, sec. 3; here one shot and without retraining cycles.
    """
    return {name: weight.abs() for name, weight in model.candidates.items()}


def random(model: ScoringModel) -> dict[str, Tensor]:
    """Uniform draws in (0, 1], one per weight, so that any k of them are equally likely."""
    scores = {}
    for name, weight in model.dense.items():
        draws = 1 - torch.rand(weight.shape, generator=model.generator, dtype=torch.float64)
        scores[name] = draws.to(weight.device)
    return scores


def snip(model: ScoringModel) -> dict[str, Tensor]:
    """|w * dL/dw|, the connection sensitivity, with L the mean loss over all examples given.

    One forward and one backward pass per batch; gradients of several batches add up to that of the whole.
    The paper divides by the sum over all weights, which changes no ranking and is left out.

    Source: Lee et al. 2019 (SNIP), eq. 5; Wimmer et al. 2020 (FreezeNet), eq. 1. At a sparse point with the
    dense w: de Jorge et al. 2021 (FORCE), sec. 4.
    """
    gradients, _ = _gradients(model)
    return {name: score.abs_() for name, score in model.weighted(gradients).items()}


def elasticity(model: ScoringModel) -> dict[str, Tensor]:
    """|w * dL/dw / L|, how much the loss changes relatively; ranks as `snip` does.

    Source: Verdenius et al. 2020 (SNIP-it), eq. 3; 1e-8 is added to L as in the authors' code.
    """
    gradients, loss = _gradients(model)
    return {name: score.div_(loss + 1e-8).abs_() for name, score in model.weighted(gradients).items()}


def grasp(model: ScoringModel) -> dict[str, Tensor]:
    """Weight times (H g), with g and H gradient and Hessian of the mean loss: what keeps the gradient flow is high.

    H g is the gradient of <stop(g), g>. With one batch the graph of g serves both, so that there is one
    forward pass and two backward; several batches need g of the whole first.

    Raises:
        ModelError: the network has no second derivative.
    Source: Wang et al. 2020 (GraSP), Algorithm 2, with the sign so that the highest are kept
    (Wimmer et al. 2020, supplement S1.3, eq. S.3).
    """
    examples = sum(len(labels) for _, labels in model.batches)
    weights = model.weights
    whole = None if len(model.batches) == 1 else _gradients(model)[0]
    product: list[Tensor | None] = [None] * len(weights)
    with _second_derivatives(model):
        for images, labels in model.batches:
            loss = model.loss_of(model.network(images), labels) / examples
            own = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
            pairs = [
                (g if f is None else f, g)
                for f, g in zip(whole or own, own, strict=True)
                if g is not None and g.requires_grad  # else the loss is linear in this weight
            ]
            if pairs:
                fixed, own = zip(*((f.detach(), g) for f, g in pairs), strict=True)
                _add(product, torch.autograd.grad(own, weights, fixed, allow_unused=True))
    return model.weighted(product)


def negated_grasp(model: ScoringModel) -> dict[str, Tensor]:
    """The same with the other sign: SNIP-it's port of GraSP keeps what is highest here (`criterions/GRASP.py`)."""
    return {name: score.neg_() for name, score in grasp(model).items()}


def _gradients(model: ScoringModel) -> tuple[list[Tensor | None], Tensor]:
    """(gradient of the mean loss over all examples for each weight, that loss)."""
    weights = model.weights
    examples = sum(len(labels) for _, labels in model.batches)
    total: list[Tensor | None] = [None] * len(weights)
    mean = weights[0].new_zeros(())
    for images, labels in model.batches:
        loss = model.loss_of(model.network(images), labels) / examples
        _add(total, torch.autograd.grad(loss, weights, allow_unused=True))
        mean = mean + loss.detach()
    return total, mean


@contextmanager
def _second_derivatives(model: ScoringModel) -> Iterator[None]:
    """Inside, the network runs by kernels that have second derivatives, as the fast ones of attention have not.

    Raises:
        ModelError: torch knows none for one of its operations.
    """
    fused = not is_recurrent(model.network)
    try:
        with plain_kernels(cudnn=fused, onednn=fused):
            yield
    except RuntimeError as error:
        missing = re.search(r"derivative for (?:aten::)?(\w+?)(?:_backward)? is not implemented", str(error))
        if missing is None:
            raise
        name = type(model.network.network).__name__
        raise ModelError(
            f"GraSP needs second derivatives, and torch has none for {missing[1]} in {name}; choose another method"
        ) from None


def _add(total: list[Tensor | None], parts: Sequence[Tensor | None]) -> None:
    """Adds tensor by tensor, in place; None where nothing has come yet."""
    for index, part in enumerate(parts):
        so_far = total[index]
        total[index] = part if so_far is None else so_far if part is None else so_far.add_(part)
