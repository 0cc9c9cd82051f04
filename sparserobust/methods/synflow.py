"""SynFlow: pruning without any data by conserving synaptic flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.by_score import PruneInEvents
from sparserobust.settings import Positive
from sparserobust.sparsity.scoring_model import ScoringModel, ScoringSettings
from sparserobust.sparsity.select import Ties
from sparserobust.sparsity.synflow import make_positive, synflow


@dataclass(frozen=True, kw_only=True)
class SynFlow(PruneInEvents):
    """Keeps the globally largest w * dR/dw, with R the sum of outputs of the network made positive, in 100 events.

    The input is all ones (behind the normalisation of our networks) and BatchNorm uses its running
    statistics, all parameters and buffers made positive. On a network whose shortcuts are convolutions these
    are pruned first. Fixup networks, whose last layers start at zero, give no score at all.

    Attributes:
        ties: "draw" keeps exactly k; "drop" is the published rule, under which all ties are pruned.
        input_shape: (c, h, w), for a network that is not one of ours when no data are given.
    """

    name: ClassVar[str] = "synflow"
    title: ClassVar[str] = "SynFlow"
    source: ClassVar[str] = "Tanaka et al. 2020, arXiv:2006.05467, Algorithm 1"

    steps: Positive = 100
    ties: Ties = "draw"
    input_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = self.input_shape
        if shape is not None and not (
            isinstance(shape, list | tuple)
            and len(shape) == 3
            and all(isinstance(n, int) and n > 0 for n in shape)
        ):
            raise ConfigError(f"input_shape of synflow must be (c, h, w), three whole numbers, got {shape!r}")

    @property
    def needs(self) -> Literal["examples", "shape"] | None:
        """An input of the shape of an image."""
        return "shape"

    def prepare(self, model: ScoringModel) -> None:
        """Makes the network positive."""
        make_positive(model)

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """The weight times dR/dw of the positive network."""
        return synflow(model)

    def scoring(self) -> ScoringSettings:
        """The shape of an image, where it was given."""
        return {"input_shape": tuple(self.input_shape)} if self.input_shape is not None else {}
