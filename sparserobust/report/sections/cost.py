"""Cost: figures relative to dense; bytes in every format, multiply-adds, and the papers' own figures by name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.estimates import estimate, harmonic
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.report.figures import cost, dots
from sparserobust.report.figures.panels import PANEL, Panel, figure
from sparserobust.report.sections.section import Section
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Build, Column, PlainTable, plain_table, scored, shown
from sparserobust.report.text.numbers import count, fixed, kib, realised, reduction, significant, times

BYTES = ("dense_bytes", "csr32_bytes", "bitmask_bytes", "best_bytes", "values_only_bytes", "snipit_bytes")
MACS = ("dense_macs", "executed_macs", "training_macs", "fast_transform_macs")
SHARES = ("trainable_fraction", "zero_fraction", "q_beta", "stored_parameters", "compression")


@dataclass(frozen=True)
class Cost:
    """Figures relative to dense, and tables.

    Attributes:
        dense_at_inference: whether a network here is, and so saves no multiply-adds.
    """

    figures: tuple[Panel, ...]
    tables: tuple[PlainTable, ...]
    dense_at_inference: bool


class CostSection(Section):
    """Cost: bytes and multiply-adds, as figures relative to dense and as tables."""

    id: ClassVar[str] = "cost"
    title: ClassVar[str] = "Cost"
    place: ClassVar[float] = 100
    shows: ClassVar[Collection[str]] = frozenset({*BYTES, *MACS, *SHARES})

    def build(self, findings: Findings) -> Cost | None:
        """The section, None where neither bytes nor multiply-adds were measured."""
        tables = tuple(t for t in (stored_bytes(findings), multiply_adds(findings)) if t is not None)
        if not tables:
            return None
        return Cost(
            savings(findings), tables, any(group.dense_at_inference for group in findings.lineup.groups)
        )


def savings(found: Findings) -> tuple[Panel, ...]:
    """Kept weights, executed MACs and bytes relative to dense."""
    panels = []
    for number, (quantity, (heading, about)) in enumerate(cost.TITLES.items()):
        rows = cost.rows(found.lineup, quantity)
        if not any(v is not None for row in rows for _, v in row.values):
            continue
        svg = figure(
            f"cost{number}", f"{heading} relative to dense, a row per method", PANEL, dots.height(len(rows)),
            lambda ax, rows=rows: dots.draw(ax, rows, unit="/"), left=dots.LEFT, right=14.0,  # type: ignore[misc]
        )  # fmt: skip
        panels.append(Panel(svg, heading, about=about))
    return tuple(panels)


def stored_bytes(found: Findings) -> PlainTable | None:
    """Bytes in every format, and the papers' own figures under their names."""
    return plain_table(
        found,
        "Bytes stored, KiB",
        [
            (Column("stored numbers", "count"), scored("stored_parameters", count)),
            (Column("CSR", "32-bit index"), scored("csr32_bytes", kib)),
            (Column("bit mask", "1 bit a weight"), scored("bitmask_bytes", kib)),
            (Column("best", "positions stored"), scored("best_bytes", kib, at="stored")),
            (Column("best", "from a seed"), _seeded),
            (Column("compression", "best against dense"), _compression),
            (Column("values only", "FreezeNet, Table 2"), scored("values_only_bytes", kib)),
            (Column("2-bit index", "SNIP-it; not attainable"), scored("snipit_bytes", kib)),
            (Column("q_beta", "FreezeNet"), scored("q_beta", realised)),
        ],
        notes=(
            "Best is the smallest lossless format, layer by layer, with row pointers, biases, norms and buffers in "
            "every total; where a support was drawn from a seed, positions need not be stored.",
            "The papers’ figures leave positions out, or index them with fewer bits than entropy allows (not "
            "attainable); neither enters best or compression.",
        ),
    )


def _compression(group: Group) -> Cell:
    at = "seeded" if group.first.subject.positions == "seeded" else "stored"
    return scored("compression", times, at=at)(group)


def _seeded(group: Group) -> Cell:
    if group.first.subject.positions != "seeded":
        return Cell("")
    return scored("best_bytes", kib, at="seeded")(group)


def _fast_transform(group: Group) -> Cell:
    if group.first.subject.offset != "dct":
        return Cell("")
    return scored("fast_transform_macs", count)(group)


def multiply_adds(found: Findings) -> PlainTable | None:
    """Executed and training MACs, the hypothetical fast transform, and the two harmonic means."""

    def training(part: str) -> Build:
        return scored("training_macs", significant_macs, at=part)

    return plain_table(
        found,
        "Multiply-adds and trade-off",
        [
            (Column("executed MACs", "per image"), scored("executed_macs", count)),
            (Column("reduction", "against dense"), _reduction),
            (Column("fast transform", "DCT, hypothetical"), _fast_transform),
            (Column("training MACs", "forward"), training("forward")),
            (Column("training MACs", "backward, inputs"), training("backward_input")),
            (Column("training MACs", "backward, weights"), training("backward_weight")),
            (Column("HM", "accuracy, zeros"), _harmonic(trainable=False)),
            (Column("HM (trainable)", "not to be ranked"), _harmonic(trainable=True)),
        ],
    )


def significant_macs(value: float) -> str:
    """Millions or billions in three digits: "50.7 M"."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{significant(value / size)} {letter}"
    return count(value)


def _reduction(group: Group) -> Cell:
    dense, executed = estimate(group, "dense_macs"), estimate(group, "executed_macs")
    if dense.value is None or not executed.value:
        return missing(dense.reason or executed.reason)
    if group.dense:
        return Cell("")
    text = reduction(dense.value / executed.value)
    return Cell("saves no MACs" if text == "no saving" else text, alert=text == "no saving")


def _harmonic(*, trainable: bool) -> Build:
    def build(group: Group) -> Cell:
        if group.dense or group.dense_at_inference is not trainable:
            return Cell("")
        e = harmonic(group, "trainable_fraction" if trainable else "zero_fraction")
        return shown(e, lambda v: fixed(v, 3))

    return build
