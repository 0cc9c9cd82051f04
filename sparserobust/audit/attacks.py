"""The attacks of the audit on one batch: which example is broken by what, at every eps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sparserobust.attacks.ddn import ddn
from sparserobust.attacks.draws import streams, uniform
from sparserobust.attacks.fgsm import fgsm_step
from sparserobust.attacks.losses import SOFT_MARGIN, cross_entropy, margin
from sparserobust.attacks.oracle import AttackLoss, Oracle
from sparserobust.attacks.pgd import pgd
from sparserobust.attacks.repairs import repaired_losses
from sparserobust.attacks.square import square
from sparserobust.audit.evidence import REPAIRED
from sparserobust.scoring.batch import Batch

DDN_STEPS = 100
DRAWS = 100
"""Most uniform draws of noise for each example and eps."""

Chosen = Int[Tensor, " chosen"]
Attack = Callable[[Chosen, float], Tensor]
"""(indices into the batch, eps) -> images within eps of theirs."""


@dataclass(frozen=True)
class AuditSettings:
    """Settings of an audit; see `GradientMasking`. `title` is that of the audited attack."""

    attack: str
    title: str
    eps: tuple[float, ...]
    steps: int
    queries: int
    seed: int


class AuditAttacks:
    """Every attack of the audit on one batch of examples that the model gets right.

    Args:
        settings: of the audit.
        batch: all of them right.
        double: the model in float64, None where it has none.
        dense: the dense model, whose images are lent, None without one.
        passes: where example-passes are counted.
    """

    def __init__(
        self,
        settings: AuditSettings,
        batch: Batch,
        double: nn.Module | None,
        dense: nn.Module | None,
        passes: Counter[str],
    ) -> None:
        self.settings = settings
        self.batch = batch
        self.double = double
        self.dense = dense
        self.passes = passes
        self.oracle = Oracle(batch.model, passes)

    def broken(self) -> dict[str, Bool[Tensor, "eps n"]]:
        """Name -> whether the attack fools the model. What gradients broke is spared those that need none."""
        own, found = self.settings, {"reported": self._audited(self.oracle, cross_entropy)}
        for name, (loss, needs_double) in repaired_losses(self.batch.logits, self.batch.labels).items():
            if not needs_double:
                found[f"{REPAIRED}{name}"] = self._audited(self.oracle, loss)
            elif self.double is not None:
                found[f"{REPAIRED}{name}"] = self._audited(Oracle(self.double, self.passes), loss)
        found["pgd margin"] = self._at_each_eps(self._pgd(self.oracle, (SOFT_MARGIN,)))
        found["pgd cross-entropy"] = self._at_each_eps(self._pgd(self.oracle, ("cross-entropy",)))
        more = self._pgd(self.oracle, (SOFT_MARGIN,), times=2, restarts=2)
        found["pgd, twice the steps"] = self._at_each_eps(more, _standing(found))
        images, labels = self.batch.images, self.batch.labels
        _, distance = ddn(self.oracle, images, labels, steps=DDN_STEPS, norm="linf")
        found["ddn"] = torch.stack([distance <= eps for eps in own.eps])
        standing = _standing(found)
        found["square"] = self._at_each_eps(self._square, standing)
        found["noise"] = self._at_each_eps(self._noise, standing)
        if self.dense is not None:
            lent = Oracle(self.dense, self.passes)
            found["transfer"] = self._at_each_eps(self._pgd(lent, (SOFT_MARGIN,)))
        return found

    def _audited(self, oracle: Oracle, loss: AttackLoss) -> Bool[Tensor, "eps n"]:
        """The audited attack with this loss, on a model that decides alike."""
        if self.settings.attack == "pgd":
            return self._at_each_eps(self._pgd(oracle, (loss,)))
        batch = self.batch
        _, _, gradient = oracle.gradient(self._typed(oracle, batch.images), batch.labels, loss)
        step = gradient.to(batch.images)
        return self._at_each_eps(lambda which, eps: fgsm_step(batch.images[which], step[which], eps))

    def _typed(self, oracle: Oracle, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The images in float64 for the model that is to be attacked in it."""
        return images.double() if oracle.model is self.double else images

    def _pgd(
        self, oracle: Oracle, losses: Sequence[str | AttackLoss], *, times: int = 1, restarts: int = 1
    ) -> Attack:
        def attack(which: Chosen, eps: float) -> Float[Tensor, "chosen c h w"]:
            images, labels = self.batch.images[which], self.batch.labels[which]
            found = pgd(
                oracle,
                self._typed(oracle, images),
                labels,
                norm="linf",
                eps=eps,
                steps=times * self.settings.steps,
                restarts=restarts,
                losses=losses,
                seed=self.settings.seed,
            )
            return found.to(images)

        return attack

    def _square(self, which: Chosen, eps: float) -> Float[Tensor, "chosen c h w"]:
        own = self.settings
        images, labels = self.batch.images[which], self.batch.labels[which]
        return square(self.oracle, images, labels, norm="linf", eps=eps, queries=own.queries, seed=own.seed)

    def _noise(self, which: Chosen, eps: float) -> Float[Tensor, "chosen c h w"]:
        """The uniform draw with the largest margin."""
        images, labels = self.batch.images[which], self.batch.labels[which]
        owners = streams(images, self.settings.seed, "noise")
        best, most = images.clone(), torch.full((len(labels),), -torch.inf).to(images)
        for _ in range(min(self.settings.queries, DRAWS)):
            drawn = uniform(owners, tuple(images.shape[1:]), images, low=-eps, high=eps)
            moved = (images + drawn).clamp(0, 1)
            reached = margin(self.oracle.logits(moved), labels)
            better = reached > most
            best[better], most[better] = moved[better], reached[better]
        return best

    def _at_each_eps(self, attack: Attack, standing: Tensor | None = None) -> Bool[Tensor, "eps n"]:
        """Whether the model itself is fooled by what the attack makes of the examples still standing."""
        labels, eps = self.batch.labels, self.settings.eps
        found = torch.zeros(len(eps), len(labels), dtype=torch.bool, device=labels.device)
        for row, budget in enumerate(eps):
            which = torch.arange(len(labels), device=labels.device)
            which = which if standing is None else which[standing[row]]
            if len(which):
                found[row, which] = self.oracle.fooled(attack(which, budget), labels[which])
        return found


def _standing(found: dict[str, Tensor]) -> Bool[Tensor, "eps n"]:
    """What nothing has broken so far."""
    return ~torch.stack(list(found.values())).any(dim=0)
