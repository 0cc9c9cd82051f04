"""`Adapter`: the one way in which a network is called here, whatever it takes and returns."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparserobust.device import dtype_of
from sparserobust.logits import as_logits, one_tensor, with_auxiliary
from sparserobust.outputs import OutputOf, require_output, taken_from


class Adapter(nn.Module):
    """A network as everything here calls it: images in [0, 1] in, logits (n, classes) of their type out.

    Images, budgets and logits are float32 whatever the network computes in: they become float16, bfloat16 or float64
    on the way in and come back on the way out. Where the logits lie in what the network returns is looked up, see
    `sparserobust.outputs`.

    Attributes:
        network: as its author wrote it.
        output: where its logits lie; `places`: the place where they were found without that, if they do not lie alone;
            it stays the same from then on.

    Args:
        network: any module that is no adapter, see `of`.
        output: where the logits lie; None for the usual places.
        found: where they were found before.
    """

    def __init__(self, network: nn.Module, output: OutputOf = None, found: str | None = None) -> None:
        super().__init__()
        require_output(output)
        self.network = network
        self.output = output
        self.places: list[str] = [] if found is None else [found]
        self.training = network.training

    @classmethod
    def of(cls, network: nn.Module) -> Adapter:
        """The network itself where it is an adapter, else one around it."""
        return network if isinstance(network, Adapter) else cls(network)

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        """Logits.

        Raises:
            ShapeError, ModelError, ConfigError: what the network returned holds none.
        """
        return as_logits(self._taken(images), images)

    def outputs(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n outputs"]:
        """What the network returned as it is: where there is one logit per image it is not made two.

        Raises:
            As `forward`.
        """
        return one_tensor(self._taken(images), images)

    def with_auxiliary(self, images: Float[Tensor, "n c h w"]) -> tuple[Tensor, list[Tensor]]:
        """(logits, those of auxiliary heads) of a network in training mode, see `sparserobust.logits`."""
        returned = self._called(images)
        if self.output is None:
            return with_auxiliary(returned, images, self._fixed)
        return as_logits(taken_from(returned, len(images), self.output)[0], images), []

    def computes_in(self, images: Float[Tensor, "n c h w"]) -> torch.dtype | None:
        """The type of what the network returns before it becomes that of the images."""
        taken = self._taken(images)
        return taken.dtype if isinstance(taken, Tensor) else None

    def _called(self, images: Tensor) -> object:
        takes = dtype_of(self.network, default=images.dtype)
        returned: object = self.network(images.to(takes, copy=True))  # it may write into its images
        return returned

    @property
    def _fixed(self) -> OutputOf:
        """Where the logits are known to lie."""
        return self.output if self.output is not None or not self.places else self.places[0]

    def _taken(self, images: Tensor) -> object:
        fixed = self._fixed
        taken, place = taken_from(self._called(images), len(images), fixed)
        if fixed is None and place:
            self.places.append(place)
        return taken
