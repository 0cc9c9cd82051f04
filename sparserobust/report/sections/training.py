"""Training in a row per network: small curves, the last value, train minus test, the chosen epoch."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from sparserobust.analysis.estimates import estimate
from sparserobust.analysis.findings import Findings
from sparserobust.analysis.lineup import Group
from sparserobust.report.figures.training import Quantity, training_curve
from sparserobust.report.sections.section import Section
from sparserobust.report.table.cells import Cell, missing
from sparserobust.report.table.plain import Head, heads
from sparserobust.report.text.numbers import count, fixed, percent, points, significant

WIDTH, HEIGHT = 88.0, 20.0


@dataclass(frozen=True)
class Spark:
    """A small curve: points as "x,y x,y", its last point, and the value written beside it."""

    points: str
    end: tuple[float, float]
    text: str


@dataclass(frozen=True)
class TrainingRow(Head):
    """One row."""

    pruned: Spark | None
    loss: Spark | None
    validation: Spark | None
    gradient: Spark | None
    gap: Cell
    chosen: Cell
    recipe: str


@dataclass(frozen=True)
class Training:
    """The section; `prunes` where a method did so while it trained."""

    rows: tuple[TrainingRow, ...]
    seeds: int
    has_validation: bool
    prunes: bool


class TrainingSection(Section):
    """Small curves of training, and what was chosen from them."""

    id: ClassVar[str] = "training"
    title: ClassVar[str] = "Training"
    place: ClassVar[float] = 110
    shows: ClassVar[Collection[str]] = frozenset({"train_top1", "overfitting_gap"})

    def build(self, findings: Findings) -> Training | None:
        """The section, None where no run was trained here."""
        groups = [g for g in findings.lineup.groups if any(run.history for run in g.runs)]
        if not groups:
            return None
        rows = [_row(head, group) for head, group in zip(heads(groups), groups, strict=True)]
        validated, pruned = any(row.validation for row in rows), any(row.pruned for row in rows)
        return Training(tuple(rows), findings.lineup.seeds, validated, pruned)


def _row(head: Head, group: Group) -> TrainingRow:
    histories = [run.history for run in group.runs if run.history is not None]
    epochs = sorted({h.chosen_epoch for h in histories})
    chosen = count(epochs[0]) if len(epochs) == 1 else f"{count(epochs[0])} to {count(epochs[-1])}"
    return TrainingRow(
        **vars(head),
        pruned=_pruned(group),
        loss=_spark(group, "loss", log=True),
        validation=_spark(group, "val_accuracy"),
        gradient=_gradient(group),
        gap=_gap(group),
        chosen=Cell(chosen, f"of {count(max(len(h.epochs) for h in histories))}",
                    alert=any(h.status == "diverged" for h in histories)),
        recipe=histories[0].recipe,
    )  # fmt: skip


def _spark(group: Group, quantity: Quantity, *, log: bool = False) -> Spark | None:
    values = training_curve(list(group.runs), quantity)
    if not values:
        return None
    return spark(values, significant(values[-1]) if log else fixed(values[-1]), log=log)


def _pruned(group: Group) -> Spark | None:
    """Sparsity of the whole network, of the first seed, from the start to the last epoch, where it changed."""
    history, sizes = group.first.history, {layer.name: layer.numel for layer in group.first.subject.layers}
    if history is None or not history.epochs or set(history.layers) != set(sizes):
        return None
    whole = sum(sizes.values())
    values = [
        sum(s * sizes[name] for name, s in zip(history.layers, epoch.sparsity, strict=True)) / whole
        for epoch in history.epochs
    ]
    if max(values) - min(values) < 1e-9:
        return None
    final = next(number for number, value in enumerate(values, 1) if value == values[-1])
    return spark([0.0, *values], count(final))


def _gradient(group: Group) -> Spark | None:
    history = group.first.history
    values = [e.gradient_mean for e in history.epochs if e.gradient_mean > 0] if history else []
    return spark(values, "", log=True) if values else None


def spark(values: list[float], text: str, *, log: bool = False) -> Spark:
    """The values as a curve that fills its box."""
    ys = [math.log10(max(v, 1e-12)) for v in values] if log else values
    low, high = min(ys), max(ys)
    span = (high - low) or 1.0
    step = WIDTH / max(1, len(ys) - 1)
    thinned = max(1, len(ys) // 100)
    kept = sorted({*range(0, len(ys), thinned), len(ys) - 1})
    places = [(round(k * step, 1), round(2 + (HEIGHT - 4) * (1 - (ys[k] - low) / span), 1)) for k in kept]
    return Spark(" ".join(f"{x:g},{y:g}" for x, y in places), places[-1], text)


def _gap(group: Group) -> Cell:
    e, train = estimate(group, "overfitting_gap"), estimate(group, "train_top1")
    if e.value is None:
        return missing(e.reason)
    if e.seeds > 1 and e.half is not None:
        return Cell(points(e.value), f"± {percent(e.half)}")
    return Cell(points(e.value), f"{percent(train.value)} train" if train.value is not None else "")
