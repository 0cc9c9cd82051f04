"""A copy of a network that scores can be taken on at any sparse point; the network itself is never touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypedDict

import numpy as np
import torch
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.device import is_half
from sparserobust.errors import ConfigError, ModelError
from sparserobust.logits import require_labels_of
from sparserobust.outputs import OutputOf
from sparserobust.sparsity.allocation import kept_count
from sparserobust.weights.plan import plain_copy
from sparserobust.weights.slots import slots_of

Batches = Sequence[tuple[Tensor, Tensor]]
Loss = Literal["cross-entropy", "raw-logits"]
BatchNorm = Literal["running", "batch"]


class ScoringSettings(TypedDict, total=False):
    """What a method may set of a `ScoringModel`; see there."""

    input_shape: tuple[int, ...] | None
    loss: Loss
    batchnorm: BatchNorm
    temperature: float


class ScoringModel:
    """The network at one sparse point, with what a score may look at.

    The prunable weights of the copy are views into one flat vector, and so are the scores, so that going to
    another point and ranking all weights are single operations on memory that is there already. The copy is
    in evaluation mode (no dropout) and changing it changes nothing else.

    Args:
        model: is copied; parametrized weights are replaced by what they compute.
        names: of the prunable weights, in the order of the model.
        device: where scores are computed.
        generator: for scores that draw.
        examples: event number -> (images, labels) batches on `device`; each pruning event may see new ones.
        input_shape: (c, h, w) of an image, for scores that make their own input.
        loss: "cross-entropy", or "raw-logits": minus the mean logit of the label, as `nll_loss` gives when it
            is applied to logits, which several published codes do.
        batchnorm: "running": normalise with the running statistics; "batch": with those of each batch.
        temperature: logits are divided by it before the loss.
        output: where the logits lie in what the model returns.

    Attributes:
        network: takes images and returns logits; the copy in it computes with dense * mask, in float32 where the model
            does so in half precision.
        dense: name -> weight before any mask.
        candidates: name -> weight that a score multiplies: the dense one where a pruned weight may come back,
            else the present one, which is zero where it was pruned.
        batches: the examples of the present event.
    """

    def __init__(
        self,
        model: nn.Module,
        names: Iterable[str],
        device: torch.device,
        generator: torch.Generator,
        *,
        examples: Callable[[int], Batches] | None = None,
        input_shape: tuple[int, ...] | None = None,
        loss: Loss = "cross-entropy",
        batchnorm: BatchNorm = "running",
        temperature: float = 1.0,
        output: OutputOf = None,
    ) -> None:
        names = list(names)
        plain = plain_copy(model, names).to(device).eval()
        if is_half(plain):
            plain.float()  # products of two small numbers would be 0
        self.network = Adapter(plain, output)
        self.generator = generator
        self.input_shape = input_shape
        self.loss = loss
        self.temperature = temperature
        self.dense: dict[str, Tensor] = {}
        self.batches: Batches = ()
        self.first: dict[str, Tensor] | None = None
        self.first_dtype: torch.dtype | None = None
        self._examples = examples
        self._slots = slots_of(plain, names)
        self._dense = torch.cat([slot.values.detach().reshape(-1) for slot in self._slots.values()])
        self._flat: Tensor = self._dense
        self._bind()
        self.candidates = self.dense
        if batchnorm == "batch":
            for module in self.network.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every prunable weight."""
        return {name: tuple(weight.shape) for name, weight in self.dense.items()}

    @property
    def prunable(self) -> int:
        """How many weights there are to choose from."""
        return self._dense.numel()

    def kept_at(self, sparsity: float) -> int:
        """How many weights a method keeps at a sparsity, exactly: floor((1 - sparsity) * prunable), at least 1."""
        return kept_count(self.prunable, sparsity)

    @property
    def weights(self) -> list[Tensor]:
        """The live weights of the copy, in the order of `dense`, on the graph."""
        return [slot.values for slot in self._slots.values()]

    def weighted(self, sensitivities: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """Name -> candidate weight * sensitivity, in the order of `dense`, as views into one vector.

        The next call but one overwrites them: an event may look at the scores of the event before.
        """
        self._arenas.reverse()
        start = 0
        scores = {}
        for (name, weight), value in zip(self.candidates.items(), sensitivities, strict=True):
            end = start + weight.numel()
            scores[name] = self._arenas[0][start:end].view(weight.shape)
            if value is None:
                scores[name].zero_()
            else:
                torch.mul(weight, value, out=scores[name])
            start = end
        return scores

    def move(self, event: int, mask: Tensor | None, *, revive: bool = False) -> None:
        """To the point dense * mask (the dense network when None), with the examples of this event.

        Args:
            event: counted from 0.
            mask: bool, flat over all prunable weights, on the CPU.
            revive: whether scores see the dense weights there.
        """
        with torch.no_grad():
            if mask is not None and self._flat is self._dense:
                self._flat = torch.empty_like(self._dense)
                self._view()
            if mask is None:
                if self._flat is not self._dense:
                    self._flat.copy_(self._dense)
            elif self._flat.device.type == "cpu" and self._flat.dtype != torch.bfloat16:
                # numpy multiplies by a mask six times faster than torch, but knows no bfloat16
                np.multiply(self._dense.numpy(), mask.numpy(), out=self._flat.numpy())
            else:
                torch.mul(self._dense, mask.to(self._dense.device), out=self._flat)
        self._offer(revive)
        if self._examples is not None:
            self.batches = self._examples(event)

    def change(self, function: Callable[[Tensor], Tensor], dtype: torch.dtype | None = None) -> None:
        """Applies a function to every weight, other parameter and buffer of the copy, in another type if given.

        `dense` changes alike; the mask stays where it is, and with it what scores see.
        """
        revive = self.candidates is self.dense
        with torch.no_grad():
            kept = self._flat != 0 if self._flat is not self._dense else None
            if dtype is not None:
                self.network.to(dtype)
            prunable = {id(weight) for weight in self.weights}
            for tensor in [*self.network.parameters(), *self.network.buffers()]:
                if tensor.is_floating_point() and id(tensor) not in prunable:
                    tensor.copy_(function(tensor))
            self._dense = function(self._dense if dtype is None else self._dense.to(dtype))
            self._bind()
            if kept is not None:
                self._flat = self._dense * kept
                self._view()
        self._offer(revive)

    def empty_layers(self) -> list[str]:
        """Layers whose weights are all zero at this point: no signal and no gradient passes them."""
        return [name for name, weight in zip(self.dense, self.weights, strict=True) if not bool(weight.any())]

    def loss_of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of what the network returned, summed over the examples.

        Raises:
            ShapeError: a label is none of the model's classes.
        """
        require_labels_of(logits, labels)
        if not logits.requires_grad:
            raise ModelError(
                "no gradient reaches the weights, and scores are taken of it: does forward run under torch.no_grad?"
            )
        logits = logits / self.temperature
        if self.loss == "raw-logits":
            return nn.functional.nll_loss(logits, labels, reduction="sum")
        return nn.functional.cross_entropy(logits, labels, reduction="sum")

    def shape_of_image(self) -> tuple[int, ...]:
        """(c, h, w).

        Raises:
            ConfigError: it is not known.
        """
        if self.input_shape is None:
            raise ConfigError(
                "scoring without data needs the shape of an image; give input_shape=(c, h, w) or data="
            )
        return self.input_shape

    def _bind(self) -> None:
        """Makes the weights of the copy views into one flat tensor, at the dense point."""
        self._flat = self._dense  # one memory until the first sparse point
        self._arenas = [torch.empty_like(self._dense), torch.empty_like(self._dense)]
        self._view()

    def _view(self) -> None:
        """Makes `dense` and the weights of the copy views into their vectors."""
        start = 0
        for name, slot in self._slots.items():
            weight = slot.values
            end = start + weight.numel()
            self.dense[name] = self._dense[start:end].view(weight.shape)
            weight.data = self._flat[start:end].view(weight.shape)
            weight.requires_grad_(True)
            start = end

    def _offer(self, revive: bool) -> None:
        """Lets scores see the dense weights, or else the present ones."""
        live = [weight.detach() for weight in self.weights]
        self.candidates = self.dense if revive else dict(zip(self.dense, live, strict=True))


def flat(tensors: Mapping[str, Tensor]) -> Tensor:
    """All tensors, one after the other, as one vector; without a copy where they lie so in memory."""
    parts = list(tensors.values())
    end = parts[0].storage_offset()
    for part in parts:
        here = part.untyped_storage().data_ptr() == parts[0].untyped_storage().data_ptr()
        if not (here and part.storage_offset() == end and part.is_contiguous()):
            return torch.cat([part.reshape(-1) for part in parts])
        end += part.numel()
    start = parts[0].storage_offset()
    return parts[0].as_strided((end - start,), (1,), start)
