"""The laws of methods that change their mask while the network trains; `check_method` comes here with them."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sparserobust.apply import sparsify
from sparserobust.data import Data
from sparserobust.methods.during import DuringTraining
from sparserobust.restore import load_subject
from sparserobust.sparsity.allocation import kept_count
from sparserobust.subject import Subject
from sparserobust.testing.networks import small_data, small_networks
from sparserobust.training import Recipe, started_from, train
from sparserobust.training.pruner import Course, Pruner
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


def check_during(method: DuringTraining, params: dict[str, Any]) -> None:
    """Raises AssertionError, naming the law, unless a training of the method keeps it.

    On both small networks and under SGD with momentum, Adam and AdamW, with weight decay: off the mask W_eff is the
    offset after every step, and the optimizer remembers nothing of pruned weights; training ends with exactly the
    target (or what the method's `reaches` says); the same seed gives the same weights; killed in the middle of an
    epoch and resumed it gives them too, bit for bit; a saved model gives back its logits, and one that is saved
    before its training trains to the same weights.
    """
    data = small_data()
    for model in small_networks():
        for optimizer in RECIPES:
            _check(method, params, model, data, optimizer)


def _check(
    method: DuringTraining, params: dict[str, Any], model: nn.Module, data: Data, optimizer: str
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
        watch: Callable[[Course], None], checkpoint: Path | None = None, start: Subject | None = None
    ) -> Subject:
        subject: Subject = start or sparsify(model, method.name, SPARSITY, data, seed=SEED, **params)
        make = subject.pruning
        assert make is not None, f"{name} has no pruner"
        subject.pruning = lambda course: _Watched(make(course), watch)
        begun = started_from(subject, data, recipe=recipe, seed=SEED)
        train(subject, data, recipe=recipe, seed=SEED, checkpoint=checkpoint)
        assert subject.history is not None
        assert subject.history.started_from == begun, f"{name}: a finished training would not be known again"
        return subject

    plain = trained(lambda course: _check_law(course, name))
    expected = method.reaches(
        {name: tuple(m.shape) for name, m in plain.weights.masks.items()},
        kept_count(plain.prunable, SPARSITY),
    )
    fits = plain.kept in expected if isinstance(expected, range) else plain.kept == expected
    assert fits, f"{name} keeps {plain.kept} weights, expected exactly {expected}"
    assert plain.history is not None
    assert plain.history.steps == steps, f"{name} took {plain.history.steps} steps, expected {steps}"
    assert plain.pruning is None, f"{name} is not done when its training is"
    for key, weight in plain.effective_weights().items():
        plan = plain.plan[key]
        assert torch.equal(weight[~plan.mask], plan.offset[~plan.mask]), (
            f"{name}: {key} breaks the law at the end"
        )
    assert _sha(trained(lambda course: None)) == _sha(plain), f"{name}: the same seed gives other weights"

    def kill(course: Course) -> None:
        if course.step == round(KILLED_AT * 6):
            raise Killed

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "training.checkpoint"
        try:
            trained(kill, file)
        except Killed:
            assert file.is_file(), "a killed training left no checkpoint"
        resumed = trained(lambda course: None, file)
        assert _sha(resumed) == _sha(plain), f"{name}: killed and resumed it gives other weights"
        assert not file.exists(), "a finished training left its checkpoint"
        saved = plain.save(Path(folder) / "after.sparse")
        back = load_subject(saved, model=copy.deepcopy(model))
        assert _sha(back) == _sha(plain), f"{name}: a saved model has other weights"
        untrained: Subject = sparsify(model, method.name, SPARSITY, data, seed=SEED, **params)
        before = load_subject(untrained.save(Path(folder) / "before.sparse"), model=copy.deepcopy(model))
        again = trained(lambda course: None, start=before)
        assert _sha(again) == _sha(plain), f"{name}: saved before its training it gives other weights"


class _Watched(Pruner):
    """A pruner whose every step is looked at."""

    def __init__(self, inner: Pruner, watch: Callable[[Course], None]) -> None:
        super().__init__(inner.course)
        self.inner = inner
        self.watch = watch

    @property
    def settled(self) -> bool:  # type: ignore[override]
        return self.inner.settled

    def before_training(self) -> None:
        self.inner.before_training()

    def penalty(self) -> Tensor | None:
        return self.inner.penalty()

    def after_backward(self) -> bool:
        return self.inner.after_backward()

    def after_step(self) -> None:
        self.inner.after_step()
        self.watch(self.course)

    def end_of_epoch(self) -> None:
        self.inner.end_of_epoch()

    def finish(self) -> None:
        self.inner.finish()

    def state(self) -> dict[str, Any]:
        return self.inner.state()

    def resume(self, state: dict[str, Any]) -> None:
        self.inner.resume(state)


def _check_law(course: Course, name: str) -> None:
    """Off the mask values are the offset's, and no slot of the optimizer remembers a pruned weight."""
    weights = course.weights
    for key, value in course.values.items():
        off = ~course.masks[key]
        offset = weights.frozen[key] if weights.kind == "frozen" else torch.zeros_like(value)
        assert torch.equal(value[off], offset[off]), f"{name}: {key} breaks the law after step {course.step}"
        if weights.kind == "frozen":
            continue  # weight decay is at work on the offset, and is undone
        for slot, content in course.optimizer.state[value].items():
            if isinstance(content, Tensor) and content.shape == value.shape:
                assert not bool(content[off].any()), f"{name}: {slot} of {key} remembers pruned weights"


def _sha(subject: Subject) -> str:
    values = {name: value.detach() for name, value in subject.model.state_dict().items()}
    return sha256_of(values) + sha256_of(subject.weights.masks)
