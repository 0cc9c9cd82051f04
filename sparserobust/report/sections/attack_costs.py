"""What each attack is, the settings that it ran with, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparserobust.analysis.attacks import headline, norm_of
from sparserobust.analysis.lineup import Lineup
from sparserobust.records import Norm, Outcome
from sparserobust.report.text.attacks import attack_name, norm_sign
from sparserobust.report.text.facts import attack_facts
from sparserobust.report.text.numbers import DASH, count, fixed, listed, setting_text


@dataclass(frozen=True)
class Cost:
    """What an attack cost for each image and network; `cached` says whether it was measured before.

    Attributes:
        settings: as recorded, the defaults among them; `facts`: what kind of attack it is, and its source.
    """

    name: str
    norm: str
    budget: str
    forward: str
    backward: str
    seconds: str
    cached: str
    settings: str
    facts: str


def costs(attacks: Mapping[str, Sequence[Outcome]], lineup: Lineup) -> tuple[Cost, ...]:
    """The rows of the table, in this order."""
    return tuple(_cost(name, own, lineup) for name, own in attacks.items())


def unlike(name: str, outcomes: Sequence[Outcome]) -> str:
    """ "PGD did not run with the same settings on every network: steps 40 and 100", "" where it did."""
    said = [f"{key} {listed(values)}" for key, values in _settings(outcomes).items() if len(values) > 1]
    return f"{name} did not run with the same settings on every network: {'; '.join(said)}" if said else ""


def common_norm(outcomes: Sequence[Outcome]) -> Norm | None:
    """The norm of an attack's budgets, None where no record of it says."""
    return next((norm for o in outcomes if (norm := norm_of(o))), None)


def common_budget(outcomes: Sequence[Outcome]) -> float | None:
    """The headline budget that most outcomes of an attack have."""
    stated = [budget for o in outcomes if (budget := headline(o)) is not None]
    return max(sorted(set(stated)), key=stated.count) if stated else None


def _settings(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """Every setting with the different values that it had."""
    keys = dict.fromkeys(key for o in outcomes for key in o.settings)
    return {
        key: list(dict.fromkeys(setting_text(o.settings.get(key, "unset"), "by default") for o in outcomes))
        for key in keys
    }


def _cost(name: str, outcomes: Sequence[Outcome], lineup: Lineup) -> Cost:
    sizes = {id(run.outcomes[name]): run.data.n for run in lineup.runs if name in run.outcomes}
    norm, budget, first = common_norm(outcomes), common_budget(outcomes), outcomes[0]
    cached, n = sum(o.cached for o in outcomes), sum(sizes[id(o)] for o in outcomes)

    def passes(kind: str) -> str:
        return _range([o.passes.get(kind, 0) / sizes[id(o)] for o in outcomes], 0)

    called = attack_name(name, lineup, norm=norm) if name in lineup.titles else first.title or name
    return Cost(
        name=f"audit of {called}" if first.audit is not None else called,
        norm=norm_sign(norm) or DASH,
        budget=DASH if budget is None else f"{budget:g}",
        forward=passes("forward"),
        backward=passes("backward"),
        seconds=_range([o.seconds for o in outcomes], 1),
        cached="no" if cached == 0 else "all" if cached >= n else f"{count(cached)} of {count(n)} images",
        settings=", ".join(f"{key} {' or '.join(values)}" for key, values in _settings(outcomes).items()),
        facts=attack_facts(first),
    )


def _range(values: Sequence[float], digits: int) -> str:
    few, many = fixed(min(values), digits), fixed(max(values), digits)
    return few if few == many else f"{few} to {many}"
