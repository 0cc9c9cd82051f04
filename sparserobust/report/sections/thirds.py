"""What query, key and value keep of the fused weights of attention."""

from __future__ import annotations

from collections.abc import Sequence

from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.records import PartRecord, Run
from sparserobust.report.table.cells import Cell
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table
from sparserobust.report.text.numbers import count, percent, plural

WORDS = {"q": "query", "k": "key", "v": "value"}


def thirds(found: Findings) -> PlainTable | None:
    """The share that each third of all fused weights keeps, and how many thirds keep nothing; None without any."""
    columns: list[tuple[Column, Build]] = [
        (Column(word, "kept, %"), _kept(part)) for part, word in WORDS.items()
    ]
    columns.append((Column("empty thirds", "keep nothing"), _empty))
    fused = max((sum(bool(layer.parts) for layer in run.subject.layers) for run in found.runs), default=0)
    tensors = plural(fused, "tensor")
    note = f"Query, key and value are thirds of one tensor here, found from what is multiplied: {tensors} in a network."
    return plain_table(found, "Fused query, key and value", columns, notes=(note,))


def _parts(run: Run) -> Sequence[PartRecord]:
    return [part for layer in run.subject.layers for part in layer.parts]


def _kept(name: str) -> Build:
    def build(group: Group) -> Cell:
        parts = [part for run in group.runs for part in _parts(run) if part.name == name]
        if not parts:
            return Cell("")
        share = sum(part.kept for part in parts) / sum(part.numel for part in parts)
        return Cell(percent(share), alert=share == 0)

    return build


def _empty(group: Group) -> Cell:
    """Of all seeds together."""
    parts = [part for run in group.runs for part in _parts(run)]
    empty = sum(part.kept == 0 for part in parts)
    return Cell(f"{count(empty)} of {count(len(parts))}", alert=empty > 0) if parts else Cell("")
