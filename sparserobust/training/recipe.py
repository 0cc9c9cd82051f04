"""A recipe: how a paper trained, as one TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from sparserobust.data import Data
from sparserobust.errors import ConfigError
from sparserobust.toml_files import recipes
from sparserobust.training.threat import Adversarial

AUGMENTATIONS = ("flip", "crop_padding", "translate", "random_resized_crop")


class Normalization(BaseModel):
    """Mean and standard deviation per channel, in pixel units from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]

    @model_validator(mode="after")
    def _as_many(self) -> Normalization:
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean and std need as many values, got {len(self.mean)} and {len(self.std)}")
        return self


class Recipe(BaseModel):
    """Optimizer, schedule, sizes and augmentation of one protocol.

    Attributes:
        source: paper and section.
        optimizer: "sgd", "adam" (decay added to the gradient) or "adamw" (decoupled).
        weight_decay: on all trainable parameters, biases too; never on what is pruned or frozen.
        lr_every_steps: the learning rate is multiplied by lr_factor every so many optimizer steps, and (the
            factors multiply) after each epoch in lr_drop_epochs, counted from 1.
        clip_norm: l2 norm that the gradient of the trainable parameters is clipped to.
        score_samples: training examples that scores see in a comparison under this recipe.
        flip: probability that an image is mirrored.
        crop_padding: zeros around an image, out of which its size is cropped at random.
        translate: pixels by which an image is moved at most, down or up and to a side; zeros come in.
        random_resized_crop: a random part of an image file, resized, as usual on ImageNet.
        augmented_data: names of the data sets that these four are for, those of the paper; others, and data
            without a name, are left as they are (a mirrored 3 is none). Empty: all data.
        normalization: data set -> mean and std of the paper's own, where they are not those of `load_data`.
        initialisation: of the paper's standard networks, for `create_model`; xavier-normal where it says none.
            Training itself uses neither this nor `normalization`.
        adversarial: training against perturbed images, None on the images as they are.
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
    lr_drop_epochs: tuple[Annotated[int, Field(ge=1)], ...] = ()
    clip_norm: float | None = Field(default=None, gt=0)
    score_samples: int = Field(default=100, ge=1)
    flip: float = Field(default=0.0, ge=0, le=1)
    crop_padding: int = Field(default=0, ge=0)
    translate: int = Field(default=0, ge=0)
    random_resized_crop: bool = False
    augmented_data: tuple[str, ...] = ()
    normalization: dict[str, Normalization] = {}
    initialisation: str = "xavier-normal"
    adversarial: Adversarial | None = None

    def changed(self, **values: Any) -> Recipe:
        """The recipe with other values; those of a table such as `adversarial` come as a whole.

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

    def learning_rate(self, step: int, epoch: int = 0) -> float:
        """The learning rate of an optimizer step in an epoch, both counted from 0."""
        drops = sum(epoch >= after for after in self.lr_drop_epochs)
        if self.lr_every_steps is not None:
            drops += step // self.lr_every_steps
        return self.lr * self.lr_factor**drops

    def for_data(self, name: str | None) -> Recipe:
        """The recipe for the data set of that name (None: it has none), without an augmentation that is not for it."""
        if not self.augmented_data or name in self.augmented_data:
            return self
        off = {key: type(self).model_fields[key].default for key in AUGMENTATIONS}
        return self.model_copy(update=off)

    def normalize(self, data: Data) -> Data:
        """The data with the paper's own mean and std, the data itself where the recipe has none for it."""
        own = self.normalization.get(data.name)
        return data if own is None else data.normalized(own.mean, own.std)

    def settings(self) -> dict[str, Any]:
        """The values that training uses, for its record; what is not used is left out."""
        values = self.model_dump(mode="json", exclude={"normalization", "initialisation", "augmented_data"})
        unused = {key for key in (*AUGMENTATIONS, "lr_drop_epochs", "adversarial") if not values[key]}
        if self.adversarial is not None:
            values["adversarial"]["step_size"] = self.adversarial.step
        return {key: value for key, value in values.items() if key not in unused}


def list_recipes() -> list[str]:
    """Names of the recipes that come with the library."""
    return recipes.names()


def load_recipe(name: str | os.PathLike[str] | Recipe) -> Recipe:
    """A recipe by name, or from a TOML file of one's own.

    Raises:
        ConfigError: unknown name, unreadable file, or values that cannot be.
    """
    if isinstance(name, Recipe):
        return name
    text = recipes.text(str(name))
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
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{what}: {place}: {message}, got {first['input']!r}") from None
