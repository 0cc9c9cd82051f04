"""What an attack of another library is given, and what is believed of its answer."""

from __future__ import annotations

from collections import Counter

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparserobust.attacks.oracle import NOT_DIFFERENTIABLE, check_gradient
from sparserobust.errors import ModelError


class Lent(nn.Module):
    """A model in the hands of another library: its passes are counted and its modes stay as they are.

    The model is no submodule, so that `eval()`, `train()` and `to()` do not reach it; a parameter of its own
    says where it is. Images of another dtype than the model's are converted, and so are the logits back.

    Args:
        model: in evaluation mode, its parameters not asking for gradients.
        like: images of the model's dtype, on its device.
        passes: where "forward" and "backward" are counted, one for each example.
    """

    def __init__(self, model: nn.Module, like: Tensor, passes: Counter[str] | None = None) -> None:
        super().__init__()
        self._model = (model,)
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
        logits: Tensor = self._model[0](images.to(self.here.dtype))
        self._passes["forward"] += len(images)
        if logits.requires_grad:
            count = len(images)
            logits.register_hook(lambda _: self._passes.update(backward=count))  # type: ignore[no-untyped-call]
        elif images.requires_grad and torch.is_grad_enabled():
            raise ModelError(NOT_DIFFERENTIABLE)
        return logits.to(images.dtype)


def usable(images: Float[Tensor, "n c h w"], found: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """What was found, in [0, 1] and in the dtype of the clean images; the clean image where it is not finite."""
    found = found.detach().to(images)
    finite = torch.isfinite(found).flatten(1).all(dim=1)
    return torch.where(finite.view(-1, 1, 1, 1), found, images).clamp(0, 1)
