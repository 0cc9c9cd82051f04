"""Connectivity: what of a sparse network lies on a path from the input to the logits."""

from __future__ import annotations

import math

from torch import Tensor

from sparserobust.paths import Reachability, UnsupportedOperation, log10_paths, reachability
from sparserobust.records import Outcome, Score, ScoreSpec, Table
from sparserobust.scoring import Context, Evaluator, Measurement, Skip

FORWARD, TRAINABLE = "forward", "trainable"


class Connectivity(Evaluator):
    """Collapsed layers, connectedness and effective sparsity, of two graphs.

    "forward" has the weights that are not 0 in W_eff: what the network computes with. "trainable" has the
    weights that the mask keeps: what training can change. Both count a weight as effective when a path of
    the forward graph leads from the input to it and from it to the logits, so in a pruned network they
    agree, while a frozen or DCT-offset network is dense in the first. Units without a path to them still
    emit a constant through bias and normalisation: they are called constant, not dead.
    """

    name = "connectivity"
    source = "Vysogorets and Kempe 2021, arXiv:2107.02306 (effective sparsity); the trainable graph is ours"
    sees_data = False
    scores = (
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
        nonzero = {name: weight != 0 for name, weight in subject.effective_weights().items()}
        try:
            graph = self.context.graph()
            reach = reachability(graph, nonzero, masks)
            paths = log10_paths(graph, nonzero, reach=reach)
        except UnsupportedOperation as error:
            raise Skip(str(error)) from error
        score = self.evaluator.score
        trainable = _count(reach.trainable_effective)
        scores: list[Score] = []
        for at, present, effective, connected in (
            (FORWARD, nonzero, _count(reach.forward_effective), reach.connected),
            (TRAINABLE, masks, trainable, trainable > 0),
        ):
            collapsed = sum(not bool(tensor.any()) for tensor in present.values())
            scores += [
                score("connected", float(connected), at=at, headline=at == FORWARD),
                score("collapsed_layers", float(collapsed), at=at, n=len(present)),
                score("effective_sparsity", 1 - effective / subject.prunable, at=at, n=subject.prunable),
            ]
        no_path = None if math.isfinite(paths) else "no path leads from the input to the logits"
        scores.append(score("log10_paths", None if no_path else paths, at=FORWARD, reason=no_path))
        return self.evaluator.outcome(
            scores=tuple(scores),
            verdict=_verdict(reach, trainable, subject.kept),
            warnings=_warnings(reach),
            tables={"layers": self._layers(reach)},
        )

    def _layers(self, reach: Reachability) -> Table:
        """One row per layer; the number of constant units is None where the layer never runs."""
        constant = reach.constant_units
        rows = tuple(
            (
                name,
                mask.numel(),
                int(mask.sum()),
                int(reach.forward_effective[name].sum()),
                int(reach.trainable_effective[name].sum()),
                constant.get(name),
            )
            for name, mask in self.context.subject.weights.masks.items()
        )
        columns = ("layer", "prunable", "kept", "forward_effective", "trainable_effective", "constant_units")
        return Table(columns=columns, rows=rows)


def _verdict(reach: Reachability, trainable: int, kept: int) -> str:
    if not reach.connected:
        where = f": layer {reach.cut_at.removesuffix('.weight')} is cut" if reach.cut_at else ""
        return f"no path from the input to the logits{where}"
    if trainable == 0:
        return f"connected, but none of the {kept:,} kept weights lies on a path from the input to the logits"
    return f"connected: {trainable:,} of {kept:,} kept weights lie on a path from the input to the logits"


def _warnings(reach: Reachability) -> tuple[str, ...]:
    warnings = []
    constant = int((~reach.logits).sum())
    if reach.connected and constant:
        warnings.append(f"{constant} of {reach.logits.numel()} logits are constant: no path leads to them")
    if idle := [name for name in reach.on_path if name not in reach.live_units]:
        warnings.append(f"layers that never run count as not effective: {', '.join(idle)}")
    return tuple(warnings)


def _count(entries: dict[str, Tensor]) -> int:
    return sum(int(tensor.sum()) for tensor in entries.values())
