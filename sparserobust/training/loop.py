"""One training loop for every family: the masks and offsets hold after each step, the best epoch is kept."""

from __future__ import annotations

import copy
import os
import time

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from sparserobust.arguments import seed_number
from sparserobust.data import AnyData, AnySet, Data, as_dataset, batches
from sparserobust.device import device_of, dtype_of, repeatable, resolve_device
from sparserobust.errors import ConfigError
from sparserobust.records import EpochRecord, History
from sparserobust.seeds import generator
from sparserobust.subject import Subject
from sparserobust.training.accuracy import Attack, accuracy_of
from sparserobust.training.adversarial import Objective
from sparserobust.training.augment import Augmentation
from sparserobust.training.epoch import EpochSums, is_finite, l1_of_gradients
from sparserobust.training.recipe import Recipe, load_recipe
from sparserobust.weights.plan import prunable_modules, values_of

DEFAULT_RECIPE = "freezenet-mnist"


def train(
    subject: Subject | nn.Module,
    data: AnyData,
    *,
    epochs: int | None = None,
    recipe: str | os.PathLike[str] | Recipe | None = None,
    seed: int = 0,
    device: str | torch.device = "auto",
    batch_size: int | None = None,
    progress: bool = False,
) -> History:
    """Trains a subject in place and returns the history, which the subject carries from then on.

    After every step the weights off the mask are what the offset says, exactly. The epoch of the best
    validation accuracy (the earliest of equals) is kept, in adversarial training of the best robust one, because
    clean accuracy goes on rising while robustness falls; without a validation split the last one. A method's
    `prune_at_end` then sets its frozen offset to zero, and the history says what that cost. With the same
    seed, device and number of threads the result is the same, bit for bit (on CUDA as far as its kernels are
    deterministic). A loss that is not finite ends the training: status "diverged", with the best weights so
    far.

    Args:
        subject: what `sparsify` returned, or a module of one's own.
        data: its training and validation splits; or the training examples alone.
        epochs: instead of the recipe's.
        recipe: name, TOML file or Recipe; by default that of the subject's method.
        seed: of the order of the examples, their augmentation, the random starts of their perturbation and dropout.
        device: where to train; the model comes back to where it was.
        batch_size: instead of the recipe's.
        progress: a bar on the terminal.

    Raises:
        ConfigError: no training data, or a setting that cannot be.
    """
    subject, seed = Subject.of(subject, train_zero_layers=True), seed_number(seed)
    plan = load_recipe(recipe or subject.recipe or DEFAULT_RECIPE)
    changed = {"epochs": epochs, "batch_size": batch_size}
    plan = plan.changed(**{name: value for name, value in changed.items() if value is not None})
    plan = plan.for_data(data.name if isinstance(data, Data) else None)
    train_set = as_dataset(data, "train")
    if train_set is None:
        raise ConfigError("training needs training examples; this data has none")
    val_set = data.val if isinstance(data, Data) else None
    target = resolve_device(device)
    home = device_of(subject.model)
    modes = {module: module.training for module in subject.model.modules()}
    session = _Training(subject, plan, train_set, val_set, target, seed)
    subject.model.to(target)
    try:
        with repeatable(seed, target):
            session.run(progress)
    finally:
        session.finish()
        subject.model.to(home)
        for module, training in modes.items():
            module.training = training
    subject.history = session.history(data.name if isinstance(data, Data) else "tensors")
    return subject.history


class _Training:
    """One training under way."""

    def __init__(
        self,
        subject: Subject,
        recipe: Recipe,
        train_set: AnySet,
        val_set: AnySet | None,
        device: torch.device,
        seed: int,
    ) -> None:
        self.subject = subject
        self.recipe = recipe
        self.train_set = train_set
        self.val_set = val_set
        self.device = device
        self.seed = seed
        self.augment = Augmentation(recipe, seed)
        self.objective = Objective(recipe, seed)
        self.steps = 0
        self.examples = 0
        self.epochs: list[EpochRecord] = []
        self.diverged = False
        self.ended = False
        self.best_epoch = 0
        self.best_accuracy = -1.0
        self.best_state = self._state()
        self.best_decay = copy.deepcopy(subject.weights.decay)
        self.pruned_at_end: tuple[float | None, float | None] | None = None

    def run(self, progress: bool) -> None:
        """All epochs, or as many as the loss stays finite."""
        model = self.subject.model
        optimizer = self.recipe.build_optimizer([p for p in model.parameters() if p.requires_grad])
        handle = self.subject.weights.hold(optimizer)
        order = generator(self.seed, "training order")
        bar = tqdm(
            range(1, self.recipe.epochs + 1),
            f"{self.subject.label}: training",
            leave=False,
            disable=None if progress else True,
        )
        for number in bar:
            start = time.perf_counter()
            epoch = self._epoch(model, optimizer, order)
            if not (epoch.is_finite() and is_finite(model)):
                self.diverged = True
                break
            accuracy = self._val_accuracy()
            attack = self.objective.validation_attack()
            robust = None if attack is None else self._val_accuracy(attack)
            judged = accuracy if robust is None else robust
            self.epochs.append(
                epoch.record(
                    number,
                    val_accuracy=accuracy,
                    val_robust_accuracy=robust,
                    learning_rate=self.recipe.learning_rate(self.steps - 1, number - 1),
                    sparsity=tuple(1 - int(m.sum()) / m.numel() for m in self.subject.weights.masks.values()),
                    seconds=time.perf_counter() - start,
                )
            )
            if judged is None or judged > self.best_accuracy:
                self.best_accuracy = judged if judged is not None else -1.0
                self.best_epoch = number
                self.best_state = self._state()
                self.best_decay = copy.deepcopy(self.subject.weights.decay)
            bar.set_postfix(loss=f"{epoch.mean_loss():.3f}", val="-" if judged is None else f"{judged:.3f}")
        handle.remove()
        optimizer.zero_grad(set_to_none=True)
        self.ended = True

    def _epoch(self, model: nn.Module, optimizer: torch.optim.Optimizer, order: torch.Generator) -> EpochSums:
        model.train()
        epoch = EpochSums()
        values = [values_of(module) for module in prunable_modules(model).values()]
        kept, prunable = self.subject.kept, self.subject.prunable
        needs_two = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in model.modules())
        for images, labels in batches(
            self.train_set,
            self.recipe.batch_size,
            self.device,
            dtype=dtype_of(model),
            shuffle=order,
            drop_single=needs_two,
            crop=self.augment.crop,
        ):
            for group in optimizer.param_groups:
                group["lr"] = self.recipe.learning_rate(self.steps, len(self.epochs))
            logits, loss = self.objective(model, self.augment(images), labels, len(self.epochs))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            epoch.unmasked.append(l1_of_gradients(values) / prunable)
            self.subject.weights.mask_gradients()
            epoch.kept.append(l1_of_gradients(values) / kept)
            if self.recipe.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), self.recipe.clip_norm)
            optimizer.step()
            epoch.loss.append(loss.detach() * len(labels))
            epoch.hits.append((logits.detach().argmax(dim=1) == labels).sum())
            epoch.examples += len(labels)
            self.steps += 1
        if not epoch.examples:
            raise ConfigError("there is no training example, or only one for a network with BatchNorm")
        self.examples += epoch.examples
        return epoch

    def _state(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.subject.model.state_dict().items()}

    def finish(self) -> None:
        """Loads the weights of the chosen epoch; sets a frozen offset to zero where the subject asks for it.

        After an error or an interruption the offset stays.
        """
        model, weights = self.subject.model, self.subject.weights
        model.load_state_dict(self.best_state)
        weights.decay = self.best_decay
        if self.ended and self.subject.prune_at_end and weights.kind == "frozen":
            before = self._val_accuracy()
            weights.drop_offset()
            self.pruned_at_end = (before, self._val_accuracy())
            self.subject.prune_at_end = False

    def _val_accuracy(self, attack: Attack | None = None) -> float | None:
        if self.val_set is None:
            return None
        return accuracy_of(self.subject.model, self.val_set, self.device, attack)

    def history(self, data: str) -> History:
        """The record of what was done."""
        if self.val_set is not None and self.best_epoch:
            what = f"best {self.objective.robust}validation accuracy ({self.best_accuracy:.4f})"
            why = f"{what}, the earliest of equals"
        else:
            why = (
                "the last epoch; there is no validation split"
                if self.best_epoch
                else "no epoch was completed"
            )
        return History(
            recipe=self.recipe.name,
            settings=self.recipe.settings(),
            seed=self.seed,
            data=data,
            layers=tuple(self.subject.weights.masks),
            epochs=tuple(self.epochs),
            chosen_epoch=self.best_epoch,
            chosen_because=why,
            status="diverged" if self.diverged else "completed",
            pruned_at_end=self.pruned_at_end,
            steps=self.steps,
            examples=self.examples,
            batch_size=self.recipe.batch_size,
            device=str(self.device),
            threads=torch.get_num_threads(),
        )
