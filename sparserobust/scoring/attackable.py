"""Whether a model can be attacked at all: what would make every number about it wrong is refused first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch

from sparserobust.attacks.oracle import Oracle
from sparserobust.errors import ModelError
from sparserobust.scoring.batch import Batch

PROBED = 8
"""Images that are run twice."""
RANDOM = 1e-4
"""Largest l2 difference of l2-normalised logits between two passes (the threshold of AutoAttack's check)."""


def require_attackable(batch: Batch, passes: Counter[str]) -> None:
    """Runs a few images a second time and looks at what the model returned.

    Raises:
        ModelError: it is random in evaluation mode (or an image's logits depend on the other images of the batch),
            or it returns probabilities.
    Source: Croce and Hein 2020, arXiv:2003.01690, the checks of the published code.
    """
    logits, oracle = batch.logits, Oracle(batch.model, passes)
    again = oracle.logits(batch.images[:PROBED])
    if (moved := _moved(again, logits[:PROBED])) > RANDOM:
        require_same_answer(oracle.logits, batch.images, logits)
        raise ModelError(
            f"the model mixes the images of a batch: an image has other logits beside other images (by {moved:.2g} "
            "of their norm); let each stand for itself, e.g. BatchNorm with its running statistics"
        )
    require_no_probabilities(logits)


def require_same_answer(
    answer: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor, logits: torch.Tensor
) -> None:
    """Raises ModelError when a second pass over the same images gives other logits.

    Args:
        answer: the model's logits for images.
        images: all of a batch.
        logits: that the first pass over it gave.
    """
    if (moved := _moved(answer(images), logits)) > RANDOM:
        raise ModelError(
            f"the model is random in evaluation mode: two passes over the same images differ (by {moved:.2g} of "
            "the logits' norm); make it deterministic, e.g. switch its dropout off"
        )


def require_no_probabilities(logits: torch.Tensor) -> None:
    """Raises ModelError when what the model returned is in [0, 1] and sums up to 1 for every image."""
    sums = logits.double().sum(dim=1)
    if float(logits.min()) >= 0 and float((sums - 1).abs().max()) <= 1e-5:
        raise ModelError(
            "the model returns probabilities (in [0, 1], sum 1), expected logits: return what goes into the softmax"
        )


def _moved(logits: torch.Tensor, others: torch.Tensor) -> float:
    return float((_unit(logits) - _unit(others)).norm(dim=1).max())


def _unit(logits: torch.Tensor) -> torch.Tensor:
    values = logits.double()
    size: torch.Tensor = values.norm(dim=1, keepdim=True).clamp_min(1e-300)
    return values / size
