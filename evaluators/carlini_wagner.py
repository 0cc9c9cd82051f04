"""Carlini-Wagner: the smallest l2 change that fools the model, and success within distance caps."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.carlini_wagner import carlini_wagner
from sparserobust.attacks.oracle import Oracle
from sparserobust.errors import ConfigError
from sparserobust.records import Remark, remark
from sparserobust.scoring import AttackEvaluator, Batch
from sparserobust.scoring.attack_scores import distance_scores
from sparserobust.scoring.settings import caps, one_of

CORNER_TRAVEL = 8.0
"""What steps * stepsize must reach so that a pixel at 0 or 1 can leave its corner in the tanh space of foolbox and
torchattacks: it starts at atanh(0.999999) = 7.25 and Adam moves it by about one step size per step."""
DEFAULTS: dict[str, dict[str, float | int]] = {
    "native": {"steps": 60, "warm_start": 60},
    "foolbox": {"steps": 1000, "binary_search_steps": 9, "stepsize": 0.01, "initial_const": 1e-3},
    "torchattacks": {"steps": 1000, "stepsize": 0.01, "initial_const": 1.0},
}


class CarliniWagner(AttackEvaluator):
    """The l2 attack of Carlini and Wagner.

    Ours starts from a minimum-norm attack, gives each example a trade-off constant of its own, measures the
    margin in units that make the scale of the logits irrelevant, keeps the best image on the way and leaves an
    example alone when it no longer improves: about 95 forward and 95 backward passes for each example, and no
    result depends on the batch. Where nothing was found the distance is infinite.

    foolbox and torchattacks are there to compare with. Their traps are closed: a black image returned on failure
    counts as not found, and too few steps for pixels at 0 or 1 to move are a warning in the record.

    Args:
        eps: l2 distance caps that success is reported at, in pixels from 0 to 1.
        backend: "native", "foolbox" or "torchattacks".
        confidence: logit margin that an adversarial image must exceed.
        steps: of Adam: 60; with foolbox 1000 for each constant, with torchattacks 1000.
        warm_start: steps of the minimum-norm attack before, 60 (native).
        early_stop: an example found within the smallest cap is not improved any further; success at the caps
            stays as it is, distances below it become upper bounds (native).
        binary_search_steps: over the trade-off constant, 9 (foolbox).
        stepsize: of Adam in tanh space, 0.01 (foolbox, torchattacks).
        initial_const: the first trade-off constant, 0.001 (foolbox), or the only one, 1 (torchattacks).

    Raises:
        ConfigError: a setting that cannot be, or that the backend does not have.
    """

    name = "carlini-wagner"
    title = "Carlini–Wagner"
    source = "Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-A"
    norm: Norm = "l2"
    minimum_norm = True
    headline_eps = 0.5
    scores = distance_scores("l2")
    steps: int
    stepsize: float

    def __init__(
        self,
        *,
        eps: Sequence[float] = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0),
        backend: str = "native",
        confidence: float = 0.0,
        steps: int | None = None,
        warm_start: int | None = None,
        early_stop: bool = False,
        binary_search_steps: int | None = None,
        stepsize: float | None = None,
        initial_const: float | None = None,
    ) -> None:
        self.eps = caps(eps)
        self.backend = one_of("backend", backend, DEFAULTS)
        given = {
            "steps": steps,
            "warm_start": warm_start,
            "binary_search_steps": binary_search_steps,
            "stepsize": stepsize,
            "initial_const": initial_const,
        }
        own = DEFAULTS[backend]
        for key, value in given.items():
            if value is not None and key not in own:
                raise ConfigError(f"backend {backend!r} has no {key}; it has {', '.join(own)}")
            if value is not None and value <= 0:
                raise ConfigError(f"{key} must be above 0, got {value}")
        if confidence < 0:
            raise ConfigError(f"confidence must be at least 0, got {confidence}")
        if early_stop and backend != "native":
            raise ConfigError(f"early_stop needs backend 'native', got {backend!r}")
        self.early_stop = early_stop
        self.confidence = confidence
        for key, value in given.items():
            setattr(self, key, own.get(key) if value is None else value)

    def perturb(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images, whether one was found)."""
        settings = {key: getattr(self, key) for key in DEFAULTS[self.backend]}
        if self.backend == "native":
            images, distance = carlini_wagner(
                Oracle(batch.model, batch.passes),
                batch.images,
                batch.labels,
                confidence=self.confidence,
                stop_below=min(self.eps) if self.early_stop else 0.0,
                **settings,
            )
            return images, distance.isfinite()
        adapter = {"foolbox": foolbox_adapter, "torchattacks": torchattacks_adapter}[self.backend]
        images = adapter.carlini_wagner(
            batch.model,
            batch.images,
            batch.labels,
            confidence=self.confidence,
            passes=batch.passes,
            **settings,
        )
        return images, (images != batch.images).flatten(1).any(dim=1)

    def warn(self, classes: int) -> tuple[Remark, ...]:
        """That pixels at 0 or 1 may not move, and a backend fails for that reason alone: more steps or larger ones."""
        if self.backend == "native" or (travel := self.steps * self.stepsize) >= CORNER_TRAVEL:
            return ()
        return (remark("short-travel", travel=travel, needed=CORNER_TRAVEL),)

    def warn_of_distances(self) -> tuple[Remark, ...]:
        """That distances below the smallest cap are upper bounds under `early_stop`."""
        return (remark("early-stop", below=min(self.eps)),) if self.early_stop else ()
