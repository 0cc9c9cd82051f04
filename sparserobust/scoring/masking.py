"""The verdict of the gradient-masking audit: gaps and probes from what broke which example, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparserobust.records import Table
from sparserobust.scoring.masking_probes import SUPPORTED, Arrays, Bools, Probe, certain, probes_of, union
from sparserobust.stats import newcombe_paired, wilson


@dataclass(frozen=True)
class Audit:
    """What came out: scores as (name, value, facts), robust masks (eps, n), the table of probes, the verdict."""

    scores: list[tuple[str, float | None, dict[str, Any]]]
    reported: Bools
    audited: Bools
    probes: Table
    verdict: str


def audit(arrays: Arrays, eps: Sequence[float], attack: str, *, dense: bool) -> Audit:
    """Gaps, probes and verdict.

    Args:
        arrays: "correct" (n,), for every attack (eps, n) whether it broke the example, facts (n,).
        eps: the budgets.
        attack: the audited one, "fgsm" or "pgd".
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
    verdict = _verdict(probes, gaps, left, n, eps, attack)
    columns = ("probe", "what", "statistic", "value", "limit", "state", "source")
    answers = tuple((p.probe, p.what, p.statistic, p.value, p.limit, p.state, p.source) for p in probes)
    return Audit(
        scores, correct & ~reported, correct & ~everything, Table(columns=columns, rows=answers), verdict
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
    attack: str,
) -> str:
    """One of three words and a sentence; "not auditable" is said before anything is measured."""
    name = {"fgsm": "FGSM", "pgd": "PGD on the cross-entropy"}[attack]
    total = gaps["masking_gap"] + gaps["residual_gap"]
    worst = int(total.argmax())
    how = "once its gradients are repaired"
    if gaps["residual_gap"][worst] > gaps["masking_gap"][worst]:
        how = "once attacks that need no gradient are added"
    failed = {probe.probe: probe for probe in probes if probe.state == "fail"}
    before, after = left["reported"][worst], left["reported"][worst] - total[worst]
    numbers = (
        f"at eps {eps[worst]:g} {name} leaves {100 * before:.1f} %, and {100 * after:.1f} % are left {how}"
    )
    if proof := [failed[p] for p in PROOF if p in failed]:
        gap = total[worst]
        if gap > SUPPORTED:
            return f"artefact proven: {numbers}; {100 * gap:.1f} points are no robustness ({proof[0].probe})"
        return f"artefact proven: {proof[0].probe} fails ({proof[0].statistic}: {proof[0].value:.3g})"
    if "G0" in failed:
        return (
            "upper bound only: the model returns log-probabilities (G0), which attacks take for logits; return what "
            "goes into its log-softmax and audit again"
        )
    if failed:
        why = ", ".join(f"{p.probe} fails ({p.statistic}: {p.value:.3g})" for p in failed.values())
        return f"upper bound only: {why}"
    if total[worst] > SUPPORTED and certain(round(total[worst] * n), 0):
        return f"upper bound only: {numbers}"
    best = int(np.abs(np.array(eps) - 0.1).argmin())
    gain = f"{100 * float(total.max()):.1f} points"
    found = (
        f"no repair and no attack without gradients changes {name} by more than {gain}"
        if total.max() <= SUPPORTED
        else f"what repairs and attacks without gradients gain on {name} ({gain} at most) is within chance for n = {n}"
    )
    return (
        f"supported: {found}; it is a weak attack all the same, and at eps {eps[best]:g} the best attack of this "
        f"audit leaves {100 * float(left['audited'][best]):.1f} % where it leaves "
        f"{100 * float(left['reported'][best]):.1f} %"
    )


def _nothing(correct: Bools, eps: Sequence[float]) -> Audit:
    """No example was right: there is nothing to audit."""
    reason = "no example was classified correctly"
    none = np.zeros((len(eps), len(correct)), dtype=bool)
    columns = ("probe", "what", "statistic", "value", "limit", "state", "source")
    scores: list[tuple[str, float | None, dict[str, Any]]] = [
        ("audited_robust_accuracy", None, {"at": eps[0], "n": len(correct), "reason": reason})
    ]
    return Audit(scores, none, none, Table(columns=columns, rows=()), f"not auditable: {reason}")
