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
    moved = float((_unit(again) - _unit(logits[:PROBED])).norm(dim=1).max())
    if moved > RANDOM:
        raise ModelError(
            f"the model cannot be audited: two passes over the same images differ (by {moved:.2g} of the logits' "
            "norm), so it is random in evaluation mode or mixes the images of a batch; make it deterministic"
        )
    sums = logits.double().sum(dim=1)
    if float(logits.min()) >= 0 and float((sums - 1).abs().max()) <= 1e-5:
        raise ModelError(
            "the model returns probabilities (in [0, 1], sum 1), expected logits: attacks see no gradient through a "
            "saturated softmax; return what goes into it"
        )


def _unit(logits: torch.Tensor) -> torch.Tensor:
    values = logits.double()
    size: torch.Tensor = values.norm(dim=1, keepdim=True).clamp_min(1e-300)
    return values / size
