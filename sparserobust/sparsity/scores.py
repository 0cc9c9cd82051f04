"""How important is a weight: one function per criterion, all with one signature.

A score takes a `Probe` (the network at a sparse point, dense at first) and returns name -> importance, a
tensor of the weight's shape, larger = keep. Each is a weight times a sensitivity measured at that point, and
must be zero where `probe.candidates` is: a weight that was pruned there and may not come back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from sparserobust.sparsity.probe import Probe
from sparserobust.sparsity.synflow import make_positive, synflow

ScoreFunction = Callable[[Probe], dict[str, Tensor]]


@dataclass(frozen=True)
class Criterion:
    """A score and what it needs.

    Attributes:
        score: the function.
        needs: "examples" of the training data, the "shape" of an image, or nothing.
        prepare: changes the probe's network once, before the first score.
    """

    score: ScoreFunction
    needs: Literal["examples", "shape"] | None = None
    prepare: Callable[[Probe], None] | None = None


def magnitude(probe: Probe) -> dict[str, Tensor]:
    """|w|.

    Source: Han et al. 2015, sec. 3; here one shot and without retraining cycles.
    """
    return {name: weight.abs() for name, weight in probe.candidates.items()}


def random(probe: Probe) -> dict[str, Tensor]:
    """Uniform draws in (0, 1], one per weight, so that any k of them are equally likely."""
    scores = {}
    for name, weight in probe.dense.items():
        draws = 1 - torch.rand(weight.shape, generator=probe.generator, dtype=torch.float64)
        scores[name] = draws.to(weight.device)
    return scores


def snip(probe: Probe) -> dict[str, Tensor]:
    """|w * dL/dw|, the connection sensitivity, with L the mean loss over all examples given.

    One forward and one backward pass per batch; gradients of several batches add up to that of the whole.
    The paper divides by the sum over all weights, which changes no ranking and is left out.

    Source: Lee et al. 2019 (SNIP), eq. 5; Wimmer et al. 2020 (FreezeNet), eq. 1. At a sparse point with the
    dense w: de Jorge et al. 2021 (FORCE), sec. 4.
    """
    gradients, _ = _gradients(probe)
    return {name: score.abs_() for name, score in probe.weighted(gradients).items()}


def elasticity(probe: Probe) -> dict[str, Tensor]:
    """|w * dL/dw / L|, how much the loss changes relatively; ranks as `snip` does.

    Source: Verdenius et al. 2020 (SNIP-it), eq. 3; 1e-8 is added to L as in the authors' code.
    """
    gradients, loss = _gradients(probe)
    return {name: score.div_(loss + 1e-8).abs_() for name, score in probe.weighted(gradients).items()}


def grasp(probe: Probe) -> dict[str, Tensor]:
    """Weight times (H g), with g and H gradient and Hessian of the mean loss: what keeps the gradient flow is high.

    H g is the gradient of <stop(g), g>. With one batch the graph of g serves both, so that there is one
    forward pass and two backward; several batches need g of the whole first.

    Source: Wang et al. 2020 (GraSP), Algorithm 2, with the sign so that the highest are kept
    (Wimmer et al. 2020, supplement S1.3, eq. S.3).
    """
    examples = sum(len(labels) for _, labels in probe.batches)
    weights = probe.weights
    whole = None if len(probe.batches) == 1 else _gradients(probe)[0]
    product: list[Tensor | None] = [None] * len(weights)
    for images, labels in probe.batches:
        loss = probe.loss_of(probe.model(images), labels) / examples
        own = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True)
        pairs = [
            (g if f is None else f, g)
            for f, g in zip(whole or own, own, strict=True)
            if g is not None and g.requires_grad  # else the loss is linear in this weight
        ]
        if pairs:
            fixed, own = zip(*((f.detach(), g) for f, g in pairs), strict=True)
            _add(product, torch.autograd.grad(own, weights, fixed, allow_unused=True))
    return probe.weighted(product)


def negated_grasp(probe: Probe) -> dict[str, Tensor]:
    """The same with the other sign: SNIP-it's port of GraSP keeps what is highest here (`criterions/GRASP.py`)."""
    return {name: score.neg_() for name, score in grasp(probe).items()}


def _gradients(probe: Probe) -> tuple[list[Tensor | None], Tensor]:
    """(gradient of the mean loss over all examples for each weight, that loss)."""
    weights = probe.weights
    examples = sum(len(labels) for _, labels in probe.batches)
    total: list[Tensor | None] = [None] * len(weights)
    mean = weights[0].new_zeros(())
    for images, labels in probe.batches:
        loss = probe.loss_of(probe.model(images), labels) / examples
        _add(total, torch.autograd.grad(loss, weights, allow_unused=True))
        mean = mean + loss.detach()
    return total, mean


def _add(total: list[Tensor | None], parts: Sequence[Tensor | None]) -> None:
    """Adds tensor by tensor, in place; None where nothing has come yet."""
    for index, part in enumerate(parts):
        so_far = total[index]
        total[index] = part if so_far is None else so_far if part is None else so_far.add_(part)


CRITERIA: dict[str, Criterion] = {
    "magnitude": Criterion(magnitude),
    "random": Criterion(random),
    "snip": Criterion(snip, needs="examples"),
    "elasticity": Criterion(elasticity, needs="examples"),
    "grasp": Criterion(grasp, needs="examples"),
    "grasp-negated": Criterion(negated_grasp, needs="examples"),
    "synflow": Criterion(synflow, needs="shape", prepare=make_positive),
}
"""By name, as a method's `criterion`."""
