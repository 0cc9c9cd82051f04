"""The verdict of the gradient-masking audit: gaps and probes from what broke which example, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparserobust.audit.evidence import Arrays, Bools, Evidence
from sparserobust.audit.probes import PROBES, PROOF, SUPPORTED, Answer
from sparserobust.records import AuditState, Remark, Table, remark
from sparserobust.stats import mcnemar_midp, newcombe_paired, wilson

COLUMNS = ("probe", "state", "value", "warn", "fail", "low", "detail")
NOTHING_CORRECT = remark("nothing-correct")
HEADLINE = 0.1
"""The eps nearest to this one is the headline's."""

ScoreFacts = tuple[str, float | None, dict[str, Any]]
"""(name, value, facts) of one score."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Audit:
    """What came out: scores, robust masks (eps, n), the table of probes, state and verdict."""

    scores: list[ScoreFacts]
    reported: Bools
    audited: Bools
    probes: Table
    state: AuditState
    verdict: Remark


def audit(arrays: Arrays, eps: Sequence[float], title: str, *, dense: bool) -> Audit:
    """Gaps, probes and verdict.

    Args:
        arrays: as `Evidence` has them.
        eps: the budgets.
        title: of the audited attack.
        dense: whether a dense model lent its images.
    """
    found = Evidence(arrays, dense)
    if found.m == 0:
        return _nothing(found.correct, eps)
    intervals = {
        name: [newcombe_paired(more[row], fewer[row]) for row in range(len(eps))]
        for name, more, fewer in (
            ("masking_gap", found.best, found.reported),
            ("attack_slack", found.gradient, found.best),
            ("residual_gap", found.everything, found.gradient),
        )
    }
    gaps = {name: np.array([gap.difference for gap in own]) for name, own in intervals.items()}
    left = {
        name: (found.m - broken.sum(axis=1)) / found.n
        for name, broken in (
            ("reported", found.reported),
            ("repaired", found.best),
            ("gradient", found.gradient),
            ("audited", found.everything),
        )
    }
    middle = _nearest(eps)
    scores: list[ScoreFacts] = []
    for row, point in enumerate(eps):
        for name, values in left.items():
            share, headline = float(values[row]), row == middle and name == "audited"
            bounds = wilson(round(share * found.n), found.n)
            facts = {"n": found.n, "ci_low": bounds.low, "ci_high": bounds.high, "headline": headline}
            scores.append((f"{name}_robust_accuracy", share, {"at": point, **facts}))
        for name, own in intervals.items():
            facts = {"n": found.n, "ci_low": own[row].low, "ci_high": own[row].high}
            scores.append((name, own[row].difference, {"at": point, **facts}))
    artefact = gaps["masking_gap"] + gaps["residual_gap"]
    shares = np.divide(artefact, left["reported"], out=np.zeros_like(artefact), where=left["reported"] > 0)
    scores.append(("artefact_share", float(shares.max()), {"n": found.n}))
    answers = {name: probe(found) for name, probe in PROBES.items()}
    state, verdict = _verdict(answers, gaps, left, found.n, eps, title)
    rows = tuple((name, *vars(answer).values()) for name, answer in answers.items())
    return Audit(
        scores,
        found.correct & ~found.reported,
        found.correct & ~found.everything,
        Table(columns=COLUMNS, rows=rows),
        state,
        verdict,
    )


def _verdict(
    answers: dict[str, Answer],
    gaps: dict[str, Floats],
    left: dict[str, Floats],
    n: int,
    eps: Sequence[float],
    title: str,
) -> tuple[AuditState, Remark]:
    """The state and why; "not-auditable" is said before anything is measured."""
    total = gaps["masking_gap"] + gaps["residual_gap"]
    worst = int(total.argmax())
    blind = gaps["residual_gap"][worst] > gaps["masking_gap"][worst]
    failed = {name: answer.value for name, answer in answers.items() if answer.state == "fail"}
    gain: dict[str, Any] = {
        "attack": title,
        "eps": eps[worst],
        "reported": float(left["reported"][worst]),
        "left": float(left["reported"][worst] - total[worst]),
        "how": "no-gradient-attacks" if blind else "repairs",
    }
    if proof := [name for name in PROOF if name in failed]:
        first = proof[0]
        if total[worst] > SUPPORTED:
            why = remark("audit-gain", **gain, gap=float(total[worst]), probe=first)
        else:
            why = remark("audit-probes", probes=[[first, failed[first]]])
        return "artefact-proven", why
    if "G0" in failed:
        return "upper-bound", remark("audit-log-probabilities")
    if failed:
        return "upper-bound", remark("audit-probes", probes=[list(item) for item in failed.items()])
    if total[worst] > SUPPORTED and certain(round(total[worst] * n), 0):
        return "upper-bound", remark("audit-gain", **gain, gap=None, probe=None)
    middle = _nearest(eps)
    return "supported", remark(
        "audit-no-gain",
        attack=title,
        gain=float(total.max()),
        within_chance=bool(total.max() > SUPPORTED),
        n=n,
        eps=eps[middle],
        audited=float(left["audited"][middle]),
        reported=float(left["reported"][middle]),
    )


def certain(only_new: int, only_old: int) -> bool:
    """Whether so many discordant examples are a difference (McNemar's mid-p below 0.01): from 7 against none."""
    return mcnemar_midp(only_new, only_old) < 0.01


def _nearest(eps: Sequence[float]) -> int:
    """The place of the headline's budget."""
    return int(np.abs(np.array(eps) - HEADLINE).argmin())


def _nothing(correct: Bools, eps: Sequence[float]) -> Audit:
    """No example was right: there is nothing to audit."""
    none = np.zeros((len(eps), len(correct)), dtype=bool)
    scores: list[ScoreFacts] = [
        ("audited_robust_accuracy", None, {"at": eps[0], "n": len(correct), "reason": NOTHING_CORRECT})
    ]
    return Audit(scores, none, none, Table(columns=COLUMNS, rows=()), "not-auditable", NOTHING_CORRECT)
