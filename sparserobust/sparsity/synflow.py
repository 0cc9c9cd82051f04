"""SynFlow: synaptic saliency of the network with all parameters made positive, without any data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from sparserobust.errors import DegenerateScores
from sparserobust.sparsity.scoring_model import ScoringModel, flat

SAFE = {torch.float32: (1e-18, 1e30), torch.float64: (1e-255, 1e295)}
"""What the sum of the outputs and of a layer's scores must lie between, so that no single one leaves the range."""

EXPONENTS = (0, -900, 900)
"""In float64: powers of two that the input is scaled by when the plain passes overflow or underflow."""

MOST_NEGATIVE = 0.5
"""Of what the positive scores add up to, so much may be negative in a network that is not homogeneous."""


def make_positive(model: ScoringModel) -> None:
    """Replaces every parameter and buffer of the model's network by its absolute value (running means too)."""
    model.change(torch.abs)


def synflow(model: ScoringModel) -> dict[str, Tensor]:
    """Weight times dR/dw, with R the sum of outputs for an input of ones; `make_positive` has changed the network.

    BatchNorm uses its running statistics. In float32 as long as R is well inside its range, else in float64
    from then on; deeper still, the input and what is added on the way (biases, running means) are scaled by
    a power of two, which scales every score alike where the positive network is homogeneous in them, as one of
    convolutions, BatchNorm and ReLU is. Activations that are not (GELU, gates) have scores in the plain passes.

    Where an example is normalised by its own mean (LayerNorm, GroupNorm) about half of the scores are negative, and
    those before the norm add up to 0: they measure no flow and are refused. The running means of BatchNorm may make
    scores negative too; the network is homogeneous in them and the ranking is as defined as ever.

    Raises:
        DegenerateScores: R is zero, or beyond what float64 can hold however it is scaled; or the scores are no flow.
    Source: Tanaka et al. 2020 (SynFlow), eq. 2 and Algorithm 1.
    """
    dtype = model.weights[0].dtype
    if dtype not in SAFE:  # half precision
        model.change(_same, torch.float32)
    if model.weights[0].dtype == torch.float32:
        scores, total = _pass(model, 0)
        low, high = SAFE[torch.float32]
        if low < total < high and _finite(scores):
            return _flow(model, scores, 0, total)
        model.change(_same, torch.float64)
    low, high = SAFE[torch.float64]
    for exponent in EXPONENTS:
        scores, total = _pass(model, exponent)
        twice = total * 2.0**exponent  # a layer's scores are scaled twice
        if low < min(total, twice) and max(total, twice) < high and _finite(scores):
            if exponent and not _is_homogeneous(model, exponent, total):
                raise DegenerateScores(
                    "the sum of the outputs is beyond the range of float64, and does not scale with the input in this "
                    "network (it has norms or gates); choose another method",
                    tuple(model.dense),
                )
            return _flow(model, scores, exponent, total)
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
    weights = model.weights
    with _scaled(model, exponent) as ones:
        outputs = model.network.outputs(ones)
        scale = torch.full_like(outputs, 2.0**exponent)
        gradients = torch.autograd.grad(outputs, weights, scale, allow_unused=True)
    # running means may make some outputs negative
    return model.weighted(gradients), float(outputs.detach().abs().sum())


@torch.no_grad()
def _is_homogeneous(model: ScoringModel, exponent: int, total: float) -> bool:
    """Whether an input of another scale changes the outputs by the same factor and nothing else."""
    step = 1 if exponent < 0 else -1
    with _scaled(model, exponent + step) as ones:
        again = float(model.network.outputs(ones).abs().sum())
    return math.isclose(again, total * 2.0**step, rel_tol=1e-6)


@contextmanager
def _scaled(model: ScoringModel, exponent: int) -> Iterator[Tensor]:
    """Yields an input of ones times 2 ** exponent; what the network adds is scaled alike inside."""
    network, weight, scale = model.network, model.weights[0], 2.0**exponent
    added = [t for name, t in [*network.named_parameters(), *network.named_buffers()] if _is_added(name)]
    if exponent:
        with torch.no_grad():
            for tensor in added:
                tensor.mul_(scale)
    yield torch.full((1, *model.shape_of_image()), scale, dtype=weight.dtype, device=weight.device)
    if exponent:
        with torch.no_grad():
            for tensor in added:
                tensor.div_(scale)


def _flow(model: ScoringModel, scores: dict[str, Tensor], exponent: int, total: float) -> dict[str, Tensor]:
    """The scores, unless they are no flow.

    Raises:
        DegenerateScores: too much of them is negative, and not because of running means.
    """
    together = flat(scores)
    negative, positive = -float(together.clamp(max=0).sum()), float(together.clamp(min=0).sum())
    if negative > MOST_NEGATIVE * positive and not _is_homogeneous(model, exponent, total):
        raise DegenerateScores(
            f"the scores are no flow: the positive ones add up to {positive:.3g} and the negative ones to "
            f"-{negative:.3g}, as where LayerNorm or softmax subtracts; choose another method",
            tuple(scores),
        )
    return scores


def _finite(scores: dict[str, Tensor]) -> bool:
    """Whether no score left the range: a signal that falls far and rises again does, with R inside it."""
    return bool(torch.isfinite(flat(scores).sum()))


def _is_added(name: str) -> bool:
    """Whether a parameter or buffer is added to the signal, by its name: biases and running means."""
    return "bias" in name.rpartition(".")[2] or name.endswith("running_mean")


def _same(tensor: Tensor) -> Tensor:
    return tensor
