"""The verdict of the gradient-masking audit: gaps and probes from what broke which example, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import AuditState, Remark, Table, remark
from sparserobust.scoring.masking_probes import SUPPORTED, Arrays, Bools, Probe, certain, probes_of, union
from sparserobust.stats import newcombe_paired, wilson

COLUMNS = ("probe", "state", "value", "warn", "fail", "low", "detail")
NOTHING_CORRECT = remark("nothing-correct")


@dataclass(frozen=True)
class Audit:
    """What came out: scores as (name, value, facts), robust masks (eps, n), the table of probes, state and verdict."""

    scores: list[tuple[str, float | None, dict[str, Any]]]
    reported: Bools
    audited: Bools
    probes: Table
    state: AuditState
    verdict: Remark


def audit(arrays: Arrays, eps: Sequence[float], title: str, *, dense: bool) -> Audit:
    """Gaps, probes and verdict.

    Args:
        arrays: "correct" (n,), for every attack (eps, n) whether it broke the example, facts (n,).
        eps: the budgets.
        title: of the audited attack.
        dense: whether a dense model lent its images.
    """
    correct: Bools = arrays["correct"]
    n, m = len(correct), int(correct.sum())
    if m == 0:
        return _nothing(correct, eps)
    reported = arrays["reported"]
    repairs = {name: arrays[name] for name in arrays if name.startswith("repaired by ")}
    best = _best(reported, repairs)
    gradient = union(
        arrays, "reported", *repairs, "pgd margin", "pgd cross-entropy", "pgd, twice the steps", "ddn"
    )
    blind = union(arrays, "square", "noise", *(["transfer"] if dense else []))
    everything = gradient | blind
    rows = range(len(eps))
    intervals = {
        "masking_gap": [newcombe_paired(best[row], reported[row]) for row in rows],
        "attack_slack": [newcombe_paired(gradient[row], best[row]) for row in rows],
        "residual_gap": [newcombe_paired(everything[row], gradient[row]) for row in rows],
    }
    gaps = {name: np.array([gap.difference for gap in found]) for name, found in intervals.items()}
    left = {
        "reported": (m - reported.sum(axis=1)) / n,
        "repaired": (m - best.sum(axis=1)) / n,
        "gradient": (m - gradient.sum(axis=1)) / n,
        "audited": (m - everything.sum(axis=1)) / n,
    }
    probes = probes_of(arrays, correct, reported, repairs, gradient, dense=dense)
    scores: list[tuple[str, float | None, dict[str, Any]]] = []
    for row, point in enumerate(eps):
        for name, values in left.items():
            share = float(values[row])
            bounds = wilson(round(share * n), n)
            facts = {"at": point, "n": n, "ci_low": bounds.low, "ci_high": bounds.high}
            middle = point == min(eps, key=lambda e: abs(e - 0.1))
            scores.append(
                (f"{name}_robust_accuracy", share, facts | {"headline": middle and name == "audited"})
            )
        for name, found in intervals.items():
            gap = found[row]
            scores.append(
                (name, gap.difference, {"at": point, "n": n, "ci_low": gap.low, "ci_high": gap.high})
            )
    artefact = gaps["masking_gap"] + gaps["residual_gap"]
    shares = np.divide(artefact, left["reported"], out=np.zeros_like(artefact), where=left["reported"] > 0)
    scores.append(("artefact_share", float(shares.max()), {"n": n}))
    state, verdict = _verdict(probes, gaps, left, n, eps, title)
    answers = tuple((p.probe, p.state, p.value, p.warn, p.fail, p.low, p.detail) for p in probes)
    return Audit(
        scores,
        correct & ~reported,
        correct & ~everything,
        Table(columns=COLUMNS, rows=answers),
        state,
        verdict,
    )


def _best(reported: Bools, repairs: dict[str, Bools]) -> Bools:
    """(eps, n): what the best single repair breaks at each eps, or the attack as it is.

    One repair, not the union of all: several tries at random directions break more examples on any model.
    """
    tries = np.stack([reported, *repairs.values()])
    winner = tries.sum(axis=2).argmax(axis=0)
    best: Bools = tries[winner, np.arange(len(reported))]
    return best


PROOF = ("G3", "G8", "G9", "G10")


def _verdict(
    probes: list[Probe],
    gaps: dict[str, NDArray[np.float64]],
    left: dict[str, NDArray[np.float64]],
    n: int,
    eps: Sequence[float],
    title: str,
) -> tuple[AuditState, Remark]:
    """The state and why; "not-auditable" is said before anything is measured."""
    total = gaps["masking_gap"] + gaps["residual_gap"]
    worst = int(total.argmax())
    blind = gaps["residual_gap"][worst] > gaps["masking_gap"][worst]
    failed = {probe.probe: probe for probe in probes if probe.state == "fail"}
    gain: dict[str, Any] = {
        "attack": title,
        "eps": eps[worst],
        "reported": float(left["reported"][worst]),
        "left": float(left["reported"][worst] - total[worst]),
        "how": "no-gradient-attacks" if blind else "repairs",
    }
    if proof := [failed[p] for p in PROOF if p in failed]:
        first = proof[0]
        if total[worst] > SUPPORTED:
            why = remark("audit-gain", **gain, gap=float(total[worst]), probe=first.probe)
        else:
            why = remark("audit-probes", probes=[[first.probe, first.value]])
        return "artefact-proven", why
    if "G0" in failed:
        return "upper-bound", remark("audit-log-probabilities")
    if failed:
        return "upper-bound", remark("audit-probes", probes=[[p.probe, p.value] for p in failed.values()])
    if total[worst] > SUPPORTED and certain(round(total[worst] * n), 0):
        return "upper-bound", remark("audit-gain", **gain, gap=None, probe=None)
    best = int(np.abs(np.array(eps) - 0.1).argmin())
    return "supported", remark(
        "audit-no-gain",
        attack=title,
        gain=float(total.max()),
        within_chance=bool(total.max() > SUPPORTED),
        n=n,
        eps=eps[best],
        audited=float(left["audited"][best]),
        reported=float(left["reported"][best]),
    )


def _nothing(correct: Bools, eps: Sequence[float]) -> Audit:
    """No example was right: there is nothing to audit."""
    none = np.zeros((len(eps), len(correct)), dtype=bool)
    scores: list[tuple[str, float | None, dict[str, Any]]] = [
        ("audited_robust_accuracy", None, {"at": eps[0], "n": len(correct), "reason": NOTHING_CORRECT})
    ]
    return Audit(scores, none, none, Table(columns=COLUMNS, rows=()), "not-auditable", NOTHING_CORRECT)
