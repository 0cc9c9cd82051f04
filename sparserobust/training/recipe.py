"""A recipe: how a paper trained, as one TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from sparserobust.errors import ConfigError, did_you_mean


class Recipe(BaseModel):
    """Optimizer, schedule and sizes of one protocol.

    Attributes:
        source: paper and section.
        optimizer: "sgd", "adam" (decay added to the gradient) or "adamw" (decoupled).
        weight_decay: on all trainable parameters, biases too; never on what is pruned or frozen.
        lr_every_steps: the learning rate is multiplied by lr_factor every so many optimizer steps.
        clip_norm: l2 norm that the gradient of the trainable parameters is clipped to.
        score_samples: training examples that criteria see in a comparison under this recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    source: str
    optimizer: Literal["sgd", "adam", "adamw"]
    lr: float = Field(gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=0)
    lr_every_steps: int | None = Field(default=None, ge=1)
    lr_factor: float = Field(default=0.1, gt=0)
    clip_norm: float | None = Field(default=None, gt=0)
    score_samples: int = Field(default=100, ge=1)

    def changed(self, **values: int | None) -> Recipe:
        """The recipe with other values.

        Raises:
            ConfigError: a value that cannot be.
        """
        return _validated(self.model_dump() | values, f"recipe {self.name}")

    def build_optimizer(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimizer over these parameters."""
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                parameters, self.lr, momentum=self.momentum, weight_decay=self.weight_decay
            )
        kind = torch.optim.Adam if self.optimizer == "adam" else torch.optim.AdamW
        return kind(parameters, self.lr, weight_decay=self.weight_decay)

    def learning_rate(self, step: int) -> float:
        """The learning rate of an optimizer step, counted from 0."""
        if self.lr_every_steps is None:
            return self.lr
        return self.lr * self.lr_factor ** (step // self.lr_every_steps)


def list_recipes() -> list[str]:
    """Names of the recipes that come with the library."""
    folder = resources.files("sparserobust.training") / "recipes"
    return sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml"))


def load_recipe(name: str | os.PathLike[str] | Recipe) -> Recipe:
    """A recipe by name, or from a TOML file of one's own.

    Raises:
        ConfigError: unknown name, unreadable file, or values that cannot be.
    """
    if isinstance(name, Recipe):
        return name
    if str(name).endswith(".toml"):
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise ConfigError(f"recipe {name} cannot be read ({why})") from None
    else:
        known = list_recipes()
        if str(name) not in known:
            raise ConfigError(
                f"unknown recipe {str(name)!r}{did_you_mean(str(name), known) or ';'} "
                f"expected {', '.join(known)} or the path of a TOML file"
            )
        text = (resources.files("sparserobust.training") / "recipes" / f"{name}.toml").read_text("utf-8")
    try:
        return _validated(tomllib.loads(text), f"recipe {name}")
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"recipe {name} is not TOML ({error})") from None


def _validated(values: dict[str, Any], what: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{what}: {place}: {first['msg']}, got {first['input']!r}") from None
