"""FGSM: how accuracy falls under one signed gradient step, over a sweep of eps from one gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.fgsm import fgsm_step
from sparserobust.errors import ConfigError, did_you_mean
from sparserobust.records import ScoreSpec
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.budget import Norm

BACKENDS = {"native": None, "foolbox": foolbox_adapter.fgsm, "torchattacks": torchattacks_adapter.fgsm}
FORWARDS_PER_EPS = {"foolbox": 2, "torchattacks": 1}
"""foolbox runs the model once more on what it found."""


class FGSM(AttackEvaluator):
    """Fast gradient sign method on the cross-entropy, and the same step on the margin beside it.

    A first check on gradient masking comes with it: the share of examples whose loss gradient is zero
    everywhere, and the success of the same step on the logit margin. Where the margin succeeds and the
    loss does not, the gradient of the loss misled the attack. It remains an upper bound on robustness.

    Args:
        eps: linf budgets in pixels from 0 to 1, each >= 0.
        backend: "native" (one gradient for all eps), "foolbox" or "torchattacks" (one per eps).
        margin: whether the margin is attacked too.

    Raises:
        ConfigError: no eps, a negative one, or an unknown backend.
    """

    name = "fgsm"
    source = "Goodfellow et al. 2015, arXiv:1412.6572, sec. 4"
    norm: ClassVar[Norm] = "linf"
    headline_eps = 0.1
    checks_gradient = True
    scores = (
        ScoreSpec(
            name="robust_accuracy",
            unit="fraction",
            higher_is_better=True,
            axis="eps",
            headline=True,
            about="correct and stays correct, over all examples",
        ),
        ScoreSpec(
            name="attack_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis="eps",
            about="no longer correct, among the initially correct",
        ),
        ScoreSpec(
            name="margin_attack_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis="eps",
            about="the same for a step on the margin between the predicted and the next logit",
        ),
        ScoreSpec(
            name="zero_gradient_share",
            unit="fraction",
            higher_is_better=False,
            about="examples whose loss gradient is zero at every pixel",
        ),
    )

    def __init__(
        self,
        *,
        eps: Sequence[float] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        backend: str = "native",
        margin: bool = True,
    ) -> None:
        self.eps = tuple(float(e) for e in eps)
        if not self.eps or not all(0 <= e <= 1 for e in self.eps) or len(set(self.eps)) < len(self.eps):
            hint = "; did you mean n/255?" if self.eps and max(self.eps) > 1 else ""
            raise ConfigError(f"eps must be one or more different numbers in [0, 1], got {list(eps)}{hint}")
        if backend not in BACKENDS:
            raise ConfigError(
                f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}{did_you_mean(backend, BACKENDS)}"
            )
        self.backend = backend
        self.margin = self.has_second_opinion = margin

    def perturb(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """(eps, images) for every eps."""
        attack = BACKENDS[self.backend]
        if attack is not None:
            batch.passes["forward"] += FORWARDS_PER_EPS[self.backend] * len(batch) * len(self.eps)
            batch.passes["backward"] += len(batch) * len(self.eps)
            yield from zip(self.eps, attack(batch.model, batch.images, batch.labels, self.eps), strict=True)
            return
        gradient = batch.loss_gradient
        for eps in self.eps:
            yield eps, fgsm_step(batch.images, gradient, eps)

    def second_opinion(self, batch: Batch) -> Iterator[tuple[float, Tensor]]:
        """The same step down the margin."""
        gradient = -batch.margin_gradient
        for eps in self.eps:
            yield eps, fgsm_step(batch.images, gradient, eps)
