"""Connectivity: what of a sparse network lies on a path from the input to the logits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.paths import PathGraph, Reachability, UnsupportedOperation, log10_paths, reachability
from sparserobust.records import Outcome, Remark, Score, ScoreSpec, Table, raised, remark
from sparserobust.scoring import Context, Evaluator, Measurement, Skip

FORWARD, TRAINABLE = "forward", "trainable"


@dataclass(frozen=True, kw_only=True)
class Connectivity(Evaluator):
    """Collapsed layers, connectedness and effective sparsity, of two graphs.

    "forward" has the weights that are not 0 in the tensors that are really multiplied: what the network computes with.
    "trainable" has the weights that the mask keeps: what training can change. Both count a weight as effective when a
    path of the forward graph leads from the input to it and from it to the logits, so in a pruned network they
    agree, while a frozen or DCT-offset network is dense in the first. Units without a path to them still
    emit a constant through bias and normalisation: they are called constant, not dead; so paths pass attention and
    gates where one of the two tensors is constant. Normalisation is the identity here, also a LayerNorm. Through those
    products of two tensors paths have no number, and are not counted.
    """

    name: ClassVar[str] = "connectivity"
    title: ClassVar[str] = "connectivity"
    source: ClassVar[str] = (
        "Vysogorets and Kempe 2021, arXiv:2107.02306 (effective sparsity); the trainable graph is ours"
    )
    sees_data: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(
            name="connected",
            unit="",
            higher_is_better=True,
            axis="graph",
            headline=True,
            about="1 when a path leads from the input to the logits; trainable: when a kept weight lies on one",
        ),
        ScoreSpec(
            name="collapsed_layers",
            unit="count",
            higher_is_better=False,
            axis="graph",
            about="layers whose effective weights are all 0; trainable: of which nothing is kept",
        ),
        ScoreSpec(
            name="effective_sparsity",
            unit="fraction",
            axis="graph",
            about="1 - weights on a path / prunable weights",
        ),
        ScoreSpec(
            name="log10_paths",
            unit="",
            axis="graph",
            about="log10 of the number of paths from pixels to logits, forward graph",
        ),
    )

    def begin(self, context: Context) -> Measurement:
        """Starts; no batch is needed, but the images' shape is."""
        context.require_prunable()
        return _Walks(self, context)


class _Walks(Measurement):
    def __init__(self, evaluator: Connectivity, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context

    def finish(self) -> Outcome:
        subject = self.context.subject
        masks = dict(subject.weights.masks)
        try:
            graph = self.context.graph()
            reach = reachability(graph, None, masks)
            paths = self._paths(graph, reach)
        except UnsupportedOperation as error:
            raise Skip(raised(error)) from error
        score = self.evaluator.score
        trainable = _count(reach.trainable_effective)
        scores: list[Score] = []
        for at, present, effective, connected in (
            (FORWARD, reach.present, _count(reach.forward_effective), reach.connected),
            (TRAINABLE, masks, trainable, trainable > 0),
        ):
            collapsed = sum(not bool(tensor.any()) for tensor in present.values())
            share = 1 - effective / subject.prunable
            logits = _constant_logits(reach) if at == FORWARD else ()
            scores += [
                score("connected", float(connected), at=at, headline=at == FORWARD, warnings=logits),
                score("collapsed_layers", float(collapsed), at=at, n=len(present)),
                score("effective_sparsity", share, at=at, n=subject.prunable, warnings=_idle_layers(reach)),
            ]
        scores.append(paths)
        return self.evaluator.outcome(
            scores=tuple(scores),
            verdict=_verdict(reach, trainable, subject.kept),
            tables={"layers": self._layers(reach)},
        )

    def _paths(self, graph: PathGraph, reach: Reachability) -> Score:
        """How many paths there are, where that is defined."""
        score = self.evaluator.score
        if reach.joins:
            reason = remark("paths-through-products", operators=list(reach.joins))
            return score("log10_paths", None, at=FORWARD, reason=reason)
        paths = log10_paths(graph, reach=reach)
        if not math.isfinite(paths):
            return score("log10_paths", None, at=FORWARD, reason=remark("no-path"))
        return score("log10_paths", paths, at=FORWARD)

    def _layers(self, reach: Reachability) -> Table:
        """One row per layer; constant units are None for layers that never run and for factors of weights."""
        constant = reach.constant_units
        rows = tuple(
            (
                name,
                mask.numel(),
                int(mask.count_nonzero()),
                int(reach.forward_effective[name].sum()),
                int(reach.trainable_effective[name].sum()),
                constant.get(name),
            )
            for name, mask in self.context.subject.weights.masks.items()
        )
        columns = ("layer", "prunable", "kept", "forward_effective", "trainable_effective", "constant_units")
        return Table(columns=columns, rows=rows)


def _verdict(reach: Reachability, trainable: int, kept: int) -> Remark:
    if not reach.connected:
        return remark("disconnected", cut_at=reach.cut_at.removesuffix(".weight") if reach.cut_at else None)
    if trainable == 0:
        return remark("connected-untrainable", kept=kept)
    return remark("connected", trainable=trainable, kept=kept)


def _constant_logits(reach: Reachability) -> tuple[Remark, ...]:
    """That some logits lie on no path, where others do."""
    constant = int((~reach.logits).sum())
    if not reach.connected or not constant:
        return ()
    return (remark("constant-logits", constant=constant, of=reach.logits.numel()),)


def _idle_layers(reach: Reachability) -> tuple[Remark, ...]:
    """That layers which never run count as not effective."""
    idle = [name for name in reach.on_path if name not in reach.ran]
    return (remark("idle-layers", layers=idle),) if idle else ()


def _count(entries: dict[str, Tensor]) -> int:
    return sum(int(tensor.sum()) for tensor in entries.values())
