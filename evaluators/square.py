"""Square: what accuracy is left against random search without gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.square import square
from sparserobust.records.outcome import Access
from sparserobust.scoring import Batch, BudgetSweep
from sparserobust.settings import Positive, Seed


@dataclass(frozen=True, kw_only=True)
class Square(BudgetSweep):
    """The Square attack: random windows that make the margin grow, in linf or l2.

    It asks for logits only and is not misled by gradients that are: it also runs on models that cannot be
    differentiated. Each image has random numbers of its own, so neither the batch nor the order matters. It is
    weaker than attacks that follow sound gradients; alone it is an upper bound on robustness.

    Attributes:
        norm: "linf" or "l2"; the second is an evaluator of its own, `square-l2`.
        eps: budgets in pixels from 0 to 1.
        queries: forward passes at most for each example and eps.
        seed: of the windows.
    """

    name: ClassVar[str] = "square"
    title: ClassVar[str] = "Square"
    source: ClassVar[str] = "Andriushchenko et al. 2020, arXiv:1912.00049, Algorithms 1 to 3"
    access: ClassVar[Access] = "black-box"
    needs_gradient: ClassVar[bool] = False
    default_eps: ClassVar[Mapping[str, tuple[float, ...]]] = {"linf": (0.05, 0.1, 0.2), "l2": (0.5, 1.0, 2.0)}

    queries: Positive = 1000
    seed: Seed = 0

    def within_one(self, batch: Batch, eps: float) -> Tensor:
        """The first image that fools the model, or the one of largest margin."""
        return square(
            batch.oracle,
            batch.images,
            batch.labels,
            norm=self.norm,
            eps=eps,
            queries=self.queries,
            seed=self.seed,
        )
