"""A method attached to a model and its optimizer: the order in which a training step goes."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

import torch
from torch import Tensor

from sparserobust.pruner import Pruner, TrainingState
from sparserobust.records import remark
from sparserobust.subject import Subject

_held: WeakSet[torch.optim.Optimizer] = WeakSet()


def is_held(optimizer: torch.optim.Optimizer) -> bool:
    """Whether a method is attached to it now."""
    return optimizer in _held


class Attached:
    """Keeps masks and offsets true in any training loop, and lets a method change them on the way.

    In a loop of one's own (to clip gradients, write the two halves of `step`: `replaced = attached.take_gradients()`,
    then clip, then `attached.take_step(replaced=replaced)`):

        loss = criterion(model(images), labels) + attached.penalty()
        optimizer.zero_grad()
        loss.backward()
        attached.step()          # in the place of optimizer.step()
        ...
        attached.end_epoch()     # after each epoch
        attached.finish()        # after the last one

    Attributes:
        training: its state: steps and epochs so far, masks, optimizer.
        pruner: what the method does on the way.
        subject: the model with its masks.
    """

    def __init__(self, pruner: Pruner, subject: Subject) -> None:
        self.pruner = pruner
        self.subject = subject
        self.training: TrainingState = pruner.training
        self._asked_for_penalty = type(pruner).penalty is Pruner.penalty  # which is none
        self._handle = self.training.weights.hold(self.training.optimizer)
        _held.add(self.training.optimizer)

    def penalty(self) -> Tensor | float:
        """What the method adds to the loss, 0.0 for most."""
        self._asked_for_penalty = True
        penalty = self.pruner.penalty()
        return 0.0 if penalty is None else penalty

    def step(self) -> None:
        """One training step, after the backward pass: gradients are masked, weights move, the laws hold."""
        self.take_step(replaced=self.take_gradients())

    def take_gradients(self) -> bool:
        """The first half of `step`: the method sees the dense gradients, then they are masked.

        Returns:
            Whether the method's own update stands in the place of the optimizer's step.
        """
        replaced = self.pruner.after_backward()
        self.training.weights.mask_gradients()
        return replaced

    def take_step(self, *, replaced: bool) -> None:
        """The second half; in between gradients may be clipped."""
        if not replaced:
            self.training.optimizer.step()
        self.training.step += 1
        self.pruner.after_step()

    def end_epoch(self) -> None:
        """After the last step of an epoch."""
        self.training.epoch += 1
        self.pruner.end_of_epoch()

    def finish(self) -> None:
        """After the last epoch: the method does what is left to do, and the optimizer is let go."""
        self.settle()
        self.close()

    def settle(self) -> None:
        """The method gets to its sparsity; a training that was too short for that leaves a warning."""
        self.pruner.finish()
        if not self._asked_for_penalty:
            self.subject.warnings += (remark("without-penalty"),)
        if not self.pruner.settled:
            kept, training = self.training.kept, self.training
            ended = remark(
                "ended-early", epochs=training.epoch, of=training.epochs, kept=kept, wanted=training.k
            )
            self.subject.warnings += (ended,)

    def close(
        self, measure: Callable[[], float | None] = lambda: None
    ) -> tuple[float | None, float | None] | None:
        """Ends the training: the optimizer is let go, and a frozen offset becomes zero where that is asked for.

        Args:
            measure: of the subject as it is then.

        Returns:
            What was measured before and after the offset went; None where none did.
        """
        self.detach()
        subject = self.subject
        subject.pruning = None  # what it has come to is in the masks
        if not subject.prune_at_end or subject.weights.kind != "frozen":
            return None
        before = measure()
        subject.weights.drop_offset()
        subject.prune_at_end = False
        return before, measure()

    def detach(self) -> None:
        """Lets the optimizer go; masks are no longer kept true."""
        self._handle.remove()
        _held.discard(self.training.optimizer)
