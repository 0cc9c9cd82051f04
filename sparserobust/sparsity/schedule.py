"""In how many pruning events the final count is reached.

Every schedule has one signature, `(prunable, k, steps) -> counts`: how many weights each event keeps, never
rising, the last one exactly k.
"""

from __future__ import annotations

from collections.abc import Callable

Schedule = Callable[[int, int, int], list[int]]


def one_shot(prunable: int, k: int, steps: int = 1) -> list[int]:
    """Everything in one event, whatever `steps` says."""
    return [k]


def exponential(prunable: int, k: int, steps: int) -> list[int]:
    """The density of event t of T is density ** (t / T), so that each event prunes the same fraction.

    Source: Tanaka et al. 2020 (SynFlow), Algorithm 1; de Jorge et al. 2021 (FORCE), sec. 4.
    """
    return [*(_between(prunable, k, prunable * (k / prunable) ** (t / steps)) for t in range(1, steps)), k]


def linear(prunable: int, k: int, steps: int) -> list[int]:
    """Each event prunes the same number of weights.

    Source: de Jorge et al. 2021 (FORCE), sec. 4.
    """
    return [*(_between(prunable, k, prunable - t * (prunable - k) / steps) for t in range(1, steps)), k]


def halving(prunable: int, k: int, steps: int) -> list[int]:
    """Sparsity kappa - (kappa - 1/2) / 2 ** i for i = 0 ... steps, then kappa: steps + 2 events.

    The first event prunes half, each further one halves the distance to kappa. Below a final sparsity of one
    half that would prune too much at once; there all events but the last keep what the last one keeps.

    Source: Verdenius et al. 2020 (SNIP-it), sec. 3 and Algorithm 1, as the authors' code reads it ("halving
    the remainder" would be another series); five steps, seven events.
    """
    kappa = 1 - k / prunable
    sparsities = [kappa - (kappa - 0.5) * 2.0**-i for i in range(steps + 1)]
    return [*(_between(prunable, k, prunable * (1 - s)) for s in sparsities), k]


def _between(prunable: int, k: int, count: float) -> int:
    return min(prunable, max(k, round(count)))


SCHEDULES: dict[str, Schedule] = {
    "one-shot": one_shot,
    "exponential": exponential,
    "linear": linear,
    "halving": halving,
}
"""By name."""
