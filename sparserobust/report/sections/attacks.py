"""The attacks one by one: what each leaves of every network, what it is, and what it cost."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.attacks import ROBUST, is_attack, scored_attacks
from sparserobust.analysis.estimates import estimate, estimate_by
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.readings import ok
from sparserobust.analysis.worst_case import Robustness
from sparserobust.records import SAID, Norm, Outcome, Run
from sparserobust.report.sections.attack_costs import Cost, common_budget, common_norm, costs, unlike
from sparserobust.report.sections.section import Section
from sparserobust.report.sections.transfer import outcome_of
from sparserobust.report.table.cells import Cell, median_cell, missing, percent_cell
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table, scored
from sparserobust.report.text.attacks import attack_name, attack_names, budget_sign, budget_text, norm_sign
from sparserobust.report.text.names import row_title
from sparserobust.report.text.numbers import bracket, fixed, listed, significant
from sparserobust.report.text.remarks import Names, sentence

FEW = 5  # columns that have room for intervals
AREA, CHANCE = "area_under_curve", "eps_at_chance"
MEDIANS: dict[Norm, str] = {"linf": "median_linf", "l1": "median_l1", "l0": "median_l0"}


@dataclass(frozen=True)
class Attacks:
    """The section: a table for each norm, and settings and cost of every attack, those of the audit among them.

    Attributes:
        unlike: sentences about attacks that did not run with the same settings everywhere.
        warned: what the attacks themselves warn of; `said`: what those of somebody else say in their own words.
    """

    tables: tuple[PlainTable, ...]
    costs: tuple[Cost, ...]
    unlike: tuple[str, ...]
    warned: tuple[str, ...]
    said: tuple[str, ...]


class AttacksSection(Section):
    """The attacks one by one: a table for each norm, then settings and cost of every attack."""

    id: ClassVar[str] = "attacks"
    title: ClassVar[str] = "Attacks"
    place: ClassVar[float] = 30
    shows: ClassVar[Collection[str]] = frozenset(
        {ROBUST, "attack_success_rate", "cumulative_robust_accuracy", AREA, CHANCE, *MEDIANS.values()}
    )

    def build(self, findings: Findings) -> Attacks | None:
        """The section, None where no attack was scored."""
        lineup = findings.lineup
        attacks = _attacks(lineup)
        every = {**attacks, **_others(lineup)}
        if not every:
            return None
        names = {**{name: own[0].title or name for name, own in every.items()}, **attack_names(lineup)}
        by_norm: dict[Norm | None, list[str]] = {}
        for name, own in attacks.items():
            by_norm.setdefault(common_norm(own), []).append(name)
        tables = [_table(findings, norm, own) for norm, own in by_norm.items()]
        warned = {
            f"{names[name]}: {sentence(warning, names)}"
            for name, own in attacks.items()
            for outcome in own
            for warning in outcome.warnings
        }
        return Attacks(
            tuple(table for table in tables if table is not None),
            costs(every, lineup),
            tuple(text for name, own in every.items() if (text := unlike(names[name], own))),
            tuple(sorted(warned)),
            _said(lineup, attacks, names),
        )

    def stands_here(self, score: str, outcome: Outcome, run: Run, lineup: Lineup) -> bool:
        """Whether it is that of an attack."""
        return outcome.attack is not None


def _attacks(lineup: Lineup) -> dict[str, list[Outcome]]:
    """Every scored attack with its outcomes, the one that leads first, then those of its norm."""
    found = scored_attacks(lineup.runs)
    lead = lineup.attack[0] if lineup.attack else ""
    norm = common_norm(found.get(lead, []))

    def place(name: str) -> tuple[bool, bool, str]:
        return name != lead, common_norm(found[name]) != norm, name

    return {name: found[name] for name in sorted(found, key=place)}


def _others(lineup: Lineup) -> dict[str, list[Outcome]]:
    """What attacks the networks beside the attacks: audits, and images of another network."""
    found: dict[str, list[Outcome]] = {}
    for audits in (True, False):
        for run in lineup.runs:
            for name, outcome in run.outcomes.items():
                scored = ok(run, name) is not None and not is_attack(outcome)
                if scored and (outcome.audit is not None if audits else outcome is outcome_of(run)):
                    found.setdefault(name, []).append(outcome)
    return found


def _said(lineup: Lineup, attacks: dict[str, list[Outcome]], names: Names) -> tuple[str, ...]:
    """What attacks conclude in their own words, and of which rows."""
    found: dict[str, list[str]] = {}
    for group in lineup.groups:
        for run in group.runs:
            for name in attacks:
                outcome = ok(run, name)
                if outcome is not None and outcome.verdict is not None and outcome.verdict.code == SAID:
                    text = f"{names[name]}: {sentence(outcome.verdict)}"
                    found.setdefault(text, []).append(row_title(group))
    return tuple(f"{text} ({listed(list(dict.fromkeys(who)))})" for text, who in found.items())


def _table(found: Findings, norm: Norm | None, names: list[str]) -> PlainTable | None:
    lineup, dim = found.lineup, len(names) <= FEW
    outcomes = scored_attacks(lineup.runs)
    budgets = {name: common_budget(outcomes[name]) for name in names}
    columns: list[tuple[Column, Build]] = []
    worst = lineup.worst(norm) if norm is not None else None
    shared = {budgets[name] for name in worst.attacks} if worst is not None else set()
    eps = shared.pop() if len(shared) == 1 else None
    if worst is not None and len(worst.attacks) > 1 and eps is not None:
        columns.append(
            (Column("worst case", budget_text(norm, eps)), _worst(Robustness(worst, eps), dim=dim))
        )
    for name in names:
        at = budgets[name]
        column = Column(attack_name(name, lineup, norm=norm), "" if at is None else budget_text(norm, at))
        columns.append((column, _left(name, at, dim=dim)))
    for name in names:
        columns += _further(lineup, name, norm, outcomes[name])
    title = f"Robust accuracy, {norm_sign(norm)}, %" if norm is not None else "Robust accuracy, %"
    return plain_table(found, title, columns)


def _left(name: str, eps: float | None, *, dim: bool) -> Build:
    return lambda group: percent_cell(estimate(group, ROBUST, evaluator=name, at=eps), dim=dim)


def _worst(robust: Robustness, *, dim: bool) -> Build:
    return lambda group: percent_cell(estimate_by(group, robust.reading), dim=dim)


def _further(
    lineup: Lineup, name: str, norm: Norm | None, outcomes: Sequence[Outcome]
) -> list[tuple[Column, Build]]:
    """Beside the accuracy that an attack leaves: its area, the budget of chance, and its median distance.

    Medians in l2 stand with the other distances in l2.
    """
    measured = {score.name for outcome in outcomes for score in outcome.scores}
    called, sign = attack_name(name, lineup, norm=norm), budget_sign(norm)
    columns: list[tuple[Column, Build]] = []
    if AREA in measured:
        columns.append((Column(f"{called}, area", f"mean {sign} withstood"), _area(name)))
    if CHANCE in measured:
        build = scored(CHANCE, significant, evaluator=name)
        columns.append((Column(f"{called}, chance", f"from {sign} on"), build))
    for own, median in MEDIANS.items():
        if median in measured:
            columns.append((Column(f"{called}, median", f"{norm_sign(own)} distance"), _median(name, median)))
    return columns


def _median(name: str, score: str) -> Build:
    return lambda group: median_cell(estimate(group, score, evaluator=name))


def _area(name: str) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, AREA, evaluator=name)
        if e.value is None:
            return missing(e.reason)
        if e.seeds > 1 and e.half is not None:
            return Cell(fixed(e.value, 3), f"± {fixed(e.half, 3)}")
        return Cell(fixed(e.value, 3), bracket(e.low, e.high, 3))

    return build
