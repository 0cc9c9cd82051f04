"""Iterative magnitude pruning: train, prune, go back to an early epoch, and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.during import AfterEpochs, StartsFull, keep_highest, magnitudes, prune_epochs
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import NotNegative, Positive
from sparserobust.sparsity.schedule import SCHEDULES


@dataclass(frozen=True, kw_only=True)
class IMP(StartsFull):
    """Trains, prunes the smallest weights, rewinds the kept ones to an early epoch, and trains again.

    All rounds share the one training budget: n rounds cut the epochs after the rewind epoch into n + 1 parts of
    equal length, so that a training is not n + 1 times as long as another method's (the paper trains in full each
    time). A rewind puts back all that the network held then, weights, biases, normalisation and running statistics,
    bit for bit; the optimizer starts without a memory, and the learning rate's schedule goes back as well. Batches
    are drawn on, not repeated. A schedule that drops late never does so here unless the last part is long: see `every`.

    Attributes:
        rounds: how often is pruned and rewound. With "halving" there are two more.
        rewind_epoch: epochs after which the weights are remembered that all rounds go back to; 0: those of the start.
        schedule: how many weights each round keeps: "exponential" (each prunes the same fraction, as the paper does),
            "linear", "halving" (the SNIP-it paper) or "one-shot".
        every: epochs from the rewind epoch to a pruning, in every round; what is left is the last training. None:
            all parts are equally long.
    """

    name: ClassVar[str] = "imp"
    title: ClassVar[str] = "IMP"
    source: ClassVar[str] = (
        "Frankle et al. 2020, arXiv:1912.05671, sec. 4 (iterative magnitude pruning with rewinding)"
    )
    when: ClassVar[str] = "train, prune, rewind, in rounds"

    rounds: Positive = 5
    rewind_epoch: NotNegative = 1
    schedule: str = "exponential"
    every: Positive | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require("schedule", SCHEDULES)

    def pruner(self, training: TrainingState) -> Pruner:
        """Rounds that fill the training.

        Raises:
            ConfigError: there are fewer epochs than the rounds need.
        """
        return _Rewinding(self, training)


class _Rewinding(AfterEpochs):
    """`early` is the network at the rewind epoch: a state_dict, empty before it and after the last rewind."""

    def __init__(self, method: IMP, training: TrainingState) -> None:
        counts = SCHEDULES[method.schedule](training.prunable, training.k, method.rounds)
        ends = _ends(method, training, len(counts))
        super().__init__(training, dict(zip(ends, counts, strict=True)))
        self.method = method
        self.early: dict[str, Tensor] = {}
        self.early_step = 0

    @property
    def settled(self) -> bool:
        """An epoch after the last rewind."""
        return self.training.epoch > max(self.events)

    def before_training(self) -> None:
        if not self.method.rewind_epoch:
            self._remember()

    def end_of_epoch(self) -> None:
        if self.training.epoch == self.method.rewind_epoch:
            self._remember()
        super().end_of_epoch()

    def prune(self, kept: int) -> None:
        training = self.training
        masks = keep_highest(training, magnitudes(training), kept, self.method.allocation)
        training.model.load_state_dict(self.early)
        training.set_masks(masks)
        training.optimizer.state.clear()
        training.lag_steps = training.step - self.early_step
        training.lag_epochs = training.epoch - self.method.rewind_epoch
        if training.epoch == max(self.events):
            self.early = {}

    def _remember(self) -> None:
        state = self.training.model.state_dict()
        self.early = {name: tensor.detach().clone() for name, tensor in state.items()}
        self.early_step = self.training.step

    def state(self) -> dict[str, Any]:
        return {"early": self.early, "early_step": self.early_step}

    def resume(self, state: dict[str, Any]) -> None:
        self.early, self.early_step = state["early"], state["early_step"]


def _ends(method: IMP, training: TrainingState, rounds: int) -> list[int]:
    """After which epochs the rounds end.

    Raises:
        ConfigError: there are fewer epochs than they need.
    """
    start, epochs, every = method.rewind_epoch, training.epochs, method.every
    if every is None:
        length = (epochs - start) / (rounds + 1)
        ends = prune_epochs(training, start + length, rounds) if length >= 1 else []
    else:
        ends = [start + every * (i + 1) for i in range(rounds)]
    if not ends or ends[-1] >= epochs:
        needed = start + rounds * (every or 1) + 1
        raise ConfigError(
            f"{rounds} rounds that go back to epoch {start} need at least {needed} epochs, got {epochs}; "
            "train longer or take fewer rounds"
        )
    return ends
