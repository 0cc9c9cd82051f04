"""One batch under evaluation: logits and gradients are computed when first asked for, once, for everybody."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import torch
import torch.nn.functional as F  # noqa: N812
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.attacks.oracle import Oracle, check_logits, input_gradient
from sparserobust.logits import require_labels_of
from sparserobust.weights.isolation import Guard

GRADIENTS = ("loss_gradient", "logit_gradient", "margin_gradient")
"""The shared backward passes, by the names they are counted under."""


class Batch:
    """Images, labels and what the model makes of them.

    Attributes:
        model: takes images and returns logits of their type; in evaluation mode, its parameters not asking for
            gradients.
        images: float (n, c, h, w) in [0, 1].
        labels: int64 (n,).
        passes: counts example-passes by kind; shared ones by everybody, extra ones by who asks.
        guard: puts the model back before the shared pass.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        labels: Tensor,
        passes: Counter[str],
        guard: Guard | None = None,
    ) -> None:
        self.model = Adapter.of(model)
        self.guard = guard
        self.images = images
        self.labels = labels
        self.passes = passes
        self._counted: set[str] = set()

    def __len__(self) -> int:
        """How many examples."""
        return len(self.labels)

    @cached_property
    def _tracked(self) -> tuple[Tensor, Tensor]:
        """(images that ask for gradients, logits on the graph): the one shared forward pass."""
        if self.guard is not None:
            self.guard.restore()  # whoever asks first must not have changed what all others see
        images = self.images.detach().clone().requires_grad_(True)
        with torch.enable_grad():
            logits = self.model(images)
        self.passes["forward"] += len(self)
        check_logits(logits, "images")
        require_labels_of(logits, self.labels)
        return images, logits

    @cached_property
    def logits(self) -> Float[Tensor, "n classes"]:
        """The model's logits, detached."""
        return self._tracked[1].detach()

    @cached_property
    def predicted(self) -> Int[Tensor, " n"]:
        """The predicted class."""
        return self.logits.argmax(dim=1)

    @cached_property
    def correct(self) -> Bool[Tensor, " n"]:
        """Whether the prediction is the label."""
        return self.predicted == self.labels

    @cached_property
    def loss(self) -> Float[Tensor, " n"]:
        """Cross-entropy of each example (its NLL), in nats."""
        return F.cross_entropy(self.logits, self.labels, reduction="none")

    @cached_property
    def loss_gradient(self) -> Float[Tensor, "n c h w"]:
        """Gradient of each example's own cross-entropy with respect to its image."""
        images, logits = self._tracked
        with torch.enable_grad():
            return self._gradient(
                F.cross_entropy(logits, self.labels, reduction="sum"), images, "loss_gradient"
            )

    @cached_property
    def logit_gradient(self) -> Float[Tensor, "n c h w"]:
        """Gradient of the predicted class's logit with respect to the image."""
        images, logits = self._tracked
        with torch.enable_grad():
            chosen = logits.gather(1, self.predicted.unsqueeze(1)).sum()
            return self._gradient(chosen, images, "logit_gradient")

    @cached_property
    def margin_gradient(self) -> Float[Tensor, "n c h w"]:
        """Gradient of (predicted logit - largest other logit): unlike the logit it ignores common shifts."""
        images, logits = self._tracked
        with torch.enable_grad():
            others = logits.scatter(1, self.predicted.unsqueeze(1), float("-inf"))
            chosen = logits.gather(1, self.predicted.unsqueeze(1)).sum()
            return self._gradient(chosen - others.amax(dim=1).sum(), images, "margin_gradient")

    def _gradient(self, scalar: Tensor, images: Tensor, kind: str) -> Tensor:
        gradient = input_gradient(scalar, images, retain_graph=True)
        self.count(kind)
        return gradient

    @property
    def asked(self) -> list[str]:
        """Which of the shared gradients were asked for here."""
        return [kind for kind in GRADIENTS if kind in self.__dict__]

    def count(self, kind: str) -> None:
        """Counts a shared gradient, once: when it is computed, or where a result that needed it was measured before."""
        if kind not in self._counted:
            self._counted.add(kind)
            self.passes[kind] += len(self)

    @cached_property
    def oracle(self) -> Oracle:
        """Answers an attack's questions about the model, and counts them here."""
        return Oracle(self.model, self.passes)

    def only(self, chosen: Bool[Tensor, " n"], passes: Counter[str]) -> Batch:
        """Copies of the chosen examples; what this batch knows or will compute is not computed again."""
        return _Part(self, chosen, passes)

    def copy(self, passes: Counter[str]) -> Batch:
        """The same examples for somebody who may write into them."""
        return self.only(torch.ones_like(self.labels, dtype=torch.bool), passes)


class _Part(Batch):
    """Some examples of a batch; copies logits and gradients from the whole."""

    def __init__(self, whole: Batch, chosen: Tensor, passes: Counter[str]) -> None:
        super().__init__(whole.model, whole.images[chosen], whole.labels[chosen], passes)
        self._whole = whole
        self._chosen = chosen

    @cached_property
    def logits(self) -> Tensor:
        return self._whole.logits[self._chosen]

    def count(self, kind: str) -> None:
        self._whole.count(kind)

    @cached_property
    def loss_gradient(self) -> Tensor:
        return self._whole.loss_gradient[self._chosen]

    @cached_property
    def logit_gradient(self) -> Tensor:
        return self._whole.logit_gradient[self._chosen]

    @cached_property
    def margin_gradient(self) -> Tensor:
        return self._whole.margin_gradient[self._chosen]
