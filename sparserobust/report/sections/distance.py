"""Success against the l2 distance, and each minimum-norm attack in l2 at one distance."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis import nearest
from sparserobust.analysis.checks import NOT_FOUND_LOOK
from sparserobust.analysis.estimates import clean_accuracy, estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.worst_case import WorstCase
from sparserobust.records import Norm
from sparserobust.report.figures import distance
from sparserobust.report.figures.panels import Grid, Panel, by_method, places
from sparserobust.report.sections.section import Section
from sparserobust.report.table.cells import Cell, median_cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table, scored
from sparserobust.report.text.attacks import attack_name, budget_text, left_out, norm_sign, worst_name
from sparserobust.report.text.numbers import count, listed, percent
from sparserobust.report.text.remarks import capital

NORM: Norm = "l2"


@dataclass(frozen=True)
class AgainstDistance:
    """Curves of the nearest images, and tables of the attacks that looked for them.

    Attributes:
        facts: sentences that depend on the records.
        name: of what breaks the images.
        tables: of each minimum-norm attack at its headline cap.
    """

    grids: tuple[Grid, ...]
    facts: tuple[str, ...]
    name: str
    tables: tuple[PlainTable, ...]


class DistanceSection(Section):
    """Success against the l2 distance."""

    id: ClassVar[str] = "distance"
    title: ClassVar[str] = "Against distance"
    place: ClassVar[float] = 60
    shows: ClassVar[Collection[str]] = frozenset({f"median_{NORM}", "rescaled_success_rate", "paper_success"})

    def build(self, findings: Findings) -> AgainstDistance | None:
        """The section, None where no minimum-norm attack in l2 was scored."""
        lineup = findings.lineup
        caps = nearest.caps(lineup, NORM)
        tables = tuple(
            table for name, cap in caps.items() if (table := _at_cap(findings, name, cap)) is not None
        )
        worst = lineup.worst(NORM)
        panels = _panels(findings, worst) if worst is not None and _has_distances(lineup, worst) else ()
        if worst is None or not panels:
            names = listed([attack_name(name, lineup, norm=NORM) for name in caps])
            return AgainstDistance((), (), names, tables) if tables else None
        if lineup.seeds > 1:
            fact = "Mean over seeds; bands are pointwise 95 % intervals over seeds (Student’s t)."
        else:
            fact = "Bands hold for the whole curve at once (simultaneous 95 %, DKW)."
        name = worst_name(worst, lineup) if len(worst.attacks) == 1 else f"the {worst_name(worst, lineup)}"
        return AgainstDistance((Grid(panels),), (fact, *left_out(worst, lineup)), name, tables)


def _panels(found: Findings, worst: WorstCase) -> tuple[Panel, ...]:
    """Success against the distance of the nearest image that any attack found, a panel per method."""
    lineup = found.lineup
    suspicious, collapsed = places(found, "artefact", "diverged"), places(found, "collapsed")
    end = distance.reach([g for i, g in enumerate(lineup.groups) if i not in collapsed], worst)
    if end is None:
        return ()
    return by_method(
        found,
        "l2-",
        lambda ax, own: distance.draw(
            ax, lineup, own, worst, end=end, suspicious=suspicious, collapsed=collapsed
        ),
        lambda g: any(nearest.distances(run, worst) is not None for run in g.runs),
        aside="examples broken, %",
        title=f"share of correct images broken within an {NORM} distance, dense dashed",
    )


def _has_distances(lineup: Lineup, worst: WorstCase) -> bool:
    """Whether one of the attacks looks for the nearest image; those of fixed budgets alone make steps."""
    return any(
        "distance" in run.outcomes[name].per_example
        for run in lineup.runs
        for name in worst.attacks
        if name in run.outcomes
    )


def _at_cap(found: Findings, attack: str, cap: float) -> PlainTable | None:
    """One attack at its headline cap: two rules of success, and SNIP-it's figure split in its parts."""
    where = f"at {budget_text(NORM, cap)}, %"

    def at_cap(score: str) -> Build:
        return scored(score, percent, evaluator=attack, at=cap)

    return plain_table(
        found,
        capital(f"{attack_name(attack, found.lineup, norm=NORM)} at one distance"),
        [
            (Column(f"median {norm_sign(NORM)}", "initially correct"), lambda g: _median(g, attack)),
            (Column("not found", "images"), lambda g: _not_found(g, attack)),
            (Column("robust accuracy", where), at_cap("robust_accuracy")),
            (Column("success, within", where), at_cap("attack_success_rate")),
            (Column("success, rescaled", where), at_cap("rescaled_success_rate")),
            (Column("SNIP-it’s figure", "clean error + success, %"), lambda g: _paper(g, attack, cap)),
        ],
    )


def _median(group: Group, attack: str) -> Cell:
    return median_cell(estimate(group, f"median_{NORM}", evaluator=attack))


def _not_found(group: Group, attack: str) -> Cell:
    lost, of = nearest.not_found(group, WorstCase(NORM, (attack,)))
    return Cell(f"{count(lost)} of {count(of)}", alert=lost > NOT_FOUND_LOOK * of) if of else missing(None)


def _paper(group: Group, attack: str, cap: float) -> Cell:
    whole = estimate(group, "paper_success", evaluator=attack, at=cap)
    top1 = clean_accuracy(group)
    if whole.value is None:
        return missing(whole.reason)
    if top1.value is None:
        return Cell(percent(whole.value))
    error = 1 - top1.value
    return Cell(percent(whole.value), f"= {percent(error)} + {percent(whole.value - error)}")
