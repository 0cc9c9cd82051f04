"""AutoAttack: the standard ensemble, each attack on what those before it left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.autoattack import autoattack, left_out
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.torchattacks_adapter import library
from sparserobust.records import Remark
from sparserobust.scoring import Batch, BudgetSweep, Context, Measurement


class AutoAttack(BudgetSweep):
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
    title = "AutoAttack"
    source = "Croce and Hein 2020, arXiv:2003.01690, standard version"
    draws_by_batch = True
    needs_gradient = False
    default_eps: ClassVar[dict[Norm, tuple[float, ...]]] = {"linf": (8 / 255,), "l2": (0.5,)}
    headline: ClassVar[dict[Norm, float]] = {"linf": 8 / 255, "l2": 0.5}

    def __init__(self, *, norm: Norm = "linf", eps: Sequence[float] | None = None, seed: int = 0) -> None:
        super().__init__(norm, eps)
        self.seed = seed

    def begin(self, context: Context) -> Measurement:
        """Starts the attack; raises ConfigError where torchattacks is not installed."""
        library()
        return super().begin(context)

    def within(self, batch: Batch, eps: float) -> Tensor:
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
