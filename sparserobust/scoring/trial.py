"""A network is tried on a few images before anything is computed: what cannot be is said at once, in one line."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from sparserobust.adapter import Adapter
from sparserobust.arguments import require_known_labels
from sparserobust.attacks.oracle import check_logits
from sparserobust.data import AnyData, AnySet, Data, as_dataset, batches
from sparserobust.data.batches import labels_of, sliceable
from sparserobust.device import device_of
from sparserobust.errors import ModelError, SparseRobustError, said_by
from sparserobust.logits import as_logits
from sparserobust.models.layers import Layer, layers_of
from sparserobust.outputs import OutputOf
from sparserobust.records import Remark, remark
from sparserobust.scoring.attackable import require_no_probabilities, require_same_answer
from sparserobust.subject import Subject
from sparserobust.weights.isolation import examined, random_states_kept
from sparserobust.weights.usable import usable

TRIED = 4
"""Images of which the answers are looked at."""
MANY = 64
"""Images of which it is looked at whether a single output is always between 0 and 1."""


def require_fitting(
    model: nn.Module | Subject,
    data: AnyData,
    *,
    name: str | None = None,
    split: Literal["train", "test"] = "test",
    output: OutputOf = None,
) -> str | None:
    """Where the logits were found, after one image, if there is one, went through the network in evaluation mode.

    Args:
        model: is as before afterwards.
        data: a `Data` knows its classes, of which there must be as many as logits; of tensors the labels must be among
            the model's classes.
        name: of the network, for messages.
        split: whose first image is taken.
        output: where the logits lie in what a bare model returns.

    Raises:
        ModelError: the network does not take images of this shape, or returns no logits of the data's classes; or a
            weight is NaN or infinite.
        ShapeError: images or labels that cannot be.
    """
    trial = _Trial(model, data, name, split, output)
    with examined(trial.network):
        trial.require_fitting()
    return trial.found


def tried(
    model: nn.Module | Subject, data: AnyData, *, name: str | None = None, output: OutputOf = None
) -> tuple[tuple[Remark, ...], str | None]:
    """(what there is to say of the answers to the first test images, a warning each; where the logits were found).

    Of a subject that a method made nothing is said: what that did to its answers is a result.

    Args:
        model: is as before afterwards.
        data: whose test split is taken.
        name: of the network, for messages.
        output: where the logits lie in what a bare model returns.

    Raises:
        ModelError: as `require_fitting`; or logits are NaN or infinite, random, or probabilities.
        ShapeError: images or labels that cannot be.
    """
    trial = _Trial(model, data, name, "test", output)
    made = isinstance(model, Subject) and model.method is not None
    with examined(trial.network):
        trial.require_fitting()
        return () if made else trial.remarks(), trial.found


class _Trial:
    """A network, which is examined meanwhile, and the first images of some data."""

    def __init__(
        self,
        model: nn.Module | Subject,
        data: AnyData,
        name: str | None,
        split: Literal["train", "test"],
        output: OutputOf,
    ) -> None:
        self.model = model.adapter() if isinstance(model, Subject) else Adapter(usable(model), output)
        self.network = self.model.network
        self.name = name or (model.name if isinstance(model, Subject) else type(model).__name__)
        self.data = data
        self.examples = as_dataset(data, split)
        self.images = torch.empty(0) if self.examples is None else self._first_images(self.examples)

    @property
    def found(self) -> str | None:
        """Where the logits lie in what the network returns, if they do not lie alone and nobody said where."""
        return next(iter(self.model.places), None)

    def _first_images(self, examples: AnySet, number: int = TRIED) -> Tensor:
        with _order_kept(examples), random_states_kept():
            stream = batches(examples, number, device_of(self.network))
            return next((images[:number] for images, _ in islice(stream, 1)), torch.empty(0))

    def require_fitting(self) -> None:
        if not len(self.images):
            return
        logits = self._first_answer()
        n, classes = logits.shape
        on = f"{'one image' if n == 1 else 'images'}{self._of_data()}"
        if isinstance(self.data, Data):
            if classes < self.data.num_classes or (
                classes > self.data.num_classes and not self.data.open_ended
            ):
                wanted, place = self.data.num_classes, self.found or self.model.output
                width = self._outputs(self.images).shape[1]
                raise ModelError(
                    f"{self.name} must return logits ({n}, {wanted}) for {on}, got ({n}, {width}); "
                    f"give it {wanted} outputs, or data of {classes} classes"
                    + (f", or name another part than {place!r} of what it returns: output=" if place else "")
                )
        elif self.examples is not None and sliceable(self.examples)[0] is not None:
            require_known_labels(int(labels_of(self.examples).max()), classes)

    def remarks(self) -> tuple[Remark, ...]:
        if not len(self.images):
            return ()
        raw = self._outputs(self.images)
        logits = as_logits(raw, self.images)
        check_logits(logits, "images")
        require_same_answer(self._logits, self.images, logits)
        require_no_probabilities(logits)
        summed = logits.double().logsumexp(dim=1).abs().max()
        if float(summed) <= 1e-5:
            return (remark("log-probabilities"),)
        return (remark("like-probabilities"),) if raw.shape[1] == 1 and self._is_between_0_and_1() else ()

    def _is_between_0_and_1(self) -> bool:
        """Whether a single output is so for many images, as a sigmoid's; logits have both signs."""
        assert self.examples is not None
        outputs = self._outputs(self._first_images(self.examples, MANY))
        return bool(((outputs >= 0) & (outputs <= 1)).all())

    def _logits(self, images: Tensor) -> Tensor:
        logits = self._answer(images)
        check_logits(logits, "images")
        return logits

    def _first_answer(self) -> Tensor:
        """The logits of one image, or of several where the network takes no single one."""
        image = self.images[:1]
        try:
            return self._answer(image)
        except SparseRobustError as error:
            raise type(error)(f"{self.name}, given one image{self._of_data()}: {error}") from None
        except (Exception, SystemExit) as error:  # whatever the user's code raises
            first = error
        try:
            return self._answer(self.images)
        except (Exception, SystemExit):
            why = self._unfit_layer(image) if isinstance(first, RuntimeError) else ""
            why = why or f"{type(first).__name__}: {said_by(first)}"
            shape = tuple(image.shape[1:])
            raise ModelError(
                f"{self.name} does not take images of shape {shape}{self._of_data()}: {why}"
            ) from None

    def _of_data(self) -> str:
        return f" of {self.data.name}" if isinstance(self.data, Data) else ""

    def _outputs(self, images: Tensor) -> Tensor:
        """What the network returns as logits, where one number is not made two: the one place where it is called."""
        with torch.no_grad():
            return self.model.outputs(images)

    def _answer(self, images: Tensor) -> Tensor:
        return as_logits(self._outputs(images), images)

    def _unfit_layer(self, image: Tensor) -> str:
        """Which conv or linear layer wants another input than it gets, "" where that is not it."""
        entered: list[tuple[str, Layer, Tensor]] = []
        layers = layers_of(self.network)
        hooks = [
            layer.register_forward_pre_hook(
                lambda layer, given, name=name: entered.append((name.rpartition(".")[0], layer, given[0]))
            )
            for name, layer in layers.items()
        ]
        try:
            self._answer(image)
        except (Exception, SystemExit):
            pass
        finally:
            for hook in hooks:
                hook.remove()
        return _wants(*entered[-1], image, first=len(entered) == 1) if entered else ""


def _wants(name: str, layer: Layer, given: Tensor, image: Tensor, *, first: bool) -> str:
    """ "its first layer conv1 takes 3 channels, got 1", "" where the layer gets what it takes."""
    which = f"its {'first ' if first else ''}layer {name}".rstrip()
    if isinstance(layer, nn.Linear):
        wanted, got = layer.in_features, given.shape[-1]
        shapes = [
            (c, side, side)
            for c in (image.shape[1], 1, 3)
            if (side := math.isqrt(wanted // c)) ** 2 * c == wanted
        ]
        like = f", as of images {shapes[0]}" if shapes and first else ""
        return f"{which} takes {wanted} features{like}, got {got}" if wanted != got else ""
    dimensions = len(layer.kernel_size)
    wanted, got = layer.in_channels, given.shape[-dimensions - 1]
    return f"{which} takes {wanted} channels, got {got}" if wanted != got else ""


@contextmanager
def _order_kept(examples: AnySet) -> Iterator[None]:
    """A loader that shuffles by a generator of its own draws the same order afterwards."""
    own = examples.generator if isinstance(examples, DataLoader) else None
    before = None if own is None else own.get_state()
    try:
        yield
    finally:
        if own is not None and before is not None:
            own.set_state(before)
