"""SynFlow: synaptic saliency of the network with all parameters made positive, without any data."""

from __future__ import annotations

import torch
from torch import Tensor

from sparserobust.errors import DegenerateScores
from sparserobust.sparsity.scoring_model import ScoringModel, flat

SAFE = {torch.float32: (1e-18, 1e30), torch.float64: (1e-255, 1e295)}
"""What the sum of the outputs and of a layer's scores must lie between, so that no single one leaves the range."""

EXPONENTS = (0, -900, 900)
"""In float64: powers of two that the input is scaled by when the plain passes overflow or underflow."""


def make_positive(model: ScoringModel) -> None:
    """Replaces every parameter and buffer of the model's network by its absolute value (running means too)."""
    model.change(torch.abs)


def synflow(model: ScoringModel) -> dict[str, Tensor]:
    """Weight times dR/dw, with R the sum of outputs for an input of ones; `make_positive` has changed the network.

    BatchNorm uses its running statistics. In float32 as long as R is well inside its range, else in float64
    from then on; deeper still, the input and what is added on the way (biases, running means) are scaled by
    a power of two, which scales every score alike because the positive network is homogeneous in them.

    Raises:
        DegenerateScores: R is zero, or beyond what float64 can hold however it is scaled.
    Source: Tanaka et al. 2020 (SynFlow), eq. 2 and Algorithm 1.
    """
    dtype = model.weights[0].dtype
    if dtype not in SAFE:  # half precision
        model.change(_same, torch.float32)
    if model.weights[0].dtype == torch.float32:
        scores, total = _pass(model, 0)
        low, high = SAFE[torch.float32]
        if low < total < high and _finite(scores):
            return scores
        model.change(_same, torch.float64)
    low, high = SAFE[torch.float64]
    for exponent in EXPONENTS:
        scores, total = _pass(model, exponent)
        twice = total * 2.0**exponent  # a layer's scores are scaled twice
        if low < min(total, twice) and max(total, twice) < high and _finite(scores):
            return scores
    empty = model.empty_layers()
    if empty:
        reason = f"{len(empty)} layers hold only zeros"
    elif total:
        reason = f"it is {total:g}, beyond the range of float64"
    else:
        reason = "no signal reaches the outputs, or one beyond the range of float64"
    raise DegenerateScores(f"the sum of the outputs is of no use: {reason}", tuple(empty or model.dense))


def _pass(model: ScoringModel, exponent: int) -> tuple[dict[str, Tensor], float]:
    """(scores, sum of the absolute outputs) with the input scaled by 2 ** exponent."""
    weights, scale = model.weights, 2.0**exponent
    network = model.network
    ones = torch.ones(1, *model.shape_of_image(), dtype=weights[0].dtype, device=weights[0].device)
    added = [t for name, t in [*network.named_parameters(), *network.named_buffers()] if _is_added(name)]
    if exponent:
        with torch.no_grad():
            for tensor in added:
                tensor.mul_(scale)
    outputs = network(ones * scale)
    gradients = torch.autograd.grad(outputs, weights, torch.full_like(outputs, scale), allow_unused=True)
    if exponent:
        with torch.no_grad():
            for tensor in added:
                tensor.div_(scale)
    return model.weighted(gradients), float(
        outputs.detach().abs().sum()
    )  # running means may make some negative


def _finite(scores: dict[str, Tensor]) -> bool:
    """Whether no score left the range: a signal that falls far and rises again does, with R inside it."""
    return bool(torch.isfinite(flat(scores).sum()))


def _is_added(name: str) -> bool:
    """Whether a parameter or buffer is added to the signal, by its name: biases and running means."""
    return "bias" in name.rpartition(".")[2] or name.endswith("running_mean")


def _same(tensor: Tensor) -> Tensor:
    return tensor
