"""A model under attack: its logits and gradients, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.errors import ModelError

AttackLoss = Callable[[Tensor, Tensor], Tensor]
"""(logits (n, classes), labels (n,)) -> one number per example."""
FLAT = (
    "no gradient reaches any image (it is 0 at every pixel, as behind a rounding or an argmax): attacks that follow "
    "gradients say nothing about this model; attack it with `square`, which needs none"
)
NOT_DIFFERENTIABLE = (
    "the model is not differentiable: no gradient reaches its input; "
    "attack it with `square`, which needs none"
)


class Oracle:
    """Answers an attack's questions about a model and counts the example-passes they cost.

    Attributes:
        model: in evaluation mode, its parameters not asking for gradients.
        passes: "forward" and "backward" are counted here, one for each example.
    """

    def __init__(self, model: nn.Module, passes: Counter[str] | None = None) -> None:
        self.model = Adapter.of(model)
        self.passes: Counter[str] = Counter() if passes is None else passes

    def logits(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """The model's logits, without a graph.

        Raises:
            ModelError: one is NaN or infinite.
        """
        with torch.no_grad():
            logits: Tensor = self.model(images)
        self.passes["forward"] += len(images)
        check_logits(logits, "images of an attack")
        return logits

    def fooled(self, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"]) -> Bool[Tensor, " n"]:
        """For which images the model decides on another class: one forward pass."""
        fooled: Tensor = self.logits(images).argmax(dim=1) != labels
        return fooled

    def gradient(
        self, images: Float[Tensor, "n c h w"], labels: Int[Tensor, " n"], objective: AttackLoss
    ) -> tuple[Float[Tensor, "n classes"], Float[Tensor, " n"], Float[Tensor, "n c h w"]]:
        """(logits, objective, its gradient with respect to each example's own image).

        Raises:
            ModelError: the model is not differentiable, or a logit or its gradient is NaN or infinite.
        """
        images = images.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = self.model(images)
            values = objective(logits, labels)
        self.passes["forward"] += len(images)
        self.passes["backward"] += len(images)
        check_logits(logits.detach(), "images of an attack")
        return logits.detach(), values.detach(), input_gradient(values.sum(), images)


def input_gradient(scalar: Tensor, images: Tensor, *, retain_graph: bool = False) -> Tensor:
    """The gradient of a number with respect to images; the graph is gone afterwards unless it is to stay.

    Raises:
        ModelError: no gradient reaches the images, or one is NaN or infinite.
    """
    gradient = None
    if scalar.requires_grad:
        (gradient,) = torch.autograd.grad(scalar, images, retain_graph=retain_graph, allow_unused=True)
    if gradient is None:
        raise ModelError(NOT_DIFFERENTIABLE)
    check_gradient(gradient)
    return gradient


def check_logits(logits: Tensor, of: str) -> None:
    """Raises ModelError when a logit is NaN or infinite: argmax would call that a decision.

    Args:
        logits: (n, classes).
        of: what they are of, for the message: "images" as they are, or "images of an attack".
    """
    if bad := not_finite(logits):
        raise ModelError(
            f"the model returned logits that are NaN or infinite for {bad} of {len(logits)} {of}; "
            "a number about it would mean nothing: look for an overflow or a division by 0 in it"
        )


def check_gradient(gradient: Tensor) -> None:
    """Raises ModelError when an entry is NaN or infinite: attacks would take such an image for a robust one."""
    if bad := not_finite(gradient):
        raise ModelError(f"the gradient is NaN or infinite for {bad} of {len(gradient)} images")


def not_finite(tensor: Tensor) -> int:
    """How many rows hold a number that is NaN or infinite."""
    if bool(torch.isfinite(tensor.sum())):
        return 0  # the sum tells at a tenth of the cost; it may itself overflow
    return int((~torch.isfinite(tensor)).flatten(1).any(dim=1).sum())
