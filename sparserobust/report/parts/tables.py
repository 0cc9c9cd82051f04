"""Sections that are plain tables: connectivity, bytes and MACs, distance caps, and other evaluators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sparserobust.records import Run
from sparserobust.report.estimates import RowEstimate, estimate
from sparserobust.report.groups import Group
from sparserobust.report.marks import Mark
from sparserobust.report.numbers import (
    DASH,
    bracket,
    count,
    fixed,
    kib,
    percent,
    realised,
    reduction,
    significant,
    target,
    times,
)
from sparserobust.report.readings import headline, ok
from sparserobust.report.rows import Cell, Judged, harmonic
from sparserobust.report.trust import NONE


@dataclass(frozen=True)
class Column:
    """A head of two lines: what it is, and the unit or the condition."""

    name: str
    about: str = ""


@dataclass(frozen=True)
class PlainRow:
    """One subject's cells; `first` opens a new sparsity."""

    name: str
    tag: str
    mark: Mark
    sparsity: str
    cells: tuple[Cell, ...]
    first: bool


@dataclass(frozen=True)
class PlainTable:
    """A table of subjects; columns without any number are left out."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[PlainRow, ...]
    notes: tuple[str, ...] = ()


Build = Callable[[Group], Cell]


def plain_table(
    found: Judged, title: str, columns: list[tuple[Column, Build]], *, notes: tuple[str, ...] = ()
) -> PlainTable | None:
    """The table of these columns over all groups, None where no cell has a number."""
    groups = found.lineup.groups
    cells = {column: [build(g) for g in groups] for column, build in columns}
    kept = [column for column, own in cells.items() if any(c.text not in ("", DASH) or c.dim for c in own)]
    if not kept:
        return None
    rows, last = [], None
    for i, g in enumerate(groups):
        sparsity = "" if g.dense else target(g.target)
        opens = last is not None and sparsity != last
        rows.append(PlainRow(g.name, g.tag, g.mark, sparsity, tuple(cells[c][i] for c in kept), opens))
        last = sparsity
    return PlainTable(title, tuple(kept), tuple(rows), notes)


def scored(
    evaluator: str,
    score: str,
    show: Callable[[float], str],
    *,
    at: float | str | None = None,
    alert: Callable[[float], bool] = lambda _: False,
) -> Build:
    """A column that shows one score."""

    def build(group: Group) -> Cell:
        return _shown(estimate(group, evaluator, score, at=at), show, alert)

    return build


def _shown(e: RowEstimate, show: Callable[[float], str], alert: Callable[[float], bool]) -> Cell:
    if e.value is None:
        return Cell(DASH, reason=e.reason)
    return Cell(show(e.value), alert=alert(e.value))


def connectivity(found: Judged) -> PlainTable | None:
    """Collapsed layers, connection, effective sparsity and paths, of both graphs."""
    name = "connectivity"
    columns: list[tuple[Column, Build]] = []
    for at in ("forward", "trainable"):
        columns += [
            (
                Column("collapsed layers", at),
                scored(name, "collapsed_layers", count, at=at, alert=lambda v: v > 0),
            ),
            (Column("connected", at), scored(name, "connected", _yes, at=at, alert=lambda v: v < 1)),
            (Column("effective sparsity", at), scored(name, "effective_sparsity", realised, at=at)),
            (Column("log₁₀ paths", at), scored(name, "log10_paths", fixed, at=at)),
        ]
    columns.append((Column("constant units", "still emit a bias"), _constant_units))
    return plain_table(found, "Connectivity", columns)


def _yes(value: float) -> str:
    return "yes" if value >= 1 else "no" if value == 0 else f"{percent(value, 0)} % of seeds"


def _constant_units(group: Group) -> Cell:
    totals = []
    for run in group.runs:
        outcome = ok(run, "connectivity")
        table = outcome.tables.get("layers") if outcome is not None else None
        if table is not None and "constant_units" in table.columns:
            totals.append(sum(float(v) for v in table.column("constant_units") if isinstance(v, int | float)))
    if not totals:
        return Cell(DASH, reason="not measured")
    mean = sum(totals) / len(totals)
    return Cell(count(mean) if mean == round(mean) else fixed(mean))


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
    return plain_table(
        found,
        "Multiply-adds and trade-off",
        [
            (Column("executed MACs", "per image"), scored(f, "executed_macs", count)),
            (Column("reduction", "against dense"), _reduction),
            (Column("fast transform", "DCT, hypothetical"), _fast_transform),
            (Column("training MACs", "forward"), scored(f, "training_macs", significant_macs, at="forward")),
            (Column("training MACs", "backward, inputs"), scored(f, "training_macs", significant_macs, at="backward_input")),
            (Column("training MACs", "backward, weights"), scored(f, "training_macs", significant_macs, at="backward_weight")),
            (Column("HM", "accuracy, zeros"), _harmonic(trainable=False)),
            (Column("HM (trainable)", "not to be ranked"), _harmonic(trainable=True)),
        ],
    )  # fmt: skip


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
        return _shown(e, lambda v: fixed(v, 3), lambda _: False)

    return build


def distance_caps(found: Judged) -> PlainTable | None:
    """Carlini-Wagner at its headline cap: two rules of success, and SNIP-it's figure split in its parts."""
    cw = "carlini-wagner"
    caps = [cap for run in found.lineup.runs if (o := ok(run, cw)) and (cap := headline(o)) is not None]
    if not caps:
        return None
    cap = max(set(caps), key=caps.count)
    where = f"at ℓ₂ = {cap:g}, %"
    return plain_table(
        found,
        "Carlini–Wagner at one distance",
        [
            (Column("median ℓ₂", "initially correct"), _median),
            (Column("not found", "images"), lambda g: _not_found(g, found)),
            (Column("robust accuracy", where), scored(cw, "robust_accuracy", percent, at=cap)),
            (Column("success, within", where), scored(cw, "attack_success_rate", percent, at=cap)),
            (Column("success, rescaled", where), scored(cw, "rescaled_success_rate", percent, at=cap)),
            (Column("SNIP-it’s figure", "clean error + success, %"), lambda g: _paper(g, cap)),
        ],
    )


def _median(group: Group) -> Cell:
    e = estimate(group, "carlini-wagner", "median_l2")
    return (
        Cell(DASH, reason=e.reason) if e.value is None else Cell(fixed(e.value, 2), bracket(e.low, e.high, 2))
    )


def _not_found(group: Group, found: Judged) -> Cell:
    evidence = found.trust[found.lineup.groups.index(group)].evidence.get("found", NONE)
    return Cell(evidence.text, alert=evidence.level > 0)


def _paper(group: Group, cap: float) -> Cell:
    whole = estimate(group, "carlini-wagner", "paper_success", at=cap)
    top1 = estimate(group, "accuracy", "top1")
    if whole.value is None:
        return Cell(DASH, reason=whole.reason)
    if top1.value is None:
        return Cell(percent(whole.value))
    error = 1 - top1.value
    return Cell(percent(whole.value), f"= {percent(error)} + {percent(whole.value - error)}")


SHOWN_ELSEWHERE = {"fgsm", "carlini-wagner", "saliency", "connectivity", "gradient-norm", "flops", "storage"}
ACCURACY_SHOWN = {"top1", "train_top1", "overfitting_gap"}
COLUMNS_AT_ONCE = 5


def other_measurements(found: Judged) -> tuple[PlainTable, ...]:
    """Every score of every evaluator that has no section of its own."""
    runs = found.lineup.runs
    names = [name for run in runs for name, o in run.outcomes.items() if o.status == "ok"]
    tables: list[PlainTable] = []
    for name in dict.fromkeys(n for n in names if n not in SHOWN_ELSEWHERE):
        keys = _score_keys(runs, name)
        for start in range(0, len(keys), COLUMNS_AT_ONCE):
            columns = [
                (Column(_score_title(score, at), about), _any_score(name, score, at))
                for score, at, about in keys[start : start + COLUMNS_AT_ONCE]
            ]
            table = plain_table(found, name, columns, notes=_source(runs, name) if start == 0 else ())
            if table is not None:
                tables.append(table)
    return tuple(tables)


def _score_keys(runs: list[Run], evaluator: str) -> list[tuple[str, float | str | None, str]]:
    keys: dict[tuple[str, float | str | None], str] = {}
    for run in runs:
        outcome = ok(run, evaluator)
        for score in outcome.scores if outcome is not None else ():
            if evaluator != "accuracy" or score.name not in ACCURACY_SHOWN:
                n = f"n = {count(score.n)}" if score.n is not None else ""
                keys.setdefault((score.name, score.at), ", ".join(part for part in (score.unit, n) if part))
    return [(name, at, about) for (name, at), about in keys.items()]


def _score_title(score: str, at: float | str | None) -> str:
    return score if at is None else f"{score} at {at:g}" if isinstance(at, float) else f"{score}, {at}"


def _any_score(evaluator: str, score: str, at: float | str | None) -> Build:
    def build(group: Group) -> Cell:
        e = estimate(group, evaluator, score, at=at)
        if e.value is None:
            return Cell(DASH, reason=e.reason)
        return Cell(significant(e.value, 4), bracket(e.low, e.high, _digits(e.value)))

    return build


def _digits(value: float) -> int:
    text = significant(value, 4)
    return len(text.partition(".")[2]) if "×" not in text else 4


def _source(runs: list[Run], evaluator: str) -> tuple[str, ...]:
    sources = [o.source for run in runs if (o := ok(run, evaluator)) is not None and o.source]
    return (f"Source: {sources[0]}",) if sources else ()
