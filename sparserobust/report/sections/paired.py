"""Against the dense network, example by example: paired differences, errors by margin decile, transfer attacks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

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


class PairedSection(Section):
    """Against the dense network, example by example."""

    id: ClassVar[str] = "paired"
    title: ClassVar[str] = "Against dense"
    place: ClassVar[float] = 20
    shows: ClassVar[Collection[str]] = transfer.SCORES

    def build(self, findings: Findings) -> Paired | None:
        """The section, None where nothing sparse stands beside a dense network."""
        lineup = findings.lineup
        if not lineup.sparse or not lineup.dense:
            return None
        reasons = [no_reference(run) for group in lineup.dense for run in group.runs]
        unfit = sentence(reasons[0]) if all(reasons) and reasons[0] is not None else ""
        clean = findings.clean.differences if findings.primary.robust is not None else findings.differences
        tables = [against_dense(findings, clean, "Clean images")]
        if findings.primary.robust is not None:
            tables.append(against_dense(findings, findings.differences, "Under attack", (_about(findings),)))
        part = Paired(
            unfit,
            tuple(table for table in tables if table is not None),
            any(d.unit == "seeds" for d in clean.values()),
            mistakes(findings),
            transfer_part(findings),
        )
        return part if part.unfit or part.tables or part.mistakes or part.transfer else None


def _about(found: Findings) -> str:
    """ "Under attack: the worst of FGSM and PGD for each image, ε = 0.1."."""
    robust = found.primary.robust
    if robust is None:
        return ""
    name = robust_name(robust, found.lineup)
    several = f"the worst of {members(robust.worst, found.lineup)} for each image"
    return f"Under attack: {several if robust.several else name}, {robust_budget(robust)}."
