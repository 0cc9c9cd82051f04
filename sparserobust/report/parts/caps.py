"""Carlini-Wagner at one distance: two rules of success, and SNIP-it's figure split in its parts."""

from __future__ import annotations

from sparserobust.report.cells import Cell, median_cell
from sparserobust.report.checks import NONE
from sparserobust.report.estimates import clean_accuracy, estimate
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import (
    DASH,
    percent,
)
from sparserobust.report.parts.tables import Column, PlainTable, plain_table, scored
from sparserobust.report.readings import headline, ok


def distance_caps(found: Judged) -> PlainTable | None:
    """Carlini-Wagner at its headline cap: two rules of success, and SNIP-it's figure split in its parts."""
    cw = "carlini-wagner"
    caps = [cap for run in found.lineup.runs if (o := ok(run, cw)) and (cap := headline(o)) is not None]
    if not caps:
        return None
    cap = max(set(caps), key=caps.count)
    where = f"at ℓ₂ = {cap:g}, %"
    return plain_table(
        found,
        "Carlini–Wagner at one distance",
        [
            (Column("median ℓ₂", "initially correct"), _median),
            (Column("not found", "images"), lambda g: _not_found(g, found)),
            (Column("robust accuracy", where), scored(cw, "robust_accuracy", percent, at=cap)),
            (Column("success, within", where), scored(cw, "attack_success_rate", percent, at=cap)),
            (Column("success, rescaled", where), scored(cw, "rescaled_success_rate", percent, at=cap)),
            (Column("SNIP-it’s figure", "clean error + success, %"), lambda g: _paper(g, cap)),
        ],
    )


def _median(group: Group) -> Cell:
    return median_cell(estimate(group, "carlini-wagner", "median_l2"))


def _not_found(group: Group, found: Judged) -> Cell:
    evidence = found.trust[found.lineup.groups.index(group)].evidence.get("found", NONE)
    return Cell(evidence.text, alert=evidence.level > 0)


def _paper(group: Group, cap: float) -> Cell:
    whole = estimate(group, "carlini-wagner", "paper_success", at=cap)
    top1 = clean_accuracy(group)
    if whole.value is None:
        return Cell(DASH, reason=whole.reason)
    if top1.value is None:
        return Cell(percent(whole.value))
    error = 1 - top1.value
    return Cell(percent(whole.value), f"= {percent(error)} + {percent(whole.value - error)}")
