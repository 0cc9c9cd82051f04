"""AutoAttack, standard version: four attacks, each on the examples that none before it has broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.attacks import torchattacks_adapter
from sparserobust.attacks.budget import Norm, project
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.square import square
from sparserobust.attacks.third_party import Lent, usable
from sparserobust.device import repeatable
from sparserobust.records import Remark, remark
from sparserobust.seeds import derived_seed

ATTACKS = ("apgd-ce", "apgd-t", "fab-t", "square")
STEPS = 100
QUERIES = 5_000
TARGETS = 9
LEAST_CLASSES = 4
"""The targeted loss divides by a gap between the first logit and the third and fourth."""
NORMS = {"linf": "Linf", "l2": "L2"}


@dataclass(frozen=True)
class AutoAttackResult:
    """What AutoAttack found.

    Attributes:
        images: (n, c, h, w), those that fool the model; the clean one where none does.
        broken_by: for each attack in its order, (n,): whether it was the first to fool the model.
        notes: what was left out, and why.
    """

    images: Float[Tensor, "n c h w"]
    broken_by: dict[str, Tensor]
    notes: tuple[Remark, ...] = ()


def autoattack(
    model: nn.Module,
    images: Float[Tensor, "n c h w"],
    labels: Int[Tensor, " n"],
    *,
    norm: Norm,
    eps: float,
    seed: int,
    passes: Counter[str] | None = None,
) -> AutoAttackResult:
    """APGD on the cross-entropy, targeted APGD, targeted FAB and Square, each on what is left.

    The settings are those of the authors' code: 100 steps without restarts, the nine likeliest other classes
    as targets, 5,000 queries. torchattacks.AutoAttack is not it: it takes 10 steps and every class as a
    target, and does not tell what broke whom. Of its parts, APGD and FAB run here as they are; APGDT, which
    moves every example by the l2 step size of the first, is APGD on the targeted loss here; and Square,
    which crashes or misses pixels for many image sizes, is ours.

    An example that is wrong already is not attacked. What an attack returns is put into the budget and judged
    by the model before it counts. The random starts of APGD are drawn for a whole batch and follow it.

    Args:
        model: in evaluation mode, its parameters not asking for gradients.
        images: in [0, 1].
        labels: what the model is to be led away from.
        norm: of the budget.
        eps: budget in pixel units; with 0 nothing is attacked.
        seed: of the random starts and of Square.
        passes: where "forward" and "backward" are counted, one for each example.

    Raises:
        ConfigError: torchattacks is not installed.
        ModelError: the model is not differentiable.
    Source: Croce and Hein 2020, arXiv:2003.01690, sec. 5.
    """
    library, lent = torchattacks_adapter.library(), Lent(model, images, passes)
    with torch.no_grad():
        clean = lent(images)
    alive = clean.argmax(dim=1) == labels
    broken_by = {name: torch.zeros_like(alive) for name in ATTACKS}
    found = images.clone()
    targets = clean.scatter(1, labels.unsqueeze(1), -torch.inf).argsort(dim=1, descending=True)
    targets = targets[:, : min(TARGETS, clean.shape[1] - 1)]
    suite = _Suite(lent, targets, norm, eps, seed, Oracle(model, passes), library)
    for part, (name, attack) in enumerate(suite.parts()):
        left = alive.nonzero().squeeze(1)
        if not len(left) or eps == 0:
            break
        x, y = images[left], labels[left]
        with repeatable(derived_seed(seed, f"autoattack {part}"), images.device):
            candidates = project(x, usable(x, attack(x, y, left)), norm, eps)
        with torch.no_grad():
            fooled = lent(candidates).argmax(dim=1) != y
        found[left[fooled]] = candidates[fooled]
        broken_by[name][left[fooled]] = True
        alive[left[fooled]] = False
    return AutoAttackResult(found, broken_by, left_out(clean.shape[1]))


def left_out(classes: int) -> tuple[Remark, ...]:
    """What is not run on a model of so many classes, and why."""
    if classes >= LEAST_CLASSES:
        return ()
    return (remark("part-left-out", part="apgd-t", needs=LEAST_CLASSES, classes=classes),)


Part = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(images, labels, their places in the batch) -> images."""


@dataclass(frozen=True)
class _Suite:
    """The four attacks, as functions of what is left of a batch."""

    lent: Lent
    targets: Tensor
    norm: Norm
    eps: float
    seed: int
    oracle: Oracle
    library: Any

    def parts(self) -> list[tuple[str, Part]]:
        """(name of the attack, what to run) in order; targeted APGD comes once for each target."""
        ranks = range(0 if left_out(self.targets.shape[1] + 1) else self.targets.shape[1])
        targeted: list[tuple[str, Part]] = [("apgd-t", partial(self.apgd_t, rank)) for rank in ranks]
        return [("apgd-ce", self.apgd_ce), *targeted, ("fab-t", self.fab_t), ("square", self.square)]

    def apgd_ce(self, images: Tensor, labels: Tensor, _: Tensor) -> Tensor:
        found: Tensor = self.apgd("ce").attack_single_run(images.float(), labels)[3]
        return found

    def apgd_t(self, rank: int, images: Tensor, labels: Tensor, places: Tensor) -> Tensor:
        attack = self.apgd("dlr")
        attack.dlr_loss = partial(_targeted_ratio, self.targets[places, rank])
        found: Tensor = attack.attack_single_run(images.float(), labels)[3]
        return found

    def apgd(self, loss: str) -> Any:
        return self.library.APGD(self.lent, norm=NORMS[self.norm], eps=self.eps, steps=STEPS, loss=loss)

    def fab_t(self, images: Tensor, labels: Tensor, _: Tensor) -> Tensor:
        settings = {"norm": NORMS[self.norm], "eps": self.eps, "steps": STEPS, "multi_targeted": True}
        attack = self.library.FAB(self.lent, **settings, n_classes=self.targets.shape[1] + 1)
        found: Tensor = attack(images.float(), labels)
        return found

    def square(self, images: Tensor, labels: Tensor, _: Tensor) -> Tensor:
        return square(
            self.oracle,
            images,
            labels,
            norm=self.norm,
            eps=self.eps,
            queries=QUERIES,
            horizon=2 * QUERIES,  # theirs follows the schedule for 10,000
            seed=self.seed,
        )


def _targeted_ratio(
    targets: Int[Tensor, " n"], logits: Float[Tensor, "n k"], labels: Int[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """The target's logit minus the label's, over a gap of the ordered logits that takes the scale out.

    Source: Croce and Hein 2020, arXiv:2003.01690, eq. 7.
    """
    ordered = logits.sort(dim=1, descending=True).values
    gap = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    difference = logits.gather(1, targets.unsqueeze(1)) - logits.gather(1, labels.unsqueeze(1))
    return difference.squeeze(1) / (gap + 1e-12)
