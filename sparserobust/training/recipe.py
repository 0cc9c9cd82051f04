"""A recipe: how a paper trained, as one TOML file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

import torch
from annotated_types import Ge, Le, Lt
from pydantic import Field, model_validator
from torch import Tensor

from sparserobust.data import Data
from sparserobust.settings import Above0, NotNegative, Positive
from sparserobust.training.table import Table, require_table
from sparserobust.training.threat import Adversarial, PGDTraining, read_adversarial

AUGMENTATIONS = ("flip", "crop_padding", "translate", "random_resized_crop")


class Normalization(Table):
    """What a network's first layer subtracts and divides by, per channel, in pixel units from 0 to 1.

    Attributes:
        mean: of each channel.
        std: standard deviation of each channel.
    """

    mean: tuple[float, ...]
    std: tuple[Above0, ...]

    @model_validator(mode="after")
    def _as_many(self) -> Normalization:
        if len(self.mean) != len(self.std):
            raise ValueError(f"mean and std need as many values, got {len(self.mean)} and {len(self.std)}")
        return self


class Recipe(Table):
    """Optimizer, schedule, sizes and augmentation of one protocol.

    Attributes:
        name: what records and reports call it.
        source: paper and section that the values are from.
        optimizer: "sgd", "adam" (decay added to the gradient) or "adamw" (decoupled).
        lr: the learning rate that training begins with.
        momentum: of "sgd"; the other optimizers have none.
        weight_decay: on all trainable parameters, biases too; never on what is pruned or frozen.
        batch_size: training examples in each optimizer step.
        epochs: passes over the training examples.
        lr_every_steps: the learning rate is multiplied by lr_factor every so many optimizer steps, and (the
            factors multiply) after each epoch in lr_drop_epochs.
        lr_factor: what the learning rate is multiplied by at each drop.
        lr_drop_epochs: the epochs after which the learning rate drops, counted from 1.
        clip_norm: l2 norm that the gradient of the trainable parameters is clipped to.
        score_samples: training examples that scores see in a comparison under this recipe.
        flip: probability that an image is mirrored.
        crop_padding: zeros around an image, out of which its size is cropped at random, in pixels.
        translate: pixels by which an image is moved at most, down or up and to a side; zeros come in.
        random_resized_crop: whether a random part of an image file is taken and resized, as usual on ImageNet.
        augmented_data: names of the data sets that these four (flip to random_resized_crop) are for, those of the
            paper; others, and data without a name, are left as they are (a mirrored 3 is none). Empty: all data.
        normalization: data set -> mean and std of the paper's own, where they are not those of `load_data`.
        initialisation: of the paper's standard networks, for `create_model`; xavier-normal where it says none.
            Training itself uses neither this nor `normalization`.
        adversarial: training against perturbed images; without it, on the images as they are.
    """

    name: str
    source: str = ""
    optimizer: Literal["sgd", "adam", "adamw"]
    lr: Above0
    momentum: Annotated[float, Ge(0), Lt(1)] = 0.0
    weight_decay: Annotated[float, Ge(0)] = 0.0
    batch_size: Positive
    epochs: NotNegative
    lr_every_steps: Positive | None = Field(default=None, examples=[10_000])
    lr_factor: Above0 = 0.1
    lr_drop_epochs: tuple[Positive, ...] = ()
    clip_norm: Above0 | None = Field(default=None, examples=[10.0])
    score_samples: Positive = 100
    flip: Annotated[float, Ge(0), Le(1)] = 0.0
    crop_padding: NotNegative = 0
    translate: NotNegative = 0
    random_resized_crop: bool = False
    augmented_data: tuple[str, ...] = ()
    normalization: dict[str, Normalization] = Field(
        default={}, examples=[{"mnist": Normalization(mean=(0.1307,), std=(0.3081,))}]
    )
    initialisation: str = "xavier-normal"
    adversarial: Adversarial | None = Field(default=None, examples=[PGDTraining(eps=0.1)])

    @classmethod
    def instead(cls) -> str:
        """A short recipe says whose other values it has."""
        return ', or name the recipe that has it: base = "digits"'

    @classmethod
    def read(cls, values: object, what: str) -> Self:
        """The recipe of these values, as `Table.read`; those of tables in it are tables too."""
        if isinstance(values, cls):
            return values
        given = require_table(values, what)
        if given.get("adversarial") is not None:
            given["adversarial"] = read_adversarial(given["adversarial"], f"adversarial of {what}")
        if "normalization" in given:
            tables = require_table(given["normalization"], f"normalization of {what}")
            given["normalization"] = {
                data: Normalization.read(table, f"normalization.{data} of {what}")
                for data, table in tables.items()
            }
        return super().read(given, what)

    def changed(self, **values: Any) -> Recipe:
        """The recipe with other values; those of a table such as `adversarial` come as a whole.

        Raises:
            ConfigError: an unknown field, or a value that cannot be.
        """
        return Recipe.read(self.model_dump() | values, f"recipe {self.name}")

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
