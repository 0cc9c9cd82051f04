"""Square: what accuracy is left against random search without gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from sparserobust.attacks.budget import Norm
from sparserobust.attacks.oracle import Oracle
from sparserobust.attacks.square import square
from sparserobust.errors import ConfigError
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.attack_scores import BUDGET_SCORES
from sparserobust.scoring.settings import budgets, one_of

EPS: dict[Norm, tuple[float, ...]] = {"linf": (0.05, 0.1, 0.2), "l2": (0.5, 1.0, 2.0)}


class Square(AttackEvaluator):
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
    source = "Andriushchenko et al. 2020, arXiv:1912.00049, Algorithms 1 to 3"
    scores = BUDGET_SCORES

    def __init__(
        self, *, norm: Norm = "linf", eps: Sequence[float] | None = None, queries: int = 1000, seed: int = 0
    ) -> None:
        self.norm = one_of("norm", norm, EPS)
        self.eps = budgets(EPS[self.norm] if eps is None else eps, self.norm)
        if queries < 1:
            raise ConfigError(f"queries must be at least 1, got {queries}")
        self.queries = queries
        self.seed = seed
        self.headline_eps = 0.1 if norm == "linf" else 0.5
        if norm == "l2":
            self.name = "square-l2"

    def perturb(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) from the smallest budget to the largest."""
        oracle = Oracle(batch.model, batch.passes)
        images = batch.images.clone()
        for eps in sorted(self.eps):
            standing = oracle.logits(images).argmax(dim=1) == batch.labels
            images[standing] = square(
                oracle,
                batch.images[standing],
                batch.labels[standing],
                norm=self.norm,
                eps=eps,
                queries=self.queries,
                seed=self.seed,
            )
            yield eps, images.clone()
