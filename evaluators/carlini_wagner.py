"""Carlini-Wagner: the smallest l2 change that fools the model, and success within distance caps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge
from torch import Tensor

from sparserobust.attacks import foolbox_adapter, torchattacks_adapter
from sparserobust.attacks.budget import Norm
from sparserobust.attacks.carlini_wagner import carlini_wagner
from sparserobust.errors import ConfigError
from sparserobust.records import Remark, remark
from sparserobust.scoring import Batch, MinimumNormAttack
from sparserobust.settings import Above0, Positive

CORNER_TRAVEL = 8.0
"""What steps * stepsize must reach so that a pixel at 0 or 1 can leave its corner in the tanh space of foolbox and
torchattacks: it starts at atanh(0.999999) = 7.25 and Adam moves it by about one step size per step."""
DEFAULTS: dict[str, dict[str, float | int]] = {
    "native": {"steps": 60, "warm_start": 60},
    "foolbox": {"steps": 1000, "binary_search_steps": 9, "stepsize": 0.01, "initial_const": 1e-3},
    "torchattacks": {"steps": 1000, "stepsize": 0.01, "initial_const": 1.0},
}

OF_BACKENDS = tuple(dict.fromkeys(key for own in DEFAULTS.values() for key in own))
"""The settings that not every backend has."""


@dataclass(frozen=True, kw_only=True)
class CarliniWagner(MinimumNormAttack):
    """The l2 attack of Carlini and Wagner.

    Ours starts from a minimum-norm attack, gives each example a trade-off constant of its own, measures the
    margin in units that make the scale of the logits irrelevant, keeps the best image on the way and leaves an
    example alone when it no longer improves: about 95 forward and 95 backward passes for each example, and no
    result depends on the batch. Where nothing was found the distance is infinite.

    foolbox and torchattacks are there to compare with. Their traps are closed: a black image returned on failure
    counts as not found, and too few steps for pixels at 0 or 1 to move are a warning in the record.

    Attributes:
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
    """

    name: ClassVar[str] = "carlini-wagner"
    title: ClassVar[str] = "Carlini–Wagner"
    source: ClassVar[str] = "Carlini and Wagner 2017, arXiv:1608.04644, sec. VI-A"
    norm: ClassVar[Norm] = "l2"

    backend: Literal["native", "foolbox", "torchattacks"] = "native"
    confidence: Annotated[float, Ge(0)] = 0.0
    steps: Positive | None = None
    warm_start: Positive | None = None
    early_stop: bool = False
    binary_search_steps: Positive | None = None
    stepsize: Above0 | None = None
    initial_const: Above0 | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        own = DEFAULTS[self.backend]
        for key in OF_BACKENDS:
            if getattr(self, key) is not None and key not in own:
                raise ConfigError(f"backend {self.backend!r} has no {key}; it has {', '.join(own)}")
        if self.early_stop and self.backend != "native":
            raise ConfigError(f"early_stop needs backend 'native', got {self.backend!r}")

    def resolved(self) -> dict[str, Any]:
        """With what the backend takes where nothing is given."""
        return {**super().resolved(), **self._of_backend()}

    def _of_backend(self) -> dict[str, Any]:
        """The settings that the backend has, as given or else its own."""
        given = {key: getattr(self, key) for key in DEFAULTS[self.backend]}
        return {
            key: default if given[key] is None else given[key]
            for key, default in DEFAULTS[self.backend].items()
        }

    def nearest(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(closest adversarial images, whether one was found)."""
        settings = self._of_backend()
        if self.backend == "native":
            images, distance = carlini_wagner(
                batch.oracle,
                batch.images,
                batch.labels,
                confidence=self.confidence,
                stop_below=min(self.budgets) if self.early_stop else 0.0,
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
        if self.backend == "native":
            return ()
        own = self._of_backend()
        travel = own["steps"] * own["stepsize"]
        if travel >= CORNER_TRAVEL:
            return ()
        return (remark("short-travel", travel=travel, needed=CORNER_TRAVEL),)

    def warn_of_distances(self) -> tuple[Remark, ...]:
        """That distances below the smallest cap are upper bounds under `early_stop`."""
        return (remark("early-stop", below=min(self.budgets)),) if self.early_stop else ()
