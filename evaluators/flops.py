"""FLOPs: multiply-adds of the dense network, those really executed, and those of training."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pydantic import JsonValue

from sparserobust.records import History, Outcome, Remark, Score, ScoreSpec, Table, raised, remark
from sparserobust.scoring import Context, Evaluator, Measurement, Skip
from sparserobust.uses import Use, Uses
from sparserobust.uses.compare import by_counter, differs_from_fvcore, differs_from_torch
from sparserobust.uses.counters import MULTIPLYING, fvcore_counts

COUNTERS = ("operator", "tracer", "torch", "fvcore", "how")


@dataclass(frozen=True, kw_only=True)
class FLOPs(Evaluator):
    """Multiply-adds (MACs) for one image; one MAC is two FLOPs.

    Every product of the forward pass counts, whatever module or function makes it: attention, recurrent steps, tied
    and computed weights. `executed_macs` multiplies the non-zeros of the tensors that are really multiplied by the
    positions they are used at: a frozen or DCT network is dense and saves nothing. What a pruned one saves needs
    hardware or kernels that skip zeros. fvcore's figure stands beside it, and torch's in the table. Training MACs:
    forward and backward-to-input on the non-zeros, backward-to-weight on the mask, times the training examples that
    the history counts; adversarial training runs each several times. Where a method prunes while it trains, masks are
    those at the ends of the epochs.
    """

    name: ClassVar[str] = "flops"
    title: ClassVar[str] = "FLOPs"
    source: ClassVar[str] = (
        "definitions of this library, beside fvcore FlopCountAnalysis; training: Evci et al. 2020 (RigL), appendix H, "
        "by masks"
    )
    sees_data: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(name="dense_macs", unit="MACs", about="all products of the network as built"),
        ScoreSpec(
            name="executed_macs",
            unit="MACs",
            higher_is_better=False,
            headline=True,
            about="non-zeros of the multiplied weights x output positions",
        ),
        ScoreSpec(
            name="fvcore_macs",
            unit="MACs",
            about="dense_macs by fvcore, with handles of ours for attention and recurrent operators",
        ),
        ScoreSpec(
            name="training_macs",
            unit="MACs",
            higher_is_better=False,
            axis="part",
            about="over the last training",
        ),
        ScoreSpec(
            name="fast_transform_macs",
            unit="MACs",
            about="hypothetical: DCT by a fast transform (q/2 log2 q per patch), plus the kept weights",
        ),
    )

    def begin(self, context: Context) -> Measurement:
        """Skipped where it is not known what the model multiplies."""
        if context.subject.untraced is not None:
            raise Skip(context.subject.untraced)
        return _Counting(self, context)


class _Counting(Measurement):
    def __init__(self, evaluator: FLOPs, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context

    def finish(self) -> Outcome:
        score, subject = self.evaluator.score, self.context.subject
        uses = self.context.uses()
        if not uses.uses and not uses.opaque:
            raise Skip(remark("no-prunable-layer"))
        unknown = _unknown(uses)
        dense, executed = (None, None) if unknown else (uses.macs, uses.executed)
        scores = [
            score(
                "dense_macs",
                dense,
                reason=unknown,
                warnings=_left_out(uses) + _differing("torch", differs_from_torch(uses)),
            ),
            score("executed_macs", executed, reason=unknown, warnings=self._zeros_lost(uses)),
        ]
        fvcore, unsupported = Counter[str](), Counter[str]()
        try:
            fvcore, unsupported = fvcore_counts(subject.model, self.context.input_shape)
        except Exception as error:  # TorchScript cannot trace everything
            scores.append(score("fvcore_macs", None, reason=raised(error)))
        else:
            total = sum(fvcore[name] for name in fvcore if name in MULTIPLYING)
            scores.append(
                score(
                    "fvcore_macs",
                    total,
                    warnings=_differing("fvcore", differs_from_fvcore(uses, fvcore, unsupported)),
                )
            )
        if unknown is None:
            scores += self._training(uses)
            if subject.weights.kind == "dct":
                scores.append(score("fast_transform_macs", self._fast_transform(uses)))
        verdict = unknown or _verdict(uses.macs, uses.executed, subject.weights.kind)
        return self.evaluator.outcome(
            scores=tuple(scores),
            tables={
                "layers": self._layers(uses),
                "operators": Table(columns=COUNTERS, rows=tuple(by_counter(uses, fvcore, unsupported))),
            },
            verdict=verdict,
        )

    def _layers(self, uses: Uses) -> Table:
        """One row for each weight; then products of buffers, and of two tensors that depend on the image."""
        columns = ("layer", "positions", "dense_macs", "executed_macs", "reduction")
        groups: dict[str, list[Use]] = {}
        for use in uses.uses:
            other = f"{use.operator} of two inputs" if use.between else f"{use.operator} with a constant"
            groups.setdefault(use.weights[0] if use.weights else other, []).append(use)
        rows = []
        for name, own in groups.items():
            macs, executed = sum(use.macs for use in own), sum(use.executed for use in own)
            mask = self.context.subject.weights.masks.get(name)
            size = own[0].numel if mask is None else mask.numel()
            reduction = round(macs / executed, 4) if executed else None
            rows.append((name, macs // size if size else 0, macs, executed, reduction))
        return Table(columns=columns, rows=tuple(rows))

    def _zeros_lost(self, uses: Uses) -> tuple[Remark, ...]:
        """That weights are multiplied with fewer zeros than they are stored with."""
        subject, lost = self.context.subject, []
        for use in uses.uses:
            mask = subject.weights.masks.get(use.weights[0]) if use.weights else None
            whole = mask is not None and use.numel == mask.numel() and subject.weights.kind == "zero"
            if mask is not None and whole and use.nonzero > int(mask.count_nonzero()):
                lost.append(use.weights[0])
        return (remark("zeros-lost", layers=list(dict.fromkeys(lost))),) if lost else ()

    def _training(self, uses: Uses) -> list[Score]:
        score, subject = self.evaluator.score, self.context.subject
        if subject.history is None:
            return [score("training_macs", None, at="total", reason=remark("no-training-history"))]
        examples, masks = subject.history.examples, subject.weights.masks
        kept = {name: int(mask.count_nonzero()) for name, mask in masks.items()}
        during = self._kept_while_training(subject.history)
        forward = to_input = to_weight = 0
        for use in uses.uses:
            name = use.weights[0] if use.weights else ""
            executed = use.executed
            if during is not None and name in during and subject.weights.kind == "zero":
                executed = use.macs * during[name] // masks[name].numel()
            forward += executed
            to_input += executed * (2 if use.between else 1) if use.trained else 0
            if name:
                share = (kept | (during or {})).get(name)
                to_weight += use.macs if share is None else use.macs * share // masks[name].numel()
        runs = _runs_per_example(subject.history.settings.get("adversarial"))
        parts = {
            "forward": runs.forward * forward,
            "backward_input": runs.to_images * forward + runs.to_weights * to_input,
            "backward_weight": runs.to_weights * to_weight,
        }
        parts["total"] = sum(parts.values())
        return [score("training_macs", macs * examples, at=part, n=examples) for part, macs in parts.items()]

    def _kept_while_training(self, history: History) -> dict[str, int] | None:
        """Weights that each layer kept in the mean of the epochs, as each ended; None where that never changed."""
        rows = [epoch.sparsity for epoch in history.epochs]
        masks = self.context.subject.weights.masks
        final = [1 - int(mask.count_nonzero()) / mask.numel() for mask in masks.values()]
        if all(list(row) == final for row in rows) or set(history.layers) != set(masks):
            return None
        means = (math.fsum(1 - s for s in column) / len(rows) for column in zip(*rows, strict=True))
        return {
            name: round(mean * masks[name].numel()) for name, mean in zip(history.layers, means, strict=True)
        }

    def _fast_transform(self, uses: Uses) -> float:
        total, masks = 0.0, self.context.subject.weights.masks
        for use in uses.uses:
            mask = masks.get(use.weights[0]) if use.weights else None
            if mask is None:
                total += use.executed
                continue
            q = max(mask.shape[0], mask[0].numel())
            each = q / 2 * math.log2(max(q, 2)) + mask.shape[0] + int(mask.count_nonzero())
            total += use.macs / mask.numel() * each
        return total


class _Runs(NamedTuple):
    """How often a training example runs through the network."""

    forward: int
    to_images: int
    to_weights: int


def _runs_per_example(adversarial: JsonValue) -> _Runs:
    """Once each; adversarial training looks for the images first, and TRADES learns from two of them."""
    if not isinstance(adversarial, dict):
        return _Runs(1, 0, 1)
    steps = int(str(adversarial["steps"]))
    learnt = 2 if adversarial["kind"] == "trades" else 1
    clean = 1 if adversarial["kind"] == "trades" else 0  # TRADES' search needs the clean predictions
    return _Runs(steps + learnt + clean, steps, learnt)


def _unknown(uses: Uses) -> Remark | None:
    """That weights enter operators without a rule, so that what is multiplied is not known."""
    if not uses.opaque:
        return None
    weights = list(dict.fromkeys(name for entered in uses.opaque.values() for name in entered))
    return remark("operator-without-rule", operators=list(uses.opaque), layers=weights)


def _left_out(uses: Uses) -> tuple[Remark, ...]:
    """What the count does not have in it."""
    left_out = []
    if uses.unsupported:
        left_out.append(remark("operators-not-counted", operators=list(uses.unsupported)))
    if uses.broadcast:
        left_out.append(remark("broadcast-not-counted", products=sum(uses.broadcast.values())))
    return tuple(left_out)


def _differing(counter: str, operators: list[str]) -> tuple[Remark, ...]:
    """That another counter counts otherwise, and in which operators."""
    return (remark("counters-differ", counter=counter, operators=operators),) if operators else ()


def _verdict(dense: int, executed: int, kind: str) -> Remark:
    if kind != "zero" or executed >= dense:
        return remark("saves-no-macs", offset=kind)
    return remark("fewer-macs", factor=dense / executed) if executed else remark("nothing-computed")
