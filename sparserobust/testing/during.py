"""The laws of methods that change their mask while the network trains; `check_method` comes here with them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.apply import sparsify
from sparserobust.data import Data
from sparserobust.methods.base import PruneDuringTraining
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.restore import load_subject
from sparserobust.sparsity.allocation import kept_count
from sparserobust.storage.tree import pack
from sparserobust.subject import Subject
from sparserobust.testing.networks import random_state, small_data, small_networks
from sparserobust.training import Recipe, started_from, train
from sparserobust.weights.plan import sha256_of

SPARSITY = 0.8
SEED = 3
EPOCHS = 8
KILLED_AT = 4.5
"""Epochs after which a training is killed, in the middle of one."""
RECIPES: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.001},
    "adam": {"lr": 0.005, "weight_decay": 0.001},
    "adamw": {"lr": 0.005, "weight_decay": 0.01},
}


class Killed(Exception):
    """What the kit kills a training with."""


def check_during(method: PruneDuringTraining, params: dict[str, Any]) -> None:
    """Raises AssertionError, naming the law, unless a training of the method keeps it.

    On both small networks and under SGD with momentum, Adam and AdamW, with weight decay: off the mask W_eff is the
    offset after every step, and the optimizer remembers nothing of pruned weights; training ends with exactly the
    target (or what the method's `reaches` says); the same seed gives the same weights; killed in the middle of an
    epoch and resumed it gives them too, bit for bit; a saved model gives back its logits, and one that is saved
    before its training trains to the same weights. Making the pruner changes nothing, no hook draws from a global
    generator, and at sparsity 0 every weight is kept.
    """
    data = small_data()
    for model in small_networks():
        for optimizer in RECIPES:
            _check(method, params, model, data, optimizer)


def _check(
    method: PruneDuringTraining, params: dict[str, Any], model: nn.Module, data: Data, optimizer: str
) -> None:
    recipe = Recipe(
        name="kit",
        source="the conformance kit",
        optimizer=optimizer,  # type: ignore[arg-type]
        batch_size=16,
        epochs=EPOCHS,
        **RECIPES[optimizer],
    )
    name, steps = f"{method.name} under {optimizer}", EPOCHS * 6

    def trained(
        watch: Callable[[TrainingState], None],
        checkpoint: Path | None = None,
        start: Subject | None = None,
        sparsity: float = SPARSITY,
    ) -> Subject:
        subject: Subject = start or sparsify(model, method.name, sparsity, data, seed=SEED, **params)
        make = method.pruner if start is None else subject.pruning
        assert make is not None, f"{name} has no pruner"
        subject.pruning = lambda training: _Watched(_made(make, training, name), watch, name)
        begun = started_from(subject, data, recipe=recipe, seed=SEED)
        train(subject, data, recipe=recipe, seed=SEED, checkpoint=checkpoint)
        assert subject.history is not None
        assert subject.history.started_from == begun, f"{name}: a finished training would not be known again"
        return subject

    plain = trained(lambda training: _check_law(training, name))
    expected = method.reaches(
        {name: tuple(m.shape) for name, m in plain.weights.masks.items()},
        kept_count(plain.prunable, SPARSITY),
    )
    fits = plain.kept in expected if isinstance(expected, range) else plain.kept == expected
    assert fits, (
        f"{name} keeps {plain.kept} weights, expected exactly {expected}; prune to training.k, "
        "be not `settled` until then, or say in `reaches` how many"
    )
    assert plain.history is not None
    assert plain.history.steps == steps, f"{name} took {plain.history.steps} steps, expected {steps}"
    assert plain.pruning is None, f"{name} is not done when its training is"
    for key, weight in plain.effective_weights().items():
        plan = plain.plan[key]
        assert torch.equal(weight[~plan.mask], plan.offset[~plan.mask]), (
            f"{name}: {key} breaks the law at the end"
        )
    assert not any(warning.code == "ended-early" for warning in plain.warnings), (
        f"{name} is not settled after finish(); get there in finish, and let `settled` say so"
    )
    assert _sha(trained(lambda training: None)) == _sha(plain), f"{name}: the same seed gives other weights"
    if optimizer == "sgd":
        dense = trained(lambda training: None, sparsity=0.0)
        assert dense.kept == dense.prunable, (
            f"{name} at sparsity 0 keeps {dense.kept} of {dense.prunable} weights; keep every one"
        )

    def kill(training: TrainingState) -> None:
        if training.step == round(KILLED_AT * 6):
            raise Killed

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "training.checkpoint"
        try:
            trained(kill, file)
        except Killed:
            assert file.is_file(), "a killed training left no checkpoint"
        resumed = trained(lambda training: None, file)
        assert _sha(resumed) == _sha(plain), (
            f"{name}: killed and resumed it gives other weights; state() must hold all that its pruner remembers"
        )
        assert not file.exists(), "a finished training left its checkpoint"
        saved = plain.save(Path(folder) / "after.sparse")
        back = load_subject(saved, model=copy.deepcopy(model))
        assert _sha(back) == _sha(plain), f"{name}: a saved model has other weights"
        untrained: Subject = sparsify(model, method.name, SPARSITY, data, seed=SEED, **params)
        before = load_subject(untrained.save(Path(folder) / "before.sparse"), model=copy.deepcopy(model))
        again = trained(lambda training: None, start=before)
        assert _sha(again) == _sha(plain), f"{name}: saved before its training it gives other weights"


def _made(make: Callable[[TrainingState], Pruner], training: TrainingState, name: str) -> Pruner:
    """The pruner, which leaves the network as it is until training begins."""
    before = sha256_of(training.model.state_dict())
    pruner = make(training)
    assert isinstance(pruner, Pruner), f"{name}: pruner must return a Pruner, got {type(pruner).__name__}"
    assert sha256_of(training.model.state_dict()) == before, (
        f"{name} changes the network when its pruner is made; do so in before_training"
    )
    return pruner


class _Watched(Pruner):
    """A pruner whose every step is looked at."""

    def __init__(self, inner: Pruner, watch: Callable[[TrainingState], None], name: str) -> None:
        super().__init__(inner.training)
        self.inner = inner
        self.watch = watch
        self.name = name

    @property
    def settled(self) -> bool:
        return self.inner.settled

    def before_training(self) -> None:
        with self._drawing_nothing("before_training"):
            self.inner.before_training()

    def penalty(self) -> Tensor | None:
        with self._drawing_nothing("penalty"):
            return self.inner.penalty()

    def after_backward(self) -> bool:
        with self._drawing_nothing("after_backward"):
            return self.inner.after_backward()

    def after_step(self) -> None:
        with self._drawing_nothing("after_step"):
            self.inner.after_step()
        self.watch(self.training)

    def end_of_epoch(self) -> None:
        with self._drawing_nothing("end_of_epoch"):
            self.inner.end_of_epoch()

    def finish(self) -> None:
        with self._drawing_nothing("finish"):
            self.inner.finish()

    def state(self) -> dict[str, Any]:
        state = self.inner.state()
        try:
            pack(state, "state()", {})
        except TypeError as error:
            raise AssertionError(
                f"{self.name}: {error}; give tensors, numbers, text, lists and dicts"
            ) from None
        return state

    def resume(self, state: dict[str, Any]) -> None:
        self.inner.resume(state)

    @contextmanager
    def _drawing_nothing(self, hook: str) -> Iterator[None]:
        """Raises AssertionError where a hook draws from a global generator."""
        before = random_state()
        yield
        assert random_state() == before, (
            f"{self.name}: {hook} draws from a global generator; draw from training.generator"
        )


def _check_law(training: TrainingState, name: str) -> None:
    """Off the mask values are the offset's, and no slot of the optimizer remembers a pruned weight."""
    weights = training.weights
    for key, value in training.values.items():
        off = ~training.masks[key]
        offset = weights.frozen[key] if weights.kind == "frozen" else torch.zeros_like(value)
        assert torch.equal(value[off], offset[off]), (
            f"{name}: {key} breaks the law after step {training.step}"
        )
        if weights.kind == "frozen":
            continue  # weight decay is at work on the offset, and is undone
        for slot, content in training.optimizer.state[value].items():
            if isinstance(content, Tensor) and content.shape == value.shape:
                assert not bool(content[off].any()), f"{name}: {slot} of {key} remembers pruned weights"


def _sha(subject: Subject) -> str:
    values = {name: value.detach() for name, value in subject.model.state_dict().items()}
    return sha256_of(values) + sha256_of(subject.weights.masks)
