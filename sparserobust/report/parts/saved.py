"""What it saved, as tables: bytes in every format, multiply-adds, and the papers' own figures by name."""

from __future__ import annotations

from sparserobust.report.cells import Cell, harmonic
from sparserobust.report.estimates import estimate
from sparserobust.report.groups import Group
from sparserobust.report.judged import Judged
from sparserobust.report.numbers import (
    DASH,
    count,
    fixed,
    kib,
    realised,
    reduction,
    significant,
    times,
)
from sparserobust.report.parts.tables import Build, Column, PlainTable, plain_table, scored, shown


def stored_bytes(found: Judged) -> PlainTable | None:
    """Bytes in every format, and the papers' own figures under their names."""
    s = "storage"
    return plain_table(
        found,
        "Bytes stored, KiB",
        [
            (Column("stored numbers", "count"), scored(s, "stored_parameters", count)),
            (Column("CSR", "32-bit index"), scored(s, "csr32_bytes", kib)),
            (Column("bit mask", "1 bit a weight"), scored(s, "bitmask_bytes", kib)),
            (Column("best", "positions stored"), scored(s, "best_bytes", kib, at="stored")),
            (Column("best", "from a seed"), _seeded),
            (Column("compression", "best against dense"), _compression),
            (Column("values only", "FreezeNet, Table 2"), scored(s, "values_only_bytes", kib)),
            (Column("2-bit index", "SNIP-it; not attainable"), scored(s, "snipit_bytes", kib)),
            (Column("q_beta", "FreezeNet"), scored(s, "q_beta", realised)),
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
    return scored("storage", "compression", times, at=at)(group)


def _seeded(group: Group) -> Cell:
    if group.first.subject.positions != "seeded":
        return Cell("")
    return scored("storage", "best_bytes", kib, at="seeded")(group)


def _fast_transform(group: Group) -> Cell:
    if group.first.subject.offset != "dct":
        return Cell("")
    return scored("flops", "fast_transform_macs", count)(group)


def multiply_adds(found: Judged) -> PlainTable | None:
    """Executed and training MACs, the hypothetical fast transform, and the two harmonic means."""
    f = "flops"

    def training(part: str) -> Build:
        return scored(f, "training_macs", significant_macs, at=part)

    return plain_table(
        found,
        "Multiply-adds and trade-off",
        [
            (Column("executed MACs", "per image"), scored(f, "executed_macs", count)),
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
    dense = estimate(group, "flops", "dense_macs")
    executed = estimate(group, "flops", "executed_macs")
    if dense.value is None or not executed.value:
        return Cell(DASH, reason=dense.reason or executed.reason)
    if group.dense:
        return Cell("")
    text = reduction(dense.value / executed.value)
    return Cell("saves no MACs" if text == "no saving" else text, alert=text == "no saving")


def _harmonic(*, trainable: bool) -> Build:
    def build(group: Group) -> Cell:
        if group.dense or group.runs_dense is not trainable:
            return Cell("")
        e = harmonic(group, "trainable_fraction" if trainable else "zero_fraction")
        return shown(e, lambda v: fixed(v, 3))

    return build
