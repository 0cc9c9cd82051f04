"""SynFlow: pruning without any data by conserving synaptic flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.methods.by_score import PruneInEvents
from sparserobust.settings import Positive
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.sparsity.select import Ties
from sparserobust.sparsity.synflow import make_positive, synflow


@dataclass(frozen=True, kw_only=True)
class SynFlow(PruneInEvents):
    """Keeps the globally largest w * dR/dw, with R the sum of outputs of the network made positive, in 100 events.

    The input is all ones (behind the normalisation of our networks) and BatchNorm uses its running
    statistics, all parameters and buffers made positive. On a network whose shortcuts are convolutions these
    are pruned first. Fixup networks, whose last layers start at zero, give no score at all, and networks that
    normalise each example (LayerNorm, as in transformers) none that is a flow: both are refused.

    Attributes:
        ties: "draw" keeps exactly k; "drop" is the published rule, under which all ties are pruned.
    """

    name: ClassVar[str] = "synflow"
    title: ClassVar[str] = "SynFlow"
    source: ClassVar[str] = "Tanaka et al. 2020, arXiv:2006.05467, Algorithm 1"

    steps: Positive = 100
    ties: Ties = "draw"

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
