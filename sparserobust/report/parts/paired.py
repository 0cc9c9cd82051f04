"""Against the dense network, example by example: paired differences, thin ice, images carried over."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.report.compare import compare_all
from sparserobust.report.judged import Judged
from sparserobust.report.parts.carried import Carried, carried_over
from sparserobust.report.parts.ice import ThinIce, thin_ice_part
from sparserobust.report.parts.tables import PlainTable
from sparserobust.report.parts.versus import against_dense
from sparserobust.report.soundness import no_reference


@dataclass(frozen=True)
class Paired:
    """The section.

    Attributes:
        unfit: why the dense network is no reference, "" where it is one.
        tables: differences on clean images, and under attack.
        seeds: whether rows hold several seeds, so that the tests are over seeds.
    """

    unfit: str
    tables: tuple[PlainTable, ...]
    seeds: bool
    ice: ThinIce | None
    carried: Carried | None


def paired(found: Judged) -> Paired | None:
    """The section, None where nothing sparse stands beside a dense network."""
    lineup = found.lineup
    if not lineup.sparse or not lineup.dense:
        return None
    reasons = [no_reference(run) for group in lineup.dense for run in group.runs]
    unfit = reasons[0] if reasons and all(reasons) else ""
    tables = []
    clean = compare_all(lineup, frozenset(), None)
    robust = lineup.robustness
    if robust is not None:
        tables.append(against_dense(found, clean, "Clean images"))
        several = f"the worst of {robust.worst.members} for each image" if robust.several else robust.name
        about = (f"Under attack: {several}, {robust.budget}.",)
        tables.append(against_dense(found, found.differences, "Under attack", about))
    else:
        tables.append(against_dense(found, found.differences, "Clean images"))
    part = Paired(
        unfit,
        tuple(table for table in tables if table is not None),
        any(d.unit == "seeds" for d in clean.values()),
        thin_ice_part(found),
        carried_over(found),
    )
    return part if part.unfit or part.tables or part.ice or part.carried else None
