"""AutoAttack: the standard ensemble, each attack on what those before it left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from sparserobust.attacks.autoattack import autoattack
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.torchattacks_adapter import library
from sparserobust.scoring import AttackEvaluator, Batch, Context, Measurement
from sparserobust.scoring.attack_scores import BUDGET_SCORES
from sparserobust.scoring.settings import budgets, one_of

EPS: dict[Norm, tuple[float, ...]] = {"linf": (8 / 255,), "l2": (0.5,)}


class AutoAttack(AttackEvaluator):
    """AutoAttack, standard version: apgd-ce, apgd-t, fab-t and square with the authors' settings.

    It costs up to 8,000 forward passes for each example that nothing breaks. APGD and FAB come from torchattacks
    (the extra of that name) with the authors' steps and targets, which are not torchattacks' own; Square is ours.
    Their random starts are drawn for a batch at once and follow its size.

    Args:
        norm: "linf" or "l2"; the second is an evaluator of its own, `autoattack-l2`.
        eps: budgets in pixels from 0 to 1; 8/255 (linf) or 0.5 (l2) are RobustBench's on CIFAR-10.
        seed: of all that is drawn.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "autoattack"
    source = "Croce and Hein 2020, arXiv:2003.01690, standard version"
    draws_by_batch = True
    scores = BUDGET_SCORES

    def __init__(self, *, norm: Norm = "linf", eps: Sequence[float] | None = None, seed: int = 0) -> None:
        self.norm = one_of("norm", norm, EPS)
        self.eps = budgets(EPS[self.norm] if eps is None else eps, self.norm)
        self.seed = seed
        self.headline_eps = EPS[self.norm][0]
        if norm == "l2":
            self.name = "autoattack-l2"

    def begin(self, context: Context) -> Measurement:
        """Starts the attack; raises ConfigError where torchattacks is not installed."""
        library()
        return super().begin(context)

    def perturb(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) from the smallest budget to the largest; what a smaller one broke stays broken."""
        images = batch.images.clone()
        standing = batch.labels == batch.labels
        for eps in sorted(self.eps):
            result = autoattack(
                batch.model,
                batch.images[standing],
                batch.labels[standing],
                norm=self.norm,
                eps=eps,
                seed=self.seed,
                passes=batch.passes,
            )
            images[standing] = result.images
            yield eps, images.clone()
            broken = standing.clone()
            broken[standing] = sum(result.broken_by.values(), start=standing[standing] & False).bool()
            standing = standing & ~broken
