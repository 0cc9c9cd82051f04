"""Whether a model can be attacked at all: what would make every number about it wrong is refused first."""

from __future__ import annotations

from collections import Counter

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
    logits = batch.logits
    again = Oracle(batch.model, passes).logits(batch.images[:PROBED])
    if (moved := _moved(again, logits[:PROBED])) > RANDOM:
        if (whole := _moved(Oracle(batch.model, passes).logits(batch.images), logits)) > RANDOM:
            raise ModelError(
                f"the model is random in evaluation mode: two passes over the same images differ (by {whole:.2g} of "
                "the logits' norm); make it deterministic, e.g. switch its dropout off"
            )
        raise ModelError(
            f"the model mixes the images of a batch: an image has other logits beside other images (by {moved:.2g} "
            "of their norm); let each stand for itself, e.g. BatchNorm with its running statistics"
        )
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
