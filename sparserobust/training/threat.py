"""What a recipe's adversarial training defends against: a budget, and how hard the worst images are looked for."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge
from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator

from sparserobust.errors import ConfigError
from sparserobust.settings import Above0, NotNegative, Positive
from sparserobust.training.table import Table, require_table


class _AdversarialTraining(Table):
    """The budget of adversarial training, and how its images are looked for.

    Attributes:
        kind: "pgd" or "trades".
        norm: the norm of the budget.
        eps: the budget in pixel units, images being in [0, 1]; 0 leaves every image as it is.
        steps: of the ascent that looks for the worst image in the budget; each costs a forward and a backward pass.
        step_size: how far each step goes, in the norm and in pixel units; 2.5 * eps / steps where none is given.
        warmup_epochs: so many epochs come first, over which eps and the step size grow evenly to their full size;
            without them a very sparse network may stay at chance under a large eps. Ours, not the papers'.
    """

    kind: str
    norm: Literal["linf", "l2"] = "linf"
    eps: Annotated[float, Ge(0)]
    steps: Positive = 10
    step_size: Above0 | None = Field(default=None, examples=[0.025])
    warmup_epochs: NotNegative = 0

    @field_validator("eps")
    @classmethod
    def _in_pixels(cls, eps: float, info: ValidationInfo) -> float:
        if info.data.get("norm") == "linf" and eps > 1:
            raise ValueError(f"pixels are in [0, 1]; did you mean {eps:g}/255 = {eps / 255:.4g}?")
        return eps

    @property
    def step(self) -> float:
        """The step size in use."""
        return 2.5 * self.eps / self.steps if self.step_size is None else self.step_size

    def in_epoch(self, epoch: int) -> Self:
        """With the eps and step size of an epoch, counted from 0."""
        share = min(1.0, (epoch + 1) / (self.warmup_epochs + 1))
        return self.model_copy(update={"eps": share * self.eps, "step_size": share * self.step})


class PGDTraining(_AdversarialTraining):
    """Training on the images of the largest loss. Source: Madry et al. 2018, arXiv:1706.06083, sec. 2.1.

    Attributes:
        random_start: whether the ascent starts anywhere in the budget, else at the image itself.
    """

    kind: Literal["pgd"] = "pgd"
    random_start: bool = True


class TRADESTraining(_AdversarialTraining):
    """The loss plus beta times how far predictions can be moved. Source: Zhang et al. 2019, arXiv:1901.08573.

    Attributes:
        beta: the weight of the second term, the paper's 1 / lambda.
    """

    kind: Literal["trades"] = "trades"
    beta: Annotated[float, Ge(0)] = 6.0


KINDS: dict[str, type[PGDTraining] | type[TRADESTraining]] = {"pgd": PGDTraining, "trades": TRADESTraining}


def read_adversarial(values: object, what: str) -> PGDTraining | TRADESTraining:
    """The adversarial training that a table describes.

    Raises:
        ConfigError: no such table; `what` it is goes into the message.
    """
    if isinstance(values, PGDTraining | TRADESTraining):
        return values
    table = require_table(values, what)
    if (kind := _kind(table)) is None:
        raise ConfigError(f"{what} must have kind = 'pgd' or kind = 'trades', got {table!r}")
    return KINDS[kind].read(table, what)


def _kind(values: Any) -> str | None:
    kind = values.get("kind") if isinstance(values, dict) else getattr(values, "kind", None)
    return kind if isinstance(kind, str) and kind in KINDS else None


Adversarial = Annotated[
    Annotated[PGDTraining, Tag("pgd")] | Annotated[TRADESTraining, Tag("trades")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message="expected a table with kind = 'pgd' or kind = 'trades'",
    ),
]
