"""What the gradient and the softmax look like at the clean images."""

from __future__ import annotations

from collections import Counter

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.attacks.repairs import gradient_error
from sparserobust.scoring.batch import Batch

SATURATED = 1e-7
"""1 - p of the label in float32: below this its share of the gradient of the cross-entropy is rounded away."""
FLAT = 1e-3
"""Largest probability minus 1 / classes: below this the cross-entropy hardly knows the classes apart."""
STEPS = 100
"""Of PGD with eps 1."""


def clean_facts(
    batch: Batch, double: nn.Module | None, *, seed: int, passes: Counter[str]
) -> dict[str, Tensor]:
    """Fact -> (n,).

    Args:
        batch: examples that the model gets right.
        double: the model in float64, None where it has none.
        seed: of the directions that the gradient is tried along.
        passes: where example-passes are counted.
    """
    logits, images, labels = batch.logits, batch.images, batch.labels
    oracle = Oracle(batch.model, passes)
    top = F.softmax(logits, dim=1).amax(dim=1)
    away = -torch.expm1(-F.cross_entropy(logits.double(), labels, reduction="none"))
    flat = top < 1 / logits.shape[1] + FLAT
    unbounded = pgd(oracle, images, labels, norm="linf", eps=1.0, steps=STEPS)
    error = torch.full((len(batch),), torch.nan)
    if double is not None:
        error = gradient_error(double, images.double(), labels, seed=seed, passes=passes)
    return {
        "zero_gradient": (batch.loss_gradient.flatten(1) == 0).all(dim=1),
        "log_probabilities": logits.double().logsumexp(dim=1).abs() < 1e-5,
        "softmax_unusable": flat | (away < SATURATED),
        "survives_everything": ~oracle.fooled(unbounded, labels),
        "gradient_error": error.float(),
    }
