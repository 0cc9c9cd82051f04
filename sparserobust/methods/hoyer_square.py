"""DeepHoyer: a differentiable measure of sparsity that does not depend on scale, as a regulariser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.during import AfterEpochs, StartsFull, keep_highest, magnitudes
from sparserobust.pruner import Pruner, TrainingState
from sparserobust.settings import Positive


def hoyer_square(weight: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """(sum |w|)^2 / sum w^2, a scalar on the graph: from 1 for one weight that is not zero to numel when all are alike.

    Multiplying all weights by a number leaves it as it is; where all are 0 it is 0, with gradient 0.

    Args:
        weight: any shape.
    Source: Yang et al. 2020 (DeepHoyer), arXiv:1908.09979, eq. 4.
    """
    tiny = torch.finfo(weight.dtype).tiny
    return weight.abs().sum().square() / weight.square().sum().clamp_min(tiny)


@dataclass(frozen=True, kw_only=True)
class HoyerSquare(StartsFull):
    """Adds the Hoyer-Square measure of every layer to the loss, then prunes by magnitude and fine-tunes.

    The paper prunes below a fixed threshold and ends with whatever sparsity that gives; here the threshold is the
    one that keeps exactly the target. The penalty ends with the pruning.

    Attributes:
        decay: strength of the penalty, the sum over layers, at least 0. The paper tunes it for each network, the
            SNIP-it paper from 1e-6 to 0.5; the default is that of the authors' code.
        prune_epoch: number of epochs with the penalty, after which is pruned; None: 5/7 of the training, as the
            authors' 250 of 350 epochs on MNIST.
        threshold: "magnitude", one for all layers (the authors' on CIFAR-10), or "deviation": in standard deviations
            of each layer (their choice on MNIST). Under an allocation other than "global" both keep the same.
    """

    name: ClassVar[str] = "hoyer-square"
    title: ClassVar[str] = "Hoyer-Square"
    source: ClassVar[str] = "Yang et al. 2020 (DeepHoyer), arXiv:1908.09979, sec. 3.2, eq. 4; sec. 4"
    when: ClassVar[str] = "a penalty during training, then one pruning and fine-tuning"

    decay: Annotated[float, Ge(0)] = 1e-3
    prune_epoch: Positive | None = None
    threshold: Literal["magnitude", "deviation"] = "magnitude"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset == "frozen":
            raise ConfigError(
                "hoyer-square draws weights to 0 before it prunes them and takes no frozen offset, which would put "
                "them back to their initial values; choose offset='zero' or 'dct'"
            )

    def pruner(self, training: TrainingState) -> Pruner:
        """The penalty, then one pruning.

        Raises:
            ConfigError: the training ends before `prune_epoch`.
        """
        return _Penalised(self, training)


class _Penalised(AfterEpochs):
    def __init__(self, method: HoyerSquare, training: TrainingState) -> None:
        self.at = max(1, round(training.epochs * 5 / 7)) if method.prune_epoch is None else method.prune_epoch
        if self.at > training.epochs:
            raise ConfigError(
                f"prune_epoch of {method.name} must be within the training, got {self.at} of {training.epochs} epochs"
            )
        super().__init__(training, {self.at: training.k})
        self.method = method

    def penalty(self) -> Tensor | None:
        if self.settled or not self.method.decay:
            return None
        measures = [hoyer_square(value) for value in self.training.values.values()]
        return self.method.decay * torch.stack(measures).sum()

    def prune(self, kept: int) -> None:
        scores = magnitudes(self.training, in_deviations=self.method.threshold == "deviation")
        self.training.set_masks(keep_highest(self.training, scores, kept, self.method.allocation))
