"""The verdict: what a comparison shows, decided here and put into words elsewhere.

A claim of robustness carries clean accuracy, every norm that was run and how far it is audited, so that no reader sees
one half of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sparserobust.analysis import audits
from sparserobust.analysis.claims import (
    STANDINGS,
    Artefact,
    AtSparsity,
    Audit,
    Claim,
    Lead,
    Price,
    Quantity,
    Side,
    Verdict,
)
from sparserobust.analysis.concerns import Concern
from sparserobust.analysis.estimates import CLAIM_SEEDS, estimate, stored_bytes
from sparserobust.analysis.lineup import Group, Lineup
from sparserobust.analysis.made import is_made
from sparserobust.analysis.trust import Trust
from sparserobust.analysis.worst_case import Robustness


def conclude(
    lineup: Lineup,
    trust: Mapping[int, Trust],
    main: Quantity,
    clean: Quantity,
    others: tuple[Quantity, ...],
) -> Verdict:
    """The verdict on the rows of a line-up."""
    lead = _lead(lineup, trust, main, clean, others)
    compared = lineup.sparse and main.differences
    standings = [
        found
        for quantity in (main, *others)
        for sparsity in lineup.sparsities
        if compared and (found := _at(sparsity, lineup, trust, quantity, main=quantity is main)).standings
    ]
    counts = {len(group.runs) for group in lineup.sparse if group.made}
    return Verdict(
        lead=lead,
        by_sparsity=tuple(standings),
        artefacts=_artefacts(trust, main),
        upper_bounds=lineup.robustness is not None and not audits.all_audited(lineup.runs),
        seeds=min(counts, default=None),
    )


def _lead(
    lineup: Lineup, trust: Mapping[int, Trust], main: Quantity, clean: Quantity, others: tuple[Quantity, ...]
) -> Lead:
    if not lineup.sparse:
        return Lead("only-dense")
    found = main.differences

    def claim(place: int, *, doubted: bool = False) -> Claim:
        return _claim(place, lineup, trust, main, clean, others, doubted=doubted)

    higher = {i: d.value for i, d in found.items() if d.result == "higher" and d.value is not None}
    if winners := {i: value for i, value in higher.items() if trust[i].reliable}:
        return Lead("better", claim(_largest(winners)))
    if all(trust[i].state == "cannot-choose" for i in found):
        return Lead("none-could-choose")
    compared = [d for d in found.values() if d.value is not None]
    unfit = [d.reason for d in found.values() if d.result == "not-ranked" and d.value is None]
    if not compared and unfit:
        return Lead("no-fit-reference", reason=unfit[0])
    if not compared:
        reasons = [d.reason for i, d in found.items() if lineup.groups[i].made and d.reason]
        return Lead("nothing-compared", reason=reasons[0] if reasons else None)
    if all(d.result == "not-ranked" for d in compared):
        return Lead("nothing-ranked")
    if all(d.result in ("no-claim", "not-ranked") for d in compared):
        return Lead("too-few-seeds")
    if higher:
        return Lead("better-but-to-check", claim(_largest(higher), doubted=True))
    kept = {i: d.value for i, d in found.items() if d.value is not None and trust[i].ranked}
    return Lead("none-better", claim(_largest(kept)) if kept else None)


def _largest(values: Mapping[int, float]) -> int:
    return max(values, key=lambda i: (values[i], i))


def _claim(
    place: int,
    lineup: Lineup,
    trust: Mapping[int, Trust],
    main: Quantity,
    clean: Quantity,
    others: tuple[Quantity, ...],
    *,
    doubted: bool,
) -> Claim:
    group, said = lineup.groups[place], trust[place]
    against = [*said.concerns, *said.failures]
    return Claim(
        place,
        main=_side(place, lineup, main),
        clean=None if main.robust is None else _side(place, lineup, clean),
        others=tuple(_side(place, lineup, other) for other in others),
        price=price(group),
        doubt=against[0] if doubted and against else None,
    )


def _side(place: int, lineup: Lineup, quantity: Quantity) -> Side:
    group = lineup.groups[place]
    dense = lineup.dense_of(group)
    return Side(
        quantity.robust,
        quantity.values[place],
        quantity.values[lineup.place(dense)] if dense is not None else None,
        quantity.differences[place],
        _audit(group, quantity.robust),
    )


def _audit(group: Group, robust: Robustness | None) -> Audit:
    if robust is None or robust.norm not in audits.norms(group.runs):
        return Audit()
    found = audits.worst(group.runs)
    return Audit(
        found.state if found else None,
        max(audits.budgets(group.runs), default=None),
        networks=len(audits.all_audited(group.runs)),
        of=sum(is_made(run) for run in group.runs),
    )


def price(group: Group) -> Price:
    """What a row costs beside dense, where that was measured."""
    dense_bytes, best = estimate(group, "dense_bytes").value, stored_bytes(group).value
    macs, executed = estimate(group, "dense_macs").value, estimate(group, "executed_macs").value
    return Price(
        dense_bytes / best if dense_bytes and best else None, macs / executed if macs and executed else None
    )


def _at(
    sparsity: float, lineup: Lineup, trust: Mapping[int, Trust], quantity: Quantity, *, main: bool
) -> AtSparsity:
    places = [i for i, g in enumerate(lineup.groups) if not g.dense and g.target == sparsity]
    by_standing: dict[str, list[int]] = {}
    for i in places:
        if trust[i].ranked:
            by_standing.setdefault(quantity.differences[i].result, []).append(i)
        elif main:  # it stands for nothing in any norm, which is said once
            by_standing.setdefault(trust[i].state, []).append(i)
    standings = tuple((s, tuple(by_standing[s])) for s in STANDINGS if s in by_standing)
    return AtSparsity(quantity.robust, sparsity, standings, tuple(places))


def _artefacts(trust: Mapping[int, Trust], main: Quantity) -> tuple[Artefact, ...]:
    return tuple(
        Artefact(i, value, _failing(found))
        for i, found in trust.items()
        if found.state == "artefact" and (value := main.values[i].value) is not None
    )


def _failing(found: Trust) -> Concern | None:
    """The concern whose check fails, else the first."""
    failing = (c for c in found.concerns if c.evidence is not None and c.evidence.level == 2)
    return next(failing, found.concerns[0] if found.concerns else None)


def few_seeds(seeds: int | None) -> bool:
    """Whether so few seeds allow no claim about a method."""
    return seeds is not None and seeds < CLAIM_SEEDS
