"""What a difference to dense comes to, in words."""

from __future__ import annotations

from sparserobust.analysis.differences import Difference, Result
from sparserobust.report.text.numbers import plural
from sparserobust.report.text.remarks import sentence

RESULTS: dict[Result, str] = {
    "higher": "higher",
    "lower": "lower",
    "not-distinguishable": "not distinguishable",
    "ns-after-holm": "n.s. after Holm",
    "not-ranked": "not ranked",
    "no-claim": "no claim",
    "not-compared": "",
}


def result_text(d: Difference) -> str:
    """ "higher", "no claim: 2 seeds"."""
    word = RESULTS[d.result]
    return f"{word}: {plural(d.n, 'seed')}" if d.result == "no-claim" else word


def difference_reason(d: Difference) -> str:
    """Why there is no difference, "" where there is one."""
    if d.reason is None:
        return ""
    text = sentence(d.reason)
    return f"{RESULTS['not-ranked']}: {text}" if d.result == "not-ranked" else text
