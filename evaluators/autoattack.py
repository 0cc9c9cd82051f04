"""AutoAttack: the standard ensemble, each attack on what those before it left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.autoattack import autoattack, left_out
from sparserobust.attacks.torchattacks_adapter import library
from sparserobust.records import Remark
from sparserobust.scoring import Batch, BudgetSweep, Context, Measurement
from sparserobust.settings import Seed


@dataclass(frozen=True, kw_only=True)
class AutoAttack(BudgetSweep):
    """AutoAttack, standard version: apgd-ce, apgd-t, fab-t and square with the authors' settings.

    It costs up to 8,000 forward passes for each example that nothing breaks. APGD and FAB come from torchattacks
    (the extra of that name) with the authors' steps and targets, which are not torchattacks' own; Square is ours.
    Their random starts are drawn for a batch at once and follow its size.

    Attributes:
        norm: "linf" or "l2"; the second is an evaluator of its own, `autoattack-l2`.
        eps: budgets in pixels from 0 to 1; 8/255 (linf) or 0.5 (l2) are RobustBench's on CIFAR-10.
        seed: of all that is drawn.
    """

    name: ClassVar[str] = "autoattack"
    title: ClassVar[str] = "AutoAttack"
    source: ClassVar[str] = "Croce and Hein 2020, arXiv:2003.01690, standard version"
    draws_by_batch: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = False
    default_eps: ClassVar[Mapping[str, tuple[float, ...]]] = {"linf": (8 / 255,), "l2": (0.5,)}

    seed: Seed = 0

    @property
    def headline_eps(self) -> float:
        """RobustBench's budget."""
        return self.default_eps[self.norm][0]

    def begin(self, context: Context) -> Measurement:
        """Starts the attack; raises ConfigError where torchattacks is not installed."""
        library()
        return super().begin(context)

    def within_one(self, batch: Batch, eps: float) -> Tensor:
        """What the first of the four attacks to fool the model returned."""
        result = autoattack(
            batch.model,
            batch.images,
            batch.labels,
            norm=self.norm,
            eps=eps,
            seed=self.seed,
            passes=batch.passes,
        )
        return result.images

    def warn(self, classes: int) -> tuple[Remark, ...]:
        """That a part was left out, where there are too few classes for it."""
        return left_out(classes)
