"""How close each minimum-norm attack comes to the nearest images that any of them found."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis.attacks import norm_of
from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import ok
from sparserobust.records import Norm
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.attacks import attack_name, attack_names, norm_sign
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import fixed, listed
from sparserobust.report.text.remarks import sentence

SCORE = "optimality"
ENOUGH = 0.95  # below, the distances are longer than they need be


@dataclass(frozen=True)
class Optimality:
    """The table of xi, and sentences about attacks that fall short or could not be compared."""

    table: PlainTable | None
    warnings: tuple[str, ...]
    unknown: tuple[str, ...]


def optimality(found: Findings) -> Optimality | None:
    """The part, None where no record holds the score."""
    lineup = found.lineup
    attacks: dict[str, Norm | None] = {
        name: norm_of(outcome)
        for run in lineup.runs
        for name, outcome in run.outcomes.items()
        if outcome.status == "ok" and outcome.attack is not None and outcome.curve(SCORE)
    }
    if not attacks:
        return None
    columns = [
        (Column(attack_name(name, lineup, norm=norm), f"{norm_sign(norm)}, ξ".removeprefix(", ")), _xi(name))
        for name, norm in sorted(attacks.items(), key=lambda item: (item[1] or "", item[0]))
    ]
    return Optimality(
        plain_table(found, "How near the attacks come", columns),
        tuple(text for name in sorted(attacks) if (text := _warning(lineup, name))),
        tuple(dict.fromkeys(text for name in sorted(attacks) if (text := _unknown(lineup, name)))),
    )


def _xi(name: str) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, SCORE, evaluator=name)
        if e.value is None:
            return missing(e.reason)
        return Cell(fixed(e.value, 3), alert=e.value < ENOUGH)

    return build


def _warning(lineup: Lineup, name: str) -> str:
    """ "Carlini–Wagner: the distances of this attack are longer than needed: ξ = 0.912 (SNIP 0.9)"."""
    short = [
        f"ξ = {fixed(value, 3)} ({row_title(group)})"
        for group in lineup.groups
        if (value := estimate(group, SCORE, evaluator=name).value) is not None and value < ENOUGH
    ]
    if not short:
        return ""
    return (
        f"{attack_name(name, lineup)}: the distances of this attack are longer than needed: {listed(short)}"
    )


def _unknown(lineup: Lineup, name: str) -> str:
    """Why it has no xi on any network, "" where it has one."""
    scores = [o.score(SCORE) for run in lineup.runs if (o := ok(run, name)) is not None and o.curve(SCORE)]
    if not scores or any(score.value is not None for score in scores):
        return ""
    reason = scores[0].reason
    return (
        f"{attack_name(name, lineup)}: {sentence(reason, attack_names(lineup)) if reason else 'not measured'}"
    )
