"""Against the dense network, example by example: paired differences, errors by margin decile, transfer attacks."""

from __future__ import annotations

from dataclasses import dataclass

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.made import no_reference
from sparserobust.report.sections import transfer
from sparserobust.report.sections.differences import against_dense
from sparserobust.report.sections.mistakes import Mistakes, mistakes
from sparserobust.report.sections.section import Section
from sparserobust.report.sections.transfer import Transfer, transfer_part
from sparserobust.report.table.plain import PlainTable
from sparserobust.report.text.attacks import members, robust_budget, robust_name
from sparserobust.report.text.remarks import sentence

SHOWS = transfer.SHOWS
"""The scores that stand here."""


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
    mistakes: Mistakes | None
    transfer: Transfer | None


def paired(found: Findings) -> Paired | None:
    """The section, None where nothing sparse stands beside a dense network."""
    lineup = found.lineup
    if not lineup.sparse or not lineup.dense:
        return None
    reasons = [no_reference(run) for group in lineup.dense for run in group.runs]
    unfit = sentence(reasons[0]) if all(reasons) and reasons[0] is not None else ""
    clean = found.clean.differences if found.primary.robust is not None else found.differences
    tables = [against_dense(found, clean, "Clean images")]
    if found.primary.robust is not None:
        tables.append(against_dense(found, found.differences, "Under attack", (_about(found),)))
    part = Paired(
        unfit,
        tuple(table for table in tables if table is not None),
        any(d.unit == "seeds" for d in clean.values()),
        mistakes(found),
        transfer_part(found),
    )
    return part if part.unfit or part.tables or part.mistakes or part.transfer else None


SECTION = Section(id="paired", place=20, title="Against dense", build=paired)


def _about(found: Findings) -> str:
    """ "Under attack: the worst of FGSM and PGD for each image, ε = 0.1."."""
    robust = found.primary.robust
    if robust is None:
        return ""
    name = robust_name(robust, found.lineup)
    several = f"the worst of {members(robust.worst, found.lineup)} for each image"
    return f"Under attack: {several if robust.several else name}, {robust_budget(robust)}."
