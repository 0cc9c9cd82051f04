"""Outcomes of further attacks, of images carried over, of the audit: chosen numbers, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparserobust.records import Outcome, Score, Table
from sparserobust.stats import newcombe_paired

from .factory import EPS, N, first, rate

PROBES = ("probe", "what", "statistic", "value", "limit", "state", "source")


def some(*places: int | range, n: int = N) -> np.ndarray:
    """True at these places."""
    chosen = np.zeros(n, dtype=bool)
    for place in places:
        chosen[list(place) if isinstance(place, range) else [place]] = True
    return chosen


def with_margin(accuracy: Outcome, margin: np.ndarray) -> Outcome:
    return accuracy.model_copy(update={"per_example": {**accuracy.per_example, "margin": margin}})


def budgeted(
    right: np.ndarray,
    robust: Sequence[np.ndarray],
    name: str = "pgd",
    *,
    eps: Sequence[float] = EPS,
    norm: str = "linf",
    headline: float = 0.1,
    **facts: Any,
) -> Outcome:
    """A fixed-budget attack with these survivors."""
    scores = []
    for point, kept in zip(eps, robust, strict=True):
        hits = int(kept.sum())
        scores.append(rate("robust_accuracy", hits, len(right), at=point, headline=point == headline))
        scores.append(
            rate("attack_success_rate", int(right.sum()) - hits, max(1, int(right.sum())), at=point)
        )
    settings = {"norm": norm}
    return Outcome(
        evaluator=name,
        status="ok",
        scores=tuple(scores),
        per_example={"correct": right, "robust": np.stack(robust)},
        axis=tuple(eps),
        settings=settings,
        verdict="upper bound, not audited",
        **facts,
    )


def nearest(
    right: np.ndarray,
    distance: np.ndarray,
    name: str = "minimum-norm",
    *,
    norm: str = "l2",
    caps: Sequence[float] = (0.5,),
    xi: float | None = None,
    reason: str = "no other minimum-norm attack in l2 in this run to compare with",
    **facts: Any,
) -> Outcome:
    """A minimum-norm attack with these distances and this optimality."""
    median = float(np.median(distance[right]))
    lost = int(np.isinf(distance[right]).sum())
    why = None if np.isfinite(median) else f"not found: {lost} of {int(right.sum())}"
    scores = [
        Score(name=f"median_{norm}", value=median if why is None else None, n=int(right.sum()), reason=why),
        *(
            rate(
                "robust_accuracy", int((right & (distance > cap)).sum()), len(right), at=cap, headline=k == 0
            )
            for k, cap in enumerate(caps)
        ),
        Score(name="optimality", value=xi, n=int(right.sum()), reason=None if xi is not None else reason),
    ]
    return Outcome(
        evaluator=name,
        status="ok",
        scores=tuple(scores),
        per_example={"correct": right, "distance": np.where(right, distance, 0.0)},
        axis=tuple(caps),
        settings={"norm": norm},
        **facts,
    )


def carried(own: int, foreign: int, both: int = 180, eps: Sequence[float] = (0.1, 0.3)) -> Outcome:
    """Of `both` images the network's own break the first `own`, those of dense the last `foreign`."""
    arrays = {"correct": first(both), "dense_correct": first(both)}
    rows = {
        "white_box": first(own),
        "transfer_in": first(both) & ~first(both - foreign),
        "dense_white_box": first(90),
        "transfer_out": first(30),
    }
    arrays |= {name: np.stack([row] * len(eps)) for name, row in rows.items()}
    scores = []
    for point in eps:
        for name, row in rows.items():
            headline = name == "transfer_in" and point == 0.1
            scores.append(rate(f"{name}_success_rate", int(row.sum()), both, at=point, headline=headline))
        gap = newcombe_paired(rows["transfer_in"][:both], rows["white_box"][:both])
        scores.append(
            Score(
                name="transfer_gap", value=gap.difference, n=both, at=point, ci_low=gap.low, ci_high=gap.high
            )
        )
    return Outcome(
        evaluator="transfer", status="ok", scores=tuple(scores), per_example=arrays, axis=tuple(eps)
    )


def audit(
    word: str,
    accuracies: Sequence[float] = (0.50, 0.50, 0.48, 0.47),
    states: Mapping[str, str] | None = None,
    sentence: str = "no probe fails",
    right: np.ndarray | None = None,
) -> Outcome:
    """The audit with reported, repaired, gradient and audited robust accuracy at 0.1, its headline.

    At 0.02 nothing is lost. What stays right is kept per image where `right` says which images are.
    """
    names = ("reported", "repaired", "gradient", "audited")
    scores = [] if right is None else [rate("audited_robust_accuracy", int(right.sum()), N, at=0.02)]
    scores += [
        rate(f"{name}_robust_accuracy", round(v * N), N, at=0.1, headline=name == "audited")
        for name, v in zip(names, accuracies, strict=True)
    ]
    gaps = ("masking_gap", "attack_slack", "residual_gap")
    for name, high, low in zip(gaps, accuracies, accuracies[1:], strict=False):
        d = high - low
        scores.append(Score(name=name, value=d, n=N, at=0.1, ci_low=d - 0.02, ci_high=d + 0.02))
    rows = tuple(
        (probe, f"what {probe} is", "share", 0.25, "0.01", state, "Doe 2031")
        for probe, state in (states or {"G1": "pass"}).items()
    )
    kept = {}
    if right is not None:
        kept = {"correct": right, "robust": np.stack([right, first(round(accuracies[3] * N))])}
    return Outcome(
        evaluator="gradient-masking",
        status="ok",
        per_example=kept,
        axis=(0.02, 0.1) if kept else (),
        settings={"attack": "fgsm", "eps": [0.02, 0.1], "steps": 40},
        scores=tuple(scores),
        verdict=f"{word}: {sentence}",
        tables={"probes": Table(columns=PROBES, rows=rows)},
    )
