"""The gradient-masking audit of one batch: which example is broken by what, and what its gradient looks like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from sparserobust.attacks.ddn import ddn
from sparserobust.attacks.draws import streams, uniform
from sparserobust.attacks.fgsm import fgsm_step
from sparserobust.attacks.losses import SOFT_MARGIN, cross_entropy, margin
from sparserobust.attacks.oracle import AttackLoss, Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.attacks.repairs import gradient_error, in_float64, repaired_losses
from sparserobust.attacks.square import square
from sparserobust.device import dtype_of
from sparserobust.errors import ModelError
from sparserobust.records import AuditFacts, AuditState, Outcome, remark
from sparserobust.scoring.batch import Batch
from sparserobust.scoring.contract import Context, EvaluatorBase, Skip
from sparserobust.scoring.masking import audit
from sparserobust.scoring.per_batch import Arrays, PerBatch

SATURATED = 1e-7
"""1 - p of the label in float32: below this its share of the gradient of the cross-entropy is rounded away."""
FLAT = 1e-3
"""Largest probability minus 1 / classes: below this the cross-entropy hardly knows the classes apart."""

Broken = dict[str, Tensor]


@dataclass(frozen=True)
class Plan:
    """Settings of an audit; see `GradientMasking`. `title` is that of the audited attack."""

    attack: str
    title: str
    eps: tuple[float, ...]
    steps: int
    queries: int
    seed: int


class AuditMeasurement(PerBatch):
    """Which example is broken by what, at every eps, and what its gradient looks like."""

    def __init__(self, evaluator: EvaluatorBase, context: Context, plan: Plan) -> None:
        super().__init__(evaluator, context)
        self.plan = plan

    def measure(self, batch: Batch) -> Arrays:
        try:
            self.require_attackable(batch)
            return self._measure(batch)
        except ModelError as error:
            why = remark("not-auditable", error=type(error).__name__, message=" ".join(str(error).split()))
            raise Skip(why, audit=self._came_to("not-auditable")) from None

    def _came_to(self, state: AuditState) -> AuditFacts:
        return AuditFacts(state=state, attack=self.plan.title, norm="linf")

    def _measure(self, batch: Batch) -> Arrays:
        own, correct = self.plan, batch.correct
        part = batch.only(correct, self.passes)
        double = in_float64(batch.model, batch.images)
        broken, facts = (self._broken(part, double), self._facts(part, double)) if len(part) else ({}, {})
        where = correct.cpu()
        arrays: Arrays = {"correct": where.numpy()}
        for name in (*broken, *facts):
            value = broken.get(name)
            if value is not None:
                whole = torch.zeros(len(own.eps), len(batch), dtype=torch.bool)
                whole[:, where] = value.cpu()
            else:
                whole = torch.zeros(len(batch), dtype=facts[name].dtype)
                whole[where] = facts[name].cpu()
            arrays[name] = whole.numpy()
        return arrays

    def _broken(self, batch: Batch, double: nn.Module | None) -> Broken:
        """(eps, n) for every attack: whether it fools the model. Gradient attacks spare what is broken already."""
        own, labels = self.plan, batch.labels
        oracle = Oracle(batch.model, self.passes)
        found: Broken = {"reported": self._attacked(oracle, batch, cross_entropy)}
        for name, (loss, needs_double) in repaired_losses(batch.logits, labels).items():
            if not needs_double:
                found[f"repaired by {name}"] = self._attacked(oracle, batch, loss)
            elif double is not None:
                found[f"repaired by {name}"] = self._attacked(Oracle(double, self.passes), batch, loss)
        for name, kind in (("margin", SOFT_MARGIN), ("cross-entropy", "cross-entropy")):
            found[f"pgd {name}"] = self._each_eps(batch, self._pgd(oracle, batch, (kind,), own.steps))
        standing = ~torch.stack(list(found.values())).any(dim=0)
        more = self._pgd(oracle, batch, (SOFT_MARGIN,), 2 * own.steps, restarts=2)
        found["pgd, twice the steps"] = self._each_eps(batch, more, standing)
        _, distance = ddn(oracle, batch.images, labels, steps=100, norm="linf")
        found["ddn"] = torch.stack([distance <= eps for eps in own.eps])
        standing = ~torch.stack(list(found.values())).any(dim=0)
        found["square"] = self._each_eps(batch, self._square(oracle, batch), standing)
        found["noise"] = self._each_eps(batch, self._noise(batch), standing)
        if self.context.dense_model is not None:
            lent = Oracle(self.context.dense_model, self.passes)
            found["transfer"] = self._each_eps(batch, self._pgd(lent, batch, (SOFT_MARGIN,), own.steps))
        return found

    def _attacked(self, oracle: Oracle, batch: Batch, loss: AttackLoss) -> Tensor:
        """The audited attack with this loss, on a model that decides alike."""
        if self.plan.attack == "pgd":
            return self._each_eps(batch, self._pgd(oracle, batch, (loss,), self.plan.steps))
        images = batch.images.to(dtype_of(oracle.model))
        _, _, gradient = oracle.gradient(images, batch.labels, loss)
        step = gradient.to(batch.images)
        return self._each_eps(batch, lambda which, eps: fgsm_step(batch.images[which], step[which], eps))

    def _pgd(
        self, oracle: Oracle, batch: Batch, losses: Sequence[str | AttackLoss], steps: int, restarts: int = 1
    ) -> Callable[[Tensor, float], Tensor]:
        def attack(which: Tensor, eps: float) -> Tensor:
            images, labels = batch.images[which], batch.labels[which]
            found = pgd(
                oracle,
                images.to(dtype_of(oracle.model)),
                labels,
                norm="linf",
                eps=eps,
                steps=steps,
                restarts=restarts,
                losses=losses,
                seed=self.plan.seed,
            )
            return found.to(images)

        return attack

    def _square(self, oracle: Oracle, batch: Batch) -> Callable[[Tensor, float], Tensor]:
        own = self.plan
        return lambda which, eps: square(
            oracle,
            batch.images[which],
            batch.labels[which],
            norm="linf",
            eps=eps,
            queries=own.queries,
            seed=own.seed,
        )

    def _noise(self, batch: Batch) -> Callable[[Tensor, float], Tensor]:
        """The uniform draw with the largest margin."""
        own, oracle = self.plan, Oracle(batch.model, self.passes)

        def attack(which: Tensor, eps: float) -> Tensor:
            images, labels = batch.images[which], batch.labels[which]
            owners = streams(images, own.seed, "noise")
            best, most = images.clone(), torch.full((len(labels),), -torch.inf).to(images)
            for _ in range(min(own.queries, 100)):
                drawn = uniform(owners, tuple(images.shape[1:]), images, low=-eps, high=eps)
                moved = (images + drawn).clamp(0, 1)
                reached = margin(oracle.logits(moved), labels)
                better = reached > most
                best[better], most[better] = moved[better], reached[better]
            return best

        return attack

    def _each_eps(
        self, batch: Batch, attack: Callable[[Tensor, float], Tensor], standing: Tensor | None = None
    ) -> Tensor:
        """(eps, n): whether the model itself is fooled by what the attack makes of the examples still standing."""
        own, oracle = self.plan, Oracle(batch.model, self.passes)
        found = torch.zeros(len(own.eps), len(batch), dtype=torch.bool, device=batch.labels.device)
        for row, eps in enumerate(own.eps):
            which = torch.arange(len(batch), device=batch.labels.device)
            which = which if standing is None else which[standing[row]]
            if len(which):
                images = attack(which, eps)
                found[row, which] = oracle.fooled(images, batch.labels[which])
        return found

    def _facts(self, batch: Batch, double: nn.Module | None) -> dict[str, Tensor]:
        """(n,) of each: what the gradient and the softmax look like at the clean image."""
        logits, images, labels = batch.logits, batch.images, batch.labels
        top = F.softmax(logits, dim=1).amax(dim=1)
        away = -torch.expm1(-F.cross_entropy(logits.double(), labels, reduction="none"))
        flat = top < 1 / logits.shape[1] + FLAT
        unbounded = pgd(
            Oracle(batch.model, self.passes),
            images,
            labels,
            norm="linf",
            eps=1.0,
            steps=100,
        )
        error = torch.full((len(batch),), torch.nan)
        if double is not None:
            error = gradient_error(double, images.double(), labels, seed=self.plan.seed, passes=self.passes)
        return {
            "zero_gradient": (batch.loss_gradient.flatten(1) == 0).all(dim=1),
            "log_probabilities": logits.double().logsumexp(dim=1).abs() < 1e-5,
            "softmax_unusable": flat | (away < SATURATED),
            "survives_everything": Oracle(batch.model, self.passes).logits(unbounded).argmax(dim=1) == labels,
            "gradient_error": error.float(),
        }

    def finish(self) -> Outcome:
        """Gaps, probes and verdict."""
        arrays = self.joined()
        own = self.evaluator
        eps = self.plan.eps
        found = audit(arrays, eps, self.plan.title, dense=self.context.dense_model is not None)
        scores = [own.score(name, value, **facts) for name, value, facts in found.scores]
        return own.outcome(
            scores=tuple(scores),
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
