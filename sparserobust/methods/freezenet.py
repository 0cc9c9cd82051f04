"""FreezeNet: what is not chosen stays at its initial value instead of becoming zero; and FreezeNet-WD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from sparserobust.errors import ConfigError
from sparserobust.methods.snip import SNIP
from sparserobust.sparsity import scores
from sparserobust.sparsity.scoring_model import ScoringModel
from sparserobust.weights.plan import OffsetKind


@dataclass(frozen=True, kw_only=True)
class FreezeNet(SNIP):
    """SNIP with a frozen offset. The twist: a layer without any trainable weight gets one at random.

    Weight decay acts on trainable parameters only; all biases and normalisation parameters are trained.
    Re-initialisation after the mask is found (Algorithm S1, FreezeNet-A-B): create_model(initialisation=A)
    and control="reinitialised", initialisation=B.

    Attributes:
        mask: "snip", or "random": positions drawn over all weights (Fig. 3, right).
    """

    name: ClassVar[str] = "freezenet"
    title: ClassVar[str] = "FreezeNet"
    source: ClassVar[str] = "Wimmer et al. 2020, arXiv:2011.14087, Algorithm 1 and sec. 4"

    offset: OffsetKind = "frozen"
    rescue: Literal["random"] | None = "random"
    mask: Literal["snip", "random"] = "snip"

    def score(self, model: ScoringModel) -> dict[str, Tensor]:
        """|w * dL/dw|; under mask="random" a draw."""
        return scores.random(model) if self.mask == "random" else super().score(model)

    @property
    def needs(self) -> Literal["examples", "shape"] | None:
        """Training examples, but not where positions are drawn."""
        return None if self.mask == "random" else "examples"

    @property
    def positions(self) -> Literal["stored", "seeded"]:
        """The seed brings them back where they are drawn."""
        return "seeded" if self.mask == "random" else "stored"


@dataclass(frozen=True, kw_only=True)
class FreezeNetWD(FreezeNet):
    """FreezeNet with weight decay on the frozen weights too, so that they shrink towards zero.

    Under SGD (or decoupled decay) all frozen weights of a layer shrink by one factor gamma, so the offset is
    gamma * W0 exactly, and a file stores the seed and gamma. Adam with decay added to the gradient has no
    such factor and is refused.

    Attributes:
        prune_at_end: sets the frozen weights to zero after training; the history has the validation accuracy
            before and after.
    """

    name: ClassVar[str] = "freezenet-wd"
    title: ClassVar[str] = "FreezeNet-WD"
    source: ClassVar[str] = "Wimmer et al. 2020, arXiv:2011.14087, sec. 4.2, FreezeNet-WD"
    recipe: ClassVar[str] = "freezenet-cifar10"
    decay_offset: ClassVar[bool] = True

    prune_at_end: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset != "frozen":
            raise ConfigError(f"freezenet-wd decays a frozen offset, got offset={self.offset!r}")

    def parts(self) -> dict[str, str]:
        """With the decay."""
        return super().parts() | {"offset": f"{self.offset}, shrinking by weight decay"}
