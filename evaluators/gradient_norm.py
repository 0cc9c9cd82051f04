"""Gradient norm at initialisation: does a gradient still flow through the sparse network before training?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.data import batches, stratified_subset
from sparserobust.device import working_dtype
from sparserobust.drawn import initial_sha256
from sparserobust.logits import require_labels_of
from sparserobust.records import Outcome, Score, ScoreSpec, Table, remark
from sparserobust.scoring import Context, Evaluator, Measurement, Skip
from sparserobust.settings import Positive
from sparserobust.subject import Subject
from sparserobust.weights.slots import slots_of


@dataclass(frozen=True, kw_only=True)
class GradientNorm(Evaluator):
    """l1 norm of the gradient of the mean loss over the whole training set, at the initial weights.

    Per kept weight, as the paper plots it, and per prunable weight without the mask, which no selection
    flatters; both also divided by the same of the dense parent. Biases are out. BatchNorm uses its running
    statistics (0 and 1 at initialisation). A mask that training has found or moved is the one that it ended
    with. Epoch by epoch the norms are in the training history; on a trained network the ratio is near 0/0 and
    is not formed.

    Attributes:
        samples: training examples, a seeded stratified subset; None for all.
    """

    name: ClassVar[str] = "gradient-norm"
    title: ClassVar[str] = "gradient norm"
    source: ClassVar[str] = "Wimmer et al. 2020 (FreezeNet), sec. 4.3, Fig. 4 left"
    sees_data: ClassVar[bool] = False
    scores: ClassVar[tuple[ScoreSpec, ...]] = (
        ScoreSpec(name="l1_per_kept", unit="l1 per weight", about="l1 norm on kept weights / kept weights"),
        ScoreSpec(
            name="l1_unmasked",
            unit="l1 per weight",
            about="l1 norm on all prunable weights / prunable weights",
        ),
        ScoreSpec(
            name="relative_to_dense",
            unit="x",
            axis="weights",
            headline=True,
            about="divided by the dense parent's: l1_per_kept at 'kept', l1_unmasked at 'unmasked'",
        ),
        ScoreSpec(
            name="layers_without_gradient",
            unit="count",
            higher_is_better=False,
            about="layers whose kept weights all have a zero gradient",
        ),
    )

    samples: Positive | None = None

    def begin(self, context: Context) -> Measurement:
        """Skipped without training data or without the initial weights."""
        if context.train is None:
            raise Skip(remark("needs-training-data"))
        if context.subject.parent is None:
            raise Skip(remark("needs-initial-weights"))
        return _Probing(self, context)


class _Probing(Measurement):
    def __init__(self, evaluator: GradientNorm, context: Context) -> None:
        self.evaluator = evaluator
        self.context = context

    def finish(self) -> Outcome:
        score, subject = self.evaluator.score, self.context.subject
        initial = subject.at_initialisation()
        assert initial is not None
        gradients = self._gradients(initial.model)
        masks = subject.weights.masks
        on_mask = {name: (g.abs() * masks[name]).sum() for name, g in gradients.items()}
        per_kept = float(sum(on_mask.values())) / subject.kept
        unmasked = float(sum(g.abs().sum() for g in gradients.values())) / subject.prunable
        n = self.examples
        dense = unmasked if _is_dense(subject) else self._dense()
        without = sum(float(total) == 0 for total in on_mask.values())
        scores = (
            score("l1_per_kept", per_kept, n=n),
            score("l1_unmasked", unmasked, n=n),
            self._relative("kept", per_kept, dense),
            self._relative("unmasked", unmasked, dense),
            score("layers_without_gradient", without, n=len(masks)),
        )
        rows = tuple(
            (name, float(on_mask[name]) / max(1, int(masks[name].sum())), float(g.abs().mean()))
            for name, g in gradients.items()
        )
        columns = ("layer", "l1_per_kept", "l1_unmasked")
        verdict = remark("layers-without-gradient", without=without, of=len(masks)) if without else None
        return self.evaluator.outcome(
            scores=scores, tables={"layers": Table(columns=columns, rows=rows)}, verdict=verdict
        )

    def _relative(self, at: str, value: float, dense: float) -> Score:
        if dense == 0:
            reason = remark("dense-without-gradient")
            return self.evaluator.score("relative_to_dense", None, at=at, reason=reason)
        return self.evaluator.score(
            "relative_to_dense", value / dense, at=at, n=self.examples, headline=at == "kept"
        )

    def _dense(self) -> float:
        """The dense parent's norm per weight; read off the dense run where that had the same parent and data."""
        context, run = self.context, self.context.dense
        sha = initial_sha256(context.subject)
        if run is not None and run.subject.initial_sha256 == sha and run.seed == context.seed:
            outcome = run.outcomes.get(self.evaluator.label)
            same = (
                outcome is not None
                and outcome.status == "ok"
                and outcome.settings == self.evaluator.resolved()
            )
            if outcome is not None and same and run.subject.method == "dense":
                recorded = outcome.score("l1_unmasked")
                if recorded.n == self.examples and recorded.value is not None:
                    return recorded.value
        parent = context.subject.dense_parent()
        assert parent is not None
        gradients = self._gradients(parent)
        return float(sum(g.abs().sum() for g in gradients.values())) / context.subject.prunable

    def _gradients(self, model: nn.Module) -> dict[str, Tensor]:
        """Name -> gradient of the mean cross-entropy over all examples, in evaluation mode."""
        context = self.context
        model.eval().requires_grad_(True)
        network = Adapter(model, context.subject.output)
        values = {name: slot.values for name, slot in slots_of(model, context.subject.weights.slots).items()}
        total = {name: torch.zeros_like(v, dtype=torch.float64) for name, v in values.items()}
        assert context.train is not None
        examples, _ = stratified_subset(context.train, self.evaluator.samples, context.seed)
        self.examples = 0
        with torch.enable_grad():
            for images, labels in batches(
                examples, context.batch_size, context.device, dtype=working_dtype(model)
            ):
                logits = network(images)
                require_labels_of(logits, labels)
                loss = F.cross_entropy(logits, labels, reduction="sum")
                gradients = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
                for sum_, gradient in zip(total.values(), gradients, strict=True):
                    if gradient is not None:
                        sum_ += gradient
                self.examples += len(labels)
        context.passes["forward"] += self.examples
        context.passes["backward"] += self.examples
        return {name: sum_ / self.examples for name, sum_ in total.items()}


def _is_dense(subject: Subject) -> bool:
    """Whether the network at initialisation is its own dense parent."""
    return subject.weights.kind == "zero" and subject.kept == subject.prunable
