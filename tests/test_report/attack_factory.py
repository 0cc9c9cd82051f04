"""Outcomes of further attacks, of transferred images, of the audit: chosen numbers, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sparserobust.records import (
    DIFFERENCE,
    AttackFacts,
    AuditFacts,
    AuditState,
    Norm,
    Outcome,
    Remark,
    Score,
    ScoreSpec,
    Table,
    remark,
)
from sparserobust.stats import newcombe_paired

from .factory import BUDGET, EPS, UNITS, N, attack_facts, first, number, rate, skipped, stated

PROBES = ("probe", "state", "value", "warn", "fail", "low", "detail")


def some(*places: int | range, n: int = N) -> np.ndarray:
    """True at these places."""
    chosen = np.zeros(n, dtype=bool)
    for place in places:
        chosen[list(place) if isinstance(place, range) else [place]] = True
    return chosen


def with_margin(accuracy: Outcome, margin: np.ndarray) -> Outcome:
    return accuracy.model_copy(update={"per_example": {**accuracy.per_example, "margin": margin}})


def kind(
    name: str, norm: Norm | None, headline: float, goal: Literal["fixed-budget", "minimum-distance"]
) -> dict[str, Any]:
    """What an attack of this name says of itself; of one that nobody knows what ours that follow gradients say."""
    own = attack_facts(name)
    facts = {"norm": norm, "goal": goal, "headline": headline}
    if own is None:
        own = AttackFacts(access="white-box", needs_gradient=True, **facts)
    measures = BUDGET if goal == "fixed-budget" else (f"median_{norm}", *BUDGET, "optimality")
    specs = tuple(ScoreSpec(name=score, unit=UNITS.get(score, "")) for score in measures)
    return stated(name) | {"attack": own.model_copy(update=facts), "measures": specs}


def budgeted(
    right: np.ndarray,
    robust: Sequence[np.ndarray],
    name: str = "pgd",
    *,
    eps: Sequence[float] = EPS,
    norm: Norm | None = "linf",
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
    own: dict[str, Any] = {
        **kind(name, norm, headline, "fixed-budget"),
        "status": "ok",
        "scores": tuple(scores),
        "per_example": {"correct": right, "robust": np.stack(robust)},
        "axis": tuple(eps),
        "settings": {"norm": norm},
        "verdict": remark("not-audited"),
    }
    return Outcome(**own | facts)


def nearest(
    right: np.ndarray,
    distance: np.ndarray,
    name: str = "minimum-norm",
    *,
    norm: Norm = "l2",
    caps: Sequence[float] = (0.5,),
    xi: float | None = None,
    reason: Remark | None = None,
    **facts: Any,
) -> Outcome:
    """A minimum-norm attack with these distances and this optimality."""
    median = float(np.median(distance[right]))
    of, lost = int(right.sum()), int(np.isinf(distance[right]).sum())
    why = None if np.isfinite(median) else remark("not-found", lost=lost, of=of)
    alone = reason or remark("no-other-attack", norm=norm)
    scores = [
        number(f"median_{norm}", median if why is None else None, n=of, reason=why),
        *(
            rate(
                "robust_accuracy", int((right & (distance > cap)).sum()), len(right), at=cap, headline=k == 0
            )
            for k, cap in enumerate(caps)
        ),
        number("optimality", xi, n=of, reason=None if xi is not None else alone),
    ]
    return Outcome(
        **kind(name, norm, caps[0], "minimum-distance"),
        status="ok",
        scores=tuple(scores),
        per_example={"correct": right, "distance": np.where(right, distance, 0.0)},
        axis=tuple(caps),
        settings={"norm": norm},
        verdict=remark("found", found=of - lost, of=of),
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
            number("transfer_gap", gap.difference, n=both, at=point, ci_low=gap.low, ci_high=gap.high)
        )
    return Outcome(
        status="ok", scores=tuple(scores), per_example=arrays, axis=tuple(eps), **stated("transfer")
    )


def audit(
    state: AuditState,
    accuracies: Sequence[float] = (0.50, 0.50, 0.48, 0.47),
    states: Mapping[str, str] | None = None,
    verdict: Remark | None = None,
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
        scores.append(
            Score(name=name, value=d, unit=DIFFERENCE, n=N, at=0.1, ci_low=d - 0.02, ci_high=d + 0.02)
        )
    rows = tuple(
        (probe, own, None, 0.01, 0.1, None, "no-dense-model")
        if own == "not-run"
        else (probe, own, 0.25, 0.01, 0.1, None, None)
        for probe, own in (states or {"G1": "pass"}).items()
    )
    kept = {}
    if right is not None:
        kept = {"correct": right, "robust": np.stack([right, first(round(accuracies[3] * N))])}
    return Outcome(
        **stated("gradient-masking"),
        status="ok",
        audit=AuditFacts(state=state, attack="FGSM", norm="linf"),
        per_example=kept,
        axis=(0.02, 0.1) if kept else (),
        settings={"attack": "fgsm", "eps": [0.02, 0.1], "steps": 40},
        scores=tuple(scores),
        verdict=verdict or _why(state, accuracies),
        tables={"probes": Table(columns=PROBES, rows=rows)},
    )


def _why(state: AuditState, accuracies: Sequence[float]) -> Remark:
    """The verdict as an audit with these accuracies gives it."""
    reported, repaired, gradient, audited = accuracies
    gain = reported - repaired + gradient - audited
    facts: dict[str, Any] = {"attack": "FGSM", "eps": 0.1, "reported": reported}
    if state == "supported":
        return remark("audit-no-gain", **facts, gain=gain, within_chance=False, n=N, audited=audited)
    if state == "artefact-proven":
        left = reported - gain
        return remark("audit-gain", **facts, left=left, how="repairs", gap=gain, probe="G3")
    return remark("audit-probes", probes=[["G8", 0.2]])


def not_auditable(message: str = "two passes over the same images differ") -> Outcome:
    """The audit of a network that none is possible of."""
    why = remark("not-auditable", error="ModelError", message=message)
    facts = AuditFacts(state="not-auditable", attack="FGSM", norm="linf")
    return skipped("gradient-masking", why, audit=facts)
