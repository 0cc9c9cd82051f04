"""One training under way: epochs, what is recorded of them, which weights are chosen, where a killed one goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from sparserobust.data import AnySet, batches
from sparserobust.device import working_dtype
from sparserobust.errors import ConfigError, ModelError
from sparserobust.records import EpochRecord, History
from sparserobust.seeds import generator, random_states, resume_random_states
from sparserobust.storage.tree import moved
from sparserobust.subject import Subject
from sparserobust.training.accuracy import Attack, accuracy_of
from sparserobust.training.adversarial import Objective
from sparserobust.training.attached import Attached
from sparserobust.training.augment import Augmentation
from sparserobust.training.checkpoint import read_checkpoint, write_checkpoint
from sparserobust.training.chosen import Chosen
from sparserobust.training.epoch import EpochSums, is_finite
from sparserobust.training.pruner_for import needs_two, pruner_for_recipe
from sparserobust.training.recipe import Recipe
from sparserobust.training.snapshot import Snapshot


class Session:
    """One training under way, on a model that is on its device."""

    def __init__(
        self,
        subject: Subject,
        recipe: Recipe,
        train_set: AnySet,
        val_set: AnySet | None,
        device: torch.device,
        seed: int,
        file: Path | None,
        started_from: str,
    ) -> None:
        self.subject = subject
        self.recipe = recipe
        self.train_set = train_set
        self.val_set = val_set
        self.device = device
        self.seed = seed
        self.file = file
        self.started_from = started_from
        self.augment = Augmentation(recipe, seed)
        self.objective = Objective(recipe, seed)
        self.order = generator(seed, "training order")
        self.model = subject.adapter()
        model = subject.model
        self.needs_two = needs_two(model)
        trained = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = recipe.build_optimizer(trained)
        self.attached = Attached(pruner_for_recipe(subject, self.optimizer, recipe, train_set, seed), subject)
        self.examples = 0
        self.epochs: list[EpochRecord] = []
        self.diverged = False
        self.ended = False
        self.chosen = Chosen(subject.weights)
        self.pruned_at_end: tuple[float | None, float | None] | None = None

    def run(self, progress: bool) -> None:
        """All epochs, or as many as the loss stays finite; from the checkpoint on where there is one."""
        self._begin()
        bar = tqdm(
            range(len(self.epochs) + 1, self.recipe.epochs + 1),
            f"{self.subject.label}: training",
            leave=False,
            disable=None if progress else True,
        )
        for number in bar:
            judged = self._epoch_and_record(number)
            if self.diverged:
                break
            val = "-" if judged is None else f"{judged:.3f}"
            bar.set_postfix(loss=f"{self.epochs[-1].loss:.3f}", val=val)
            if self.file is not None:
                write_checkpoint(self.file, self.started_from, self._state())
        if not self.diverged:
            self._settle()
        self.optimizer.zero_grad(set_to_none=True)
        self.ended = True

    def _begin(self) -> None:
        """What the method does before the first step, or the checkpoint taken up."""
        if self.file is not None and self.file.is_file():
            self._resume(read_checkpoint(self.file, self.started_from))
        else:
            self.attached.pruner.before_training()

    def _settle(self) -> None:
        """What the method does at the end; where its mask had not got there, the last weights are chosen."""
        unsettled = not self.attached.pruner.settled and bool(self.epochs)
        self.attached.settle()
        if unsettled:
            self.chosen.take_last(len(self.epochs), self.subject.weights)

    def _epoch_and_record(self, number: int) -> float | None:
        """One epoch; returns what it is judged by."""
        start = time.perf_counter()
        epoch = self._epoch()
        self.attached.end_epoch()
        if not (epoch.is_finite() and is_finite(self.subject.model)):
            self.diverged = True
            return None
        accuracy = self._val_accuracy()
        attack = self.objective.validation_attack()
        robust = None if attack is None else self._val_accuracy(attack)
        judged = accuracy if robust is None else robust
        self.epochs.append(
            epoch.record(
                number,
                val_accuracy=accuracy,
                val_robust_accuracy=robust,
                learning_rate=self.optimizer.param_groups[0]["lr"],
                sparsity=tuple(1 - int(m.sum()) / m.numel() for m in self.subject.weights.masks.values()),
                seconds=time.perf_counter() - start,
            )
        )
        if self.attached.pruner.settled:
            self.chosen.consider(number, judged, self.subject.weights)
        return judged

    def _epoch(self) -> EpochSums:
        model = self.model.train()
        epoch, attached, weights = EpochSums(), self.attached, self.subject.weights
        training, prunable = attached.training, self.subject.prunable
        for images, labels in batches(
            self.train_set,
            self.recipe.batch_size,
            self.device,
            dtype=working_dtype(self.subject.model),
            shuffle=self.order,
            drop_single=self.needs_two,
            crop=self.augment.crop,
        ):
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate(training.schedule_step, training.schedule_epoch)
            logits, loss = self.objective(model, self.augment(images), labels, len(self.epochs))
            if not loss.requires_grad:
                raise ModelError(
                    f"{type(self.subject.model).__name__} cannot be trained: no gradient reaches its parameters; does "
                    "forward run under torch.no_grad?"
                )
            self.optimizer.zero_grad(set_to_none=True)
            (loss + attached.penalty()).backward()  # type: ignore[no-untyped-call]
            unmasked, kept = weights.l1_of_gradients()
            epoch.unmasked.append(unmasked / prunable)
            epoch.kept.append(kept / weights.kept)
            replaced = attached.take_gradients()
            if self.recipe.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), self.recipe.clip_norm)
            attached.take_step(replaced=replaced)
            epoch.loss.append(loss.detach() * len(labels))
            epoch.hits.append((logits.detach().argmax(dim=1) == labels).sum())
            epoch.examples += len(labels)
        if not epoch.examples:
            raise ConfigError("there is no training example, or only one for a network with BatchNorm")
        self.examples += epoch.examples
        return epoch

    def finish(self) -> None:
        """Loads the weights of the chosen epoch; sets a frozen offset to zero where the subject asks for it.

        After an error or an interruption the offset stays.
        """
        self.chosen.weights.load(self.subject.weights)
        if self.ended:
            self.pruned_at_end = self.attached.close(self._val_accuracy)

    def _val_accuracy(self, attack: Attack | None = None) -> float | None:
        if self.val_set is None:
            return None
        return accuracy_of(self.model, self.val_set, self.device, attack)

    def _state(self) -> dict[str, Any]:
        """What a killed training goes on from after this epoch."""
        return {
            "now": Snapshot.of(self.subject.weights).tree(),
            "chosen": self.chosen.tree(),
            "optimizer": self.optimizer.state_dict(),
            "epochs": [record.model_dump(mode="json") for record in self.epochs],
            "examples": self.examples,
            "training": self.attached.training.state(),
            "pruner": self.attached.pruner.state(),
            "random": random_states(self._generators(), self.device),
        }

    def _resume(self, state: dict[str, Any]) -> None:
        """Takes back what `_state` gave."""
        Snapshot.from_tree(state["now"], self.device).load(self.subject.weights)
        self.chosen.resume(state["chosen"], self.device)
        self.optimizer.load_state_dict(state["optimizer"])
        self.epochs = [EpochRecord.model_validate(record) for record in state["epochs"]]
        self.examples = state["examples"]
        self.attached.training.resume(state["training"])
        self.attached.pruner.resume(moved(state["pruner"], self.device))
        resume_random_states(self._generators(), self.device, state["random"])

    def _generators(self) -> list[torch.Generator]:
        """All streams that training draws from, beside torch's own, which is dropout's."""
        own = getattr(self.train_set, "generator", None) if isinstance(self.train_set, DataLoader) else None
        drawn = [
            self.order,
            self.augment.generator,
            self.objective.generator,
            self.attached.training.generator,
        ]
        return drawn if own is None else [*drawn, own]

    def history(self, data: str) -> History:
        """The record of what was done."""
        judged_by: Literal["best-validation", "best-robust-validation"] | None = None
        if self.val_set is not None:
            judged_by = "best-robust-validation" if self.objective.robust else "best-validation"
        return History(
            recipe=self.recipe.name,
            settings=self.recipe.settings(),
            seed=self.seed,
            data=data,
            layers=tuple(self.subject.weights.masks),
            epochs=tuple(self.epochs),
            chosen_epoch=self.chosen.epoch,
            chosen_because=self.chosen.why(judged_by),
            status="diverged" if self.diverged else "completed",
            pruned_at_end=self.pruned_at_end,
            steps=self.attached.training.step,
            examples=self.examples,
            batch_size=self.recipe.batch_size,
            device=str(self.device),
            threads=torch.get_num_threads(),
            started_from=self.started_from,
        )
