"""How close an attack comes to the best that is known: the area between its curve and the lower envelope."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def optimality(
    distances: Mapping[str, NDArray[np.float64]], correct: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Xi of each attack, in [0, 1]: 1 = nowhere beaten, 0 = finds nothing that any attack found.

    With rho the accuracy left at each distance, rho* that of the smallest distance any attack found for each
    example (the lower envelope), and both areas taken up to the envelope's largest finite distance e:
    xi = 1 - (A - A*) / (clean accuracy * e - A*). The area below a curve of this kind is the mean of min(distance, e).

    Args:
        distances: of each attack to each example, infinite where nothing was found.
        correct: which examples the model gets right; the others have distance 0.

    Returns:
        xi by attack; None where no attack found anything, or all find everything at one distance.

    Source: Cinà et al. 2025 (AttackBench), arXiv:2404.19460, the local optimality.
    """
    curves = {name: np.where(correct, distance, 0.0) for name, distance in distances.items()}
    envelope = np.min(list(curves.values()), axis=0)
    finite = envelope[np.isfinite(envelope)]
    end = float(finite.max(initial=0.0))
    best = float(np.minimum(envelope, end).mean())
    room = float(correct.mean()) * end - best
    if room <= 0:
        return dict.fromkeys(curves)
    return {name: float(1 - (np.minimum(curve, end).mean() - best) / room) for name, curve in curves.items()}
