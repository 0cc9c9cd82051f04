"""What an attack of another library is given, and what of its answer counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sparserobust.adapter import Adapter
from sparserobust.attacks.budget import Norm, project
from sparserobust.attacks.oracle import NOT_DIFFERENTIABLE, check_gradient
from sparserobust.device import repeatable
from sparserobust.errors import ModelError
from sparserobust.seeds import derived_seed


class Lent(nn.Module):
    """A model in the hands of another library: its passes are counted and its modes stay as they are.

    The model is no submodule, so that `eval()`, `train()` and `to()` do not reach it; a parameter of its own
    says where it is. Images of another type than those at hand are converted, and so are the logits back.

    Args:
        model: in evaluation mode, its parameters not asking for gradients.
        like: images, on the model's device.
        passes: where "forward" and "backward" are counted, one for each example.
    """

    def __init__(self, model: nn.Module, like: Tensor, passes: Counter[str] | None = None) -> None:
        super().__init__()
        self._model = (Adapter.of(model),)
        self._passes: Counter[str] = Counter() if passes is None else passes
        self.here = nn.Parameter(torch.zeros((), dtype=like.dtype, device=like.device), requires_grad=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """The model's logits.

        Raises:
            ModelError: a gradient is wanted and the model is not differentiable, or the gradient is not finite.
        """
        if images.requires_grad and torch.is_grad_enabled():
            images.register_hook(check_gradient)  # type: ignore[no-untyped-call]
        logits: Tensor = self._model[0](images.to(self.here.dtype)).to(images.dtype)
        self._passes["forward"] += len(images)
        if logits.requires_grad:
            count = len(images)
            logits.register_hook(lambda _: self._passes.update(backward=count))  # type: ignore[no-untyped-call]
        elif images.requires_grad and torch.is_grad_enabled():
            raise ModelError(NOT_DIFFERENTIABLE)
        return logits


def usable(images: Float[Tensor, "n c h w"], found: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """What was found, in [0, 1] and in the dtype of the clean images; the clean image where it is not finite."""
    found = found.detach().to(images)
    finite = torch.isfinite(found).flatten(1).all(dim=1)
    return torch.where(finite.view(-1, 1, 1, 1), found, images).clamp(0, 1)


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """What projected gradient ascent is given beside model, images and labels; eps and stepsize in pixel units."""

    norm: Norm
    eps: float
    steps: int
    stepsize: float
    random_start: bool


@dataclass(frozen=True, kw_only=True)
class ThirdPartyPGD:
    """PGD of another library, on the cross-entropy: the last iterate, whether it fools or not.

    The random start is drawn for the whole batch at once and follows the batch. An image that is not finite
    becomes the clean one.

    Attributes:
        library: its name; each draws from a stream of its own.
        attack: calls it.
    """

    library: str
    attack: Callable[[Lent, Tensor, Tensor, Ascent], Tensor]

    def __call__(
        self,
        model: nn.Module,
        images: Float[Tensor, "n c h w"],
        labels: Int[Tensor, " n"],
        *,
        norm: Norm,
        eps: float,
        steps: int,
        stepsize: float,
        random_start: bool = True,
        seed: int,
        passes: Counter[str] | None = None,
    ) -> Float[Tensor, "n c h w"]:
        """Images within the budget.

        Args:
            model: in evaluation mode, its parameters not asking for gradients.
            images: in [0, 1].
            labels: what the model is to be led away from.
            norm: of the budget `eps`, which is in pixel units as `stepsize` is.
            steps: of gradient ascent.
            random_start: whether to start in the budget at random or at the image.
            seed: of the random start.
            passes: where "forward" and "backward" are counted, one for each example.
        """
        ascent = Ascent(norm=norm, eps=eps, steps=steps, stepsize=stepsize, random_start=random_start)
        with repeatable(derived_seed(seed, f"{self.library} pgd"), images.device), torch.enable_grad():
            found = self.attack(Lent(model, images, passes), images, labels, ascent)
        return project(images, usable(images, found), norm, eps)
