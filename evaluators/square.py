"""Square: what accuracy is left against random search without gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from sparserobust.arguments import seed_number, whole_number
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.square import square
from sparserobust.scoring import Batch, BudgetSweep


class Square(BudgetSweep):
    """The Square attack: random windows that make the margin grow, in linf or l2.

    It asks for logits only and is not misled by gradients that are: it also runs on models that cannot be
    differentiated. Each image has random numbers of its own, so neither the batch nor the order matters. It is
    weaker than attacks that follow sound gradients; alone it is an upper bound on robustness.

    Args:
        norm: "linf" or "l2"; the second is an evaluator of its own, `square-l2`.
        eps: budgets in pixels from 0 to 1.
        queries: forward passes at most for each example and eps.
        seed: of the windows.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "square"
    title = "Square"
    source = "Andriushchenko et al. 2020, arXiv:1912.00049, Algorithms 1 to 3"
    access = "black-box"
    needs_gradient = False
    default_eps: ClassVar[dict[Norm, tuple[float, ...]]] = {"linf": (0.05, 0.1, 0.2), "l2": (0.5, 1.0, 2.0)}

    def __init__(
        self, *, norm: Norm = "linf", eps: Sequence[float] | None = None, queries: int = 1000, seed: int = 0
    ) -> None:
        super().__init__(norm, eps)
        self.queries = whole_number("queries", queries, least=1)
        self.seed = seed_number(seed)

    def within(self, batch: Batch, eps: float) -> Tensor:
        """The first image that fools the model, or the one of largest margin."""
        return square(
            Oracle(batch.model, batch.passes),
            batch.images,
            batch.labels,
            norm=self.norm,
            eps=eps,
            queries=self.queries,
            seed=self.seed,
        )
