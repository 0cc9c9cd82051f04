"""Which inputs of fully connected layers the convolutions before them still feed, while a network trains."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from sparserobust.errors import ModelError
from sparserobust.paths.graph import PathGraph, UnsupportedOperation, trace
from sparserobust.paths.reach import reachability
from sparserobust.pruner import Masks


class LiveInputs:
    """Finds inputs that no path of kept weights leads to: through pooling, flattening and shortcuts.

    An all-zero channel of the last convolution is such an input, at all of its positions, unless a shortcut goes
    around that convolution (the paper's rule has no such exception, although its networks are residual). Through a
    bias or BatchNorm such an input may still carry a constant.

    Args:
        model: in training; the shape of its images is read off its next forward pass.
    Source: STARFIRE, sec. 2.1.2 and Figure 3.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.graph: PathGraph | None = None
        self._shape: tuple[int, ...] | None = None
        self._handle = model.register_forward_pre_hook(self._see)

    def ready(self, method: str, masks: Masks) -> None:
        """Traces the network, when called for the first time, and walks through it.

        Args:
            method: its name, for the message.
            masks: name -> bool, of all prunable weights.

        Raises:
            ModelError: paths cannot be followed through it, or its images were not seen.
        """
        if self.graph is not None:
            return
        otherwise = "; choose remove_dead_inputs=False"
        if self._shape is None:
            raise ModelError(
                f"{method} looks for dead inputs and must see the images as the model's first argument{otherwise}"
            )
        try:
            graph = trace(self.model, self._shape, masks)
            reachability(graph, masks)
        except UnsupportedOperation as error:
            raise ModelError(f"{error}{otherwise}") from error
        self.graph = graph

    def of(self, masks: Masks, convolutions: Masks) -> dict[str, Bool[Tensor, " inputs"]]:
        """Name of a fully connected weight -> which of its inputs are live, on the CPU; all where it is missing.

        Fully connected layers count as dense, so that the answer hangs on the convolutions alone. Their weights are
        (outputs, inputs), as torch stores them.

        Args:
            masks: name -> bool, of all prunable weights.
            convolutions: new ones of the convolutions.
        """
        if self.graph is None or all(bool(m.flatten(1).any(dim=1).all()) for m in convolutions.values()):
            return {}
        supports = {name: convolutions.get(name, torch.ones_like(mask)) for name, mask in masks.items()}
        on_path = reachability(self.graph, supports).on_path
        live = {name: entry.any(dim=0) for name, entry in on_path.items() if name not in convolutions}
        return {name: inputs for name, inputs in live.items() if bool(inputs.any())}  # others are not in use

    def _see(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Notes the shape of an image, once."""
        if inputs and isinstance(inputs[0], Tensor):
            self._shape = tuple(inputs[0].shape[1:])
            self._handle.remove()
