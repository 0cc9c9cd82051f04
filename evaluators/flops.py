"""FLOPs: multiply-adds of the dense network by fvcore, those really executed, and those of training."""

from __future__ import annotations

import logging
import math
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd

from sparserobust.device import dtype_of
from sparserobust.records import History, Outcome, Remark, Score, ScoreSpec, Table, remark
from sparserobust.scoring import Context, Evaluator, Measurement
from sparserobust.weights.plan import plain_copy, prunable_modules, weight_of

MULTIPLYING = ("conv", "linear", "addmm", "matmul", "bmm", "mm", "einsum")
"""fvcore's operators whose multiply-adds count; all others are listed by name."""


@dataclass
class _Use:
    """How one layer is used in a forward pass of one image."""

    positions: int = 0
    input_needs_gradient: bool = False


@dataclass(frozen=True, kw_only=True)
class FLOPs(Evaluator):
    """Multiply-adds (MACs) for one image; one MAC is two FLOPs.

    `executed_macs` multiplies the non-zeros of the effective weights by the positions they are used at:
    a frozen or DCT network is dense and saves nothing. What a pruned one saves needs hardware or kernels
    that skip zeros. Training MACs: forward and backward-to-input on the non-zeros, backward-to-weight on
    the mask, times the training examples that the history counts; adversarial training runs each several times.
    Where a method prunes while it trains, masks are those at the ends of the epochs.
    """

    name: ClassVar[str] = "flops"
    title: ClassVar[str] = "FLOPs"
    source: ClassVar[str] = (
        "fvcore FlopCountAnalysis; training: Evci et al. 2020 (RigL), appendix H, by masks"
    )
    sees_data: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(name="dense_macs", unit="MACs", about="conv, linear and matmul of the network as built"),
        ScoreSpec(
            name="executed_macs",
            unit="MACs",
            higher_is_better=False,
            headline=True,
            about="non-zeros of the effective weights x output positions",
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
        """Skipped for a model without weights that could be sparse."""
        context.require_prunable()
        return _Counting(self, context)


class _Counting(Measurement):
    def __init__(self, evaluator: FLOPs, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context

    def finish(self) -> Outcome:
        score, subject = self.evaluator.score, self.context.subject
        example = torch.zeros(
            1, *self.context.input_shape, device=self.context.device, dtype=dtype_of(subject.model)
        )
        plain = plain_copy(subject.model)
        operators, unsupported = count_by_operator(plain, example)
        uses = trace_uses(plain, example)
        modules = prunable_modules(subject.model)
        masks = subject.weights.masks
        nonzero = {name: int((weight_of(module) != 0).sum()) for name, module in modules.items()}
        in_layers = sum(masks[name].numel() * use.positions for name, use in uses.items())
        dense = sum(operators[name] for name in operators if name in MULTIPLYING)
        elsewhere = max(0, dense - in_layers)  # products that belong to no layer, such as attention
        executed = sum(nonzero[name] * use.positions for name, use in uses.items()) + elsewhere
        scores = [score("dense_macs", dense), score("executed_macs", executed)]
        scores += self._training(nonzero, uses)
        if subject.weights.kind == "dct":
            scores.append(score("fast_transform_macs", self._fast_transform(uses)))
        columns = ("layer", "positions", "dense_macs", "executed_macs", "reduction")
        rows = tuple(
            (
                name,
                use.positions,
                masks[name].numel() * use.positions,
                nonzero[name] * use.positions,
                round(masks[name].numel() / nonzero[name], 4) if nonzero[name] else None,
            )
            for name, use in uses.items()
        )
        listed = [
            (name, count, "counted" if name in MULTIPLYING else "listed") for name, count in operators.items()
        ]
        listed += [(name, times, "unsupported") for name, times in unsupported.items()]
        return self.evaluator.outcome(
            scores=tuple(scores),
            tables={
                "layers": Table(columns=columns, rows=rows),
                "operators": Table(columns=("operator", "count", "how"), rows=tuple(listed)),
            },
            verdict=_verdict(dense, executed, subject.weights.kind),
        )

    def _training(self, nonzero: dict[str, int], uses: dict[str, _Use]) -> list[Score]:
        score, subject = self.evaluator.score, self.context.subject
        if subject.history is None:
            return [score("training_macs", None, at="total", reason=remark("no-training-history"))]
        examples = subject.history.examples
        kept = {name: int(mask.sum()) for name, mask in subject.weights.masks.items()}
        if (during := self._kept_while_training(subject.history)) is not None:
            kept = during
            nonzero = during if subject.weights.kind == "zero" else nonzero
        forward = sum(nonzero[name] * use.positions for name, use in uses.items())
        to_input = sum(
            nonzero[name] * use.positions for name, use in uses.items() if use.input_needs_gradient
        )
        to_weight = sum(kept[name] * use.positions for name, use in uses.items())
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
        final = [1 - int(mask.sum()) / mask.numel() for mask in masks.values()]
        if all(list(row) == final for row in rows) or set(history.layers) != set(masks):
            return None
        means = (math.fsum(1 - s for s in column) / len(rows) for column in zip(*rows, strict=True))
        return {
            name: round(mean * masks[name].numel()) for name, mean in zip(history.layers, means, strict=True)
        }

    def _fast_transform(self, uses: dict[str, _Use]) -> float:
        total = 0.0
        for name, use in uses.items():
            mask = self.context.subject.weights.masks[name]
            q = max(mask.shape[0], mask[0].numel())
            total += use.positions * (q / 2 * math.log2(max(q, 2)) + mask.shape[0] + int(mask.sum()))
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


def count_by_operator(model: nn.Module, example: Tensor) -> tuple[Counter[str], Counter[str]]:
    """(fvcore's counts by operator, calls of operators it has no rule for); one MAC counted once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit's deprecation, raised on import and while tracing
        from fvcore.nn import FlopCountAnalysis

        analysis = (
            FlopCountAnalysis(model, example).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        )
        analysis.tracer_warnings("none")
        level = logging.getLogger("fvcore").level
        counts = Counter({name: int(count) for name, count in analysis.by_operator().items()})
        logging.getLogger("fvcore").setLevel(level)
        return counts, Counter(analysis.unsupported_ops())


def trace_uses(model: nn.Module, example: Tensor) -> dict[str, _Use]:
    """For each prunable weight: at how many positions a forward pass of `example` uses it."""
    modules = prunable_modules(model)
    uses = {name: _Use() for name in modules}
    handles = []

    def watch(name: str) -> Any:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if isinstance(module, _ConvTransposeNd):
                positions = inputs[0].numel() // inputs[0].shape[1]
            else:
                positions = output.numel() // weight_of(module).shape[0]
            uses[name].positions += positions
            uses[name].input_needs_gradient |= inputs[0].requires_grad

        return hook

    model.requires_grad_(True)
    try:
        for name, module in modules.items():
            handles.append(module.register_forward_hook(watch(name)))
        with torch.enable_grad():
            model(example)
    finally:
        for handle in handles:
            handle.remove()
    return uses


def _verdict(dense: int, executed: int, kind: str) -> Remark:
    if kind != "zero" or executed >= dense:
        return remark("saves-no-macs", offset=kind)
    return remark("fewer-macs", factor=dense / executed) if executed else remark("nothing-computed")
