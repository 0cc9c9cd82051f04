"""Carlini-Wagner: the smallest l2 change that fools the model, and success within distance caps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from sparserobust.attacks.foolbox_adapter import carlini_wagner_l2
from sparserobust.errors import ConfigError
from sparserobust.records import ScoreSpec
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.budget import Norm

CORNER_TRAVEL = 8.0
"""What steps * stepsize must reach so that a pixel at 0 or 1 can leave its corner: it starts at
atanh(0.999999) = 7.25 in tanh space and Adam moves it by about one step size per step."""


class CarliniWagner(AttackEvaluator):
    """The l2 attack of Carlini and Wagner, through foolbox.

    Two traps of foolbox are closed: where it fails it returns a black image and may call that a success,
    which counts as not found here; and with too few or too small steps it cannot move pixels at 0 or 1,
    which is a warning in the record. Its early abort depends on the batch and is off. Where nothing was
    found the distance is infinite.

    Args:
        eps: l2 distance caps that success is reported at, in pixels from 0 to 1.
        binary_search_steps: over the trade-off constant. foolbox's own preset is 9 x 10000 steps of 0.01.
        steps: of Adam, per search step.
        stepsize: of Adam, in tanh space.
        initial_const: the first trade-off constant.
        confidence: logit margin that an adversarial image must have.

    Raises:
        ConfigError: a setting that cannot be.
    """

    name = "carlini-wagner"
    source = "Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-A; foolbox L2CarliniWagnerAttack"
    norm: ClassVar[Norm] = "l2"
    minimum_norm = True
    headline_eps = 0.5
    scores = (
        ScoreSpec(
            name="median_l2",
            unit="l2",
            higher_is_better=True,
            about="median distance, initially correct examples",
        ),
        ScoreSpec(
            name="robust_accuracy",
            unit="fraction",
            higher_is_better=True,
            axis="l2 distance",
            headline=True,
            about="correct, and no adversarial image found within the distance, over all examples",
        ),
        ScoreSpec(
            name="attack_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis="l2 distance",
            about="found within the distance, among the initially correct",
        ),
        ScoreSpec(
            name="rescaled_success_rate",
            unit="fraction",
            higher_is_better=False,
            axis="l2 distance",
            about="the image scaled back to the distance still fools, among the initially correct (foolbox's rule)",
        ),
        ScoreSpec(
            name="paper_success",
            unit="fraction",
            higher_is_better=False,
            axis="l2 distance",
            about="SNIP-it's figure: clean error + (1 - clean error) * rescaled success, over all examples",
        ),
    )

    def __init__(
        self,
        *,
        eps: Sequence[float] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        binary_search_steps: int = 5,
        steps: int = 100,
        stepsize: float = 0.1,
        initial_const: float = 1.0,
        confidence: float = 0.0,
    ) -> None:
        self.eps = tuple(float(e) for e in eps)
        if (
            not self.eps
            or not all(0 < e < float("inf") for e in self.eps)
            or len(set(self.eps)) < len(self.eps)
        ):
            raise ConfigError(f"eps must be one or more different distances > 0, got {list(eps)}")
        if min(binary_search_steps, steps) < 1 or min(stepsize, initial_const) <= 0 or confidence < 0:
            raise ConfigError(
                "binary_search_steps and steps must be >= 1, stepsize and initial_const > 0, confidence >= 0; got "
                f"{binary_search_steps}, {steps}, {stepsize:g}, {initial_const:g}, {confidence:g}"
            )
        self.binary_search_steps = binary_search_steps
        self.steps = steps
        self.stepsize = stepsize
        self.initial_const = initial_const
        self.confidence = confidence

    def perturb(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images, whether one was found)."""
        batch.passes["forward"] += len(batch) * self.binary_search_steps * self.steps
        batch.passes["backward"] += len(batch) * self.binary_search_steps * self.steps
        return carlini_wagner_l2(
            batch.model,
            batch.images,
            batch.labels,
            binary_search_steps=self.binary_search_steps,
            steps=self.steps,
            stepsize=self.stepsize,
            initial_const=self.initial_const,
            confidence=self.confidence,
        )

    def warn(self) -> tuple[str, ...]:
        """A warning when pixels at 0 or 1 cannot leave their corner."""
        travel = self.steps * self.stepsize
        if travel >= CORNER_TRAVEL:
            return ()
        return (
            f"steps * stepsize = {travel:g} is below {CORNER_TRAVEL:g}: pixels at 0 or 1 may not move and the "
            "attack may fail for that reason alone; raise steps or stepsize",
        )
