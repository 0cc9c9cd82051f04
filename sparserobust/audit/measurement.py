"""The gradient-masking audit under way: every batch is attacked, and all of them are judged together."""

from __future__ import annotations

import numpy as np
import torch

from sparserobust.attacks.repairs import in_float64
from sparserobust.audit.attacks import AuditAttacks, AuditSettings
from sparserobust.audit.clean_facts import clean_facts
from sparserobust.audit.verdict import audit
from sparserobust.errors import ModelError
from sparserobust.records import AuditFacts, AuditState, Outcome, remark
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, Skip
from sparserobust.scoring.evaluator_base import EvaluatorBase
from sparserobust.scoring.per_batch import Arrays, PerBatch


class AuditMeasurement(PerBatch):
    """Which example is broken by what, at every eps, and what its gradient looks like."""

    def __init__(self, evaluator: EvaluatorBase, context: Context, settings: AuditSettings) -> None:
        super().__init__(evaluator, context)
        self.settings = settings

    def measure(self, batch: Batch) -> Arrays:
        try:
            self.require_attackable(batch)
            return self._measure(batch)
        except ModelError as error:
            why = remark("not-auditable", error=type(error).__name__, message=" ".join(str(error).split()))
            raise Skip(why, audit=self._came_to("not-auditable")) from None

    def _came_to(self, state: AuditState) -> AuditFacts:
        return AuditFacts(state=state, attack=self.settings.title, norm="linf")

    def _measure(self, batch: Batch) -> Arrays:
        own, correct = self.settings, batch.correct
        part = batch.only(correct, self.passes)
        double = in_float64(batch.model, batch.images)
        found: dict[str, torch.Tensor] = {}
        if len(part):
            found = AuditAttacks(own, part, double, self.context.dense_model, self.passes).broken()
            found |= clean_facts(part, double, seed=own.seed, passes=self.passes)
        where = correct.cpu()
        arrays: Arrays = {"correct": where.numpy()}
        for name, value in found.items():
            whole = torch.zeros(*value.shape[:-1], len(batch), dtype=value.dtype)
            whole[..., where] = value.cpu()
            arrays[name] = whole.numpy()
        return arrays

    def joined(self) -> Arrays:
        """The arrays over all examples; of a batch that the model got all wrong nothing is broken."""
        known = {name: array for part in self._parts for name, array in part.items()}
        for part in self._parts:
            n = len(part["correct"])
            for name in known.keys() - part.keys():
                part[name] = np.zeros((*known[name].shape[:-1], n), dtype=known[name].dtype)
        return super().joined()

    def finish(self) -> Outcome:
        """Gaps, probes and verdict."""
        arrays, own, eps = self.joined(), self.evaluator, self.settings.eps
        found = audit(arrays, eps, self.settings.title, dense=self.context.dense_model is not None)
        return own.outcome(
            scores=tuple(own.score(name, value, **facts) for name, value, facts in found.scores),
            per_example={
                "correct": arrays["correct"],
                "robust": found.audited,
                "reported_robust": found.reported,
            },
            axis=eps,
            audit=self._came_to(found.state),
            verdict=found.verdict,
            tables={"probes": found.probes},
        )
