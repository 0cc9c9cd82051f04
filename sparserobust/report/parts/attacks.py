"""The attacks one by one: what each leaves of every network, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparserobust.records import Outcome
from sparserobust.report.attacks import NORM_SIGNS, Robustness
from sparserobust.report.cells import Cell, percent_cell
from sparserobust.report.estimates import estimate, estimate_by
from sparserobust.report.groups import Group, Lineup
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import DASH, bracket, count, fixed, listed, setting_text, significant
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table, scored
from sparserobust.report.readings import AUDIT, attack_name, headline, is_attack, norm_of, ok

FEW = 5  # columns that have room for intervals


@dataclass(frozen=True)
class Cost:
    """What an attack cost for each image and network; `cached` says whether it was measured before.

    Attributes:
        settings: as recorded, the defaults among them.
    """

    name: str
    norm: str
    budget: str
    forward: str
    backward: str
    seconds: str
    cached: str
    settings: str


@dataclass(frozen=True)
class Attacks:
    """The section: a table for each norm, and settings and cost of every attack, those of the audit among them.

    Attributes:
        unlike: sentences about attacks that did not run with the same settings everywhere.
        warned: what the attacks themselves warn of.
    """

    tables: tuple[PlainTable, ...]
    costs: tuple[Cost, ...]
    unlike: tuple[str, ...]
    warned: tuple[str, ...]


def attack_by_attack(found: Judged) -> Attacks | None:
    """The section, None where no attack was scored."""
    outcomes = _outcomes(found.lineup)
    others = {
        name: own
        for name in (AUDIT, "transfer")
        if (own := [o for run in found.lineup.runs if (o := ok(run, name)) is not None])
    }
    if not outcomes and not others:
        return None
    norms = list(dict.fromkeys(_norm(own) for own in outcomes.values()))
    tables = [_table(found, norm, [n for n, own in outcomes.items() if _norm(own) == norm]) for norm in norms]
    warned = {f"{attack_name(name)}: {w}" for name, own in outcomes.items() for o in own for w in o.warnings}
    return Attacks(
        tuple(table for table in tables if table is not None),
        tuple(_cost(name, own, found.lineup) for name, own in {**outcomes, **others}.items()),
        tuple(text for name, own in {**outcomes, **others}.items() if (text := _unlike(name, own))),
        tuple(sorted(warned)),
    )


def _unlike(name: str, outcomes: list[Outcome]) -> str:
    """ "PGD did not run with the same settings on every network: steps 40 and 100", "" where it did."""
    said = [f"{key} {listed(values)}" for key, values in _settings(outcomes).items() if len(values) > 1]
    if not said:
        return ""
    return f"{attack_name(name)} did not run with the same settings on every network: {'; '.join(said)}"


def _settings(outcomes: list[Outcome]) -> dict[str, list[str]]:
    """Every setting with the different values that it had."""
    keys = dict.fromkeys(key for o in outcomes for key in o.settings)
    return {
        key: list(dict.fromkeys(setting_text(o.settings.get(key, "unset"), "by default") for o in outcomes))
        for key in keys
    }


def _outcomes(lineup: Lineup) -> dict[str, list[Outcome]]:
    """Every scored attack with its outcomes, the one that leads first, then those of its norm."""
    found: dict[str, list[Outcome]] = {}
    for run in lineup.runs:
        for name, outcome in run.outcomes.items():
            if ok(run, name) is not None and is_attack(outcome):
                found.setdefault(name, []).append(outcome)
    lead = lineup.attack[0] if lineup.attack else ""
    norm = _norm(found[lead]) if lead in found else ""

    def place(name: str) -> tuple[bool, bool, str]:
        return name != lead, _norm(found[name]) != norm, name

    return {name: found[name] for name in sorted(found, key=place)}


def _norm(outcomes: Sequence[Outcome]) -> str:
    return next((norm for o in outcomes if (norm := norm_of(o))), "")


def _budget(outcomes: Sequence[Outcome]) -> float | None:
    """The headline budget that most outcomes of an attack have."""
    stated = [budget for o in outcomes if (budget := headline(o)) is not None]
    return max(sorted(set(stated)), key=stated.count) if stated else None


def _table(found: Judged, norm: str, names: list[str]) -> PlainTable | None:
    lineup = found.lineup
    outcomes = _outcomes(lineup)
    sign = NORM_SIGNS.get(norm, "")
    budgets = {name: _budget(outcomes[name]) for name in names}
    columns: list[tuple[Column, Build]] = []
    worst = lineup.worst(norm) if norm else None
    shared = {budgets[name] for name in worst.attacks} if worst is not None else set()
    eps = shared.pop() if len(shared) == 1 else None
    dim = len(names) <= FEW
    if worst is not None and len(worst.attacks) > 1 and eps is not None:
        columns.append(
            (Column("worst case", f"{_at(sign)} = {eps:g}"), _worst(Robustness(worst, eps), dim=dim))
        )
    for name in names:
        column = Column(_short(name, sign), f"{_at(sign)} = {budgets[name]:g}")
        columns.append((column, _left(name, budgets[name], dim=dim)))
    if "fgsm" in names:
        columns.append((Column("FGSM, area", "mean ε withstood"), _area))
        columns.append((Column("FGSM, chance", "from ε on"), scored("fgsm", "eps_at_chance", significant)))
    title = f"Robust accuracy, {sign}, %" if sign else "Robust accuracy, %"
    return plain_table(found, title, columns)


def _at(sign: str) -> str:
    return "ε" if sign == "ℓ∞" else sign or "ε"


def _short(name: str, sign: str) -> str:
    """The attack's name without the norm that the title says."""
    return attack_name(name).removesuffix(f" {sign}")


def _left(name: str, eps: float | None, *, dim: bool) -> Build:
    return lambda group: percent_cell(estimate(group, name, "robust_accuracy", at=eps), dim=dim)


def _worst(robust: Robustness, *, dim: bool) -> Build:
    return lambda group: percent_cell(estimate_by(group, robust.reading), dim=dim)


def _area(group: Group) -> Cell:
    e = estimate(group, "fgsm", "area_under_curve")
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    if e.seeds > 1 and e.half is not None:
        return Cell(fixed(e.value, 3), f"± {fixed(e.half, 3)}")
    return Cell(fixed(e.value, 3), bracket(e.low, e.high, 3))


def _cost(name: str, outcomes: list[Outcome], lineup: Lineup) -> Cost:
    sizes = {id(run.outcomes[name]): run.data.n for run in lineup.runs if name in run.outcomes}
    budget = _budget(outcomes)
    sign = NORM_SIGNS.get(_norm(outcomes), "")
    cached, n = sum(o.cached for o in outcomes), sum(sizes[id(o)] for o in outcomes)

    def passes(kind: str) -> str:
        return _range([o.passes.get(kind, 0) / sizes[id(o)] for o in outcomes], 0)

    return Cost(
        name=_short(name, sign),
        norm=sign or DASH,
        budget=DASH if budget is None else f"{budget:g}",
        forward=passes("forward"),
        backward=passes("backward"),
        seconds=_range([o.seconds for o in outcomes], 1),
        settings=", ".join(f"{key} {' or '.join(values)}" for key, values in _settings(outcomes).items()),
        cached="no" if cached == 0 else "all" if cached >= n else f"{count(cached)} of {count(n)} images",
    )


def _range(values: Sequence[float], digits: int) -> str:
    few, many = fixed(min(values), digits), fixed(max(values), digits)
    return few if few == many else f"{few} to {many}"
