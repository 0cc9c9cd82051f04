"""How close each minimum-norm attack comes to the nearest images that any of them found."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.attacks import NORM_SIGNS
from sparserobust.report.cells import Cell
from sparserobust.report.estimates import estimate
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import DASH, fixed, listed
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table
from sparserobust.report.readings import attack_name, norm_of, ok

SCORE = "optimality"
ENOUGH = 0.95  # below, the distances are longer than they need be


@dataclass(frozen=True)
class Optimality:
    """The table of xi, and sentences about attacks that fall short or could not be compared."""

    table: PlainTable | None
    warnings: tuple[str, ...]
    unknown: tuple[str, ...]


def optimality(found: Judged) -> Optimality | None:
    """The part, None where no record holds the score."""
    lineup = found.lineup
    attacks = {
        name: norm_of(outcome) or ""
        for run in lineup.runs
        for name, outcome in run.outcomes.items()
        if outcome.status == "ok" and outcome.curve(SCORE)
    }
    if not attacks:
        return None
    columns = [
        (Column(attack_name(name).removesuffix(f" {sign}"), f"{sign}, ξ"), _xi(name))
        for name, norm in sorted(attacks.items(), key=lambda item: (item[1], item[0]))
        if (sign := NORM_SIGNS.get(norm, norm)) is not None
    ]
    return Optimality(
        plain_table(found, "How near the attacks come", columns),
        tuple(text for name in sorted(attacks) if (text := _warning(lineup, name))),
        tuple(dict.fromkeys(text for name in sorted(attacks) if (text := _unknown(lineup, name)))),
    )


def _xi(name: str) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, name, SCORE)
        if e.value is None:
            return Cell(DASH, reason=e.reason)
        return Cell(fixed(e.value, 3), alert=e.value < ENOUGH)

    return build


def _warning(lineup: Lineup, name: str) -> str:
    """ "Carlini–Wagner: the distances of this attack are longer than needed: ξ = 0.912 (SNIP 0.9)"."""
    short = [
        f"ξ = {fixed(value, 3)} ({group.title})"
        for group in lineup.groups
        if (value := estimate(group, name, SCORE).value) is not None and value < ENOUGH
    ]
    if not short:
        return ""
    return f"{attack_name(name)}: the distances of this attack are longer than needed: {listed(short)}"


def _unknown(lineup: Lineup, name: str) -> str:
    """Why it has no xi on any network, "" where it has one."""
    scores = [o.score(SCORE) for run in lineup.runs if (o := ok(run, name)) is not None and o.curve(SCORE)]
    if not scores or any(score.value is not None for score in scores):
        return ""
    return f"{attack_name(name)}: {scores[0].reason}"
