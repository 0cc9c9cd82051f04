"""A dense network whose margins are known image by image, and a sparse one that loses the smallest."""

from __future__ import annotations

import numpy as np

from sparserobust.records import Run

from .attack_factory import some, with_margin
from .factory import N, accuracy, fgsm, first, run


def pair(seed: int = 0, lost: int = 30, method: str = "snip") -> list[Run]:
    """Dense: 200 right, margin = place, robust on the last 100. Sparse loses the `lost` smallest of either."""
    robust = some(range(100, N))
    dense = run(
        "dense",
        0.0,
        with_margin(accuracy(first(N)), np.arange(N) + 1.0),
        fgsm(first(N), [robust] * 3),
        seed=seed,
    )
    right = some(range(lost, N))
    sparse = run(method, 0.9, accuracy(right), fgsm(right, [some(range(100 + lost, N))] * 3), seed=seed)
    return [dense, sparse]
