"""Data: the splits of one data set with what a network must know of them; and other forms made alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sparserobust.data.reading import Indexed
from sparserobust.errors import ConfigError, ShapeError
from sparserobust.one_line import OneLine, shown

PLAIN = (str, bytes, Sequence, Mapping, Tensor, np.ndarray)
"""What has items and a length but is no data set."""

AnyDataset: TypeAlias = "Dataset[Any]"
AnySet: TypeAlias = "Dataset[Any] | DataLoader[Any]"
AnyData: TypeAlias = "Data | tuple[Tensor, Tensor] | Dataset[Any] | DataLoader[Any]"
"""Wherever data is taken: a `Data`, (images, labels) tensors, a Dataset or a DataLoader.

A Dataset may serve (image, label), longer tuples that begin with them, or dicts with image (or images, img,
pixel_values) and label (or labels, target, fine_label); images as tensors, arrays or PIL images, labels as numbers of
any kind. It need not derive from torch's, as Hugging Face's do not.
"""


@dataclass(frozen=True, repr=False)
class Data(OneLine):
    """A data set.

    Attributes:
        name: as `load_data` takes it.
        train, val, test: Datasets of (image, label); images are float (c, h, w) in [0, 1]. `train` and
            `val` may be None where there are only examples to evaluate.
        mean, std: per channel, over the training images, or the constants that the papers' code uses.
        classes: names, in label order.
        bounds: of every pixel.
        title: the name as it is usually written; the name itself where none is given.
        recipe: how networks are trained on it where no other recipe is named; None for the general one.
        image_size: side of the square that every image was made, its shorter side resized to that and the middle cut
            out; None where nothing was asked for.
        without_train: why there are no training examples, for the message where some are needed.
        open_ended: whether the classes are counted from whole numbers as labels, so that a network may have more.
    """

    name: str
    train: AnyDataset | None
    val: AnyDataset | None
    test: AnyDataset
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    bounds: tuple[float, float] = (0.0, 1.0)
    title: str = ""
    recipe: str | None = None
    image_size: int | None = None
    without_train: str = ""
    open_ended: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or self.name)

    def _shown(self) -> Iterator[str]:
        yield f"{shown(self.name)}"
        for split in ("train", "val", "test"):
            if (examples := getattr(self, split)) is not None:
                yield f"{split}={len(examples) if hasattr(examples, '__len__') else type(examples).__name__}"
        yield f"classes={self.num_classes}"
        yield f"input_shape={self.input_shape}"

    @property
    def num_classes(self) -> int:
        """How many classes."""
        return len(self.classes)

    def normalized(self, mean: Sequence[float], std: Sequence[float]) -> Data:
        """The same data with other constants for a network's normalisation layer.

        Raises:
            ConfigError: not one value per channel, or a standard deviation that is not above 0.
        """
        if not len(mean) == len(std) == self.input_shape[0] or min(std) <= 0:
            raise ConfigError(
                f"mean and std of {self.name} need one value per channel ({self.input_shape[0]}), std above 0; "
                f"got {tuple(mean)} and {tuple(std)}"
            )
        return replace(self, mean=tuple(mean), std=tuple(std))


class ImageTensors(Dataset[Any]):
    """Images as one uint8 or float tensor (n, c, h, w) with labels; served as float in [0, 1].

    `slice(indices)` serves a whole batch at once, which is what makes small networks fast.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        if images.ndim != 4 or len(images) != len(labels):
            hint = "; add a channel with unsqueeze(1)" if images.ndim == 3 else ""
            raise ShapeError(
                f"images must be (n, c, h, w) with n labels, got {tuple(images.shape)} and {len(labels)} labels{hint}"
            )
        whole_labels(labels, len(images))
        self.images = images
        self.labels = labels.to(torch.int64)

    def __len__(self) -> int:
        """How many examples."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image and its label."""
        images, labels = self.slice(torch.tensor([index]))
        return images[0], int(labels[0])

    def slice(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The images and labels at these indices."""
        images = self.images[indices]
        return (images.float() / 255 if images.dtype == torch.uint8 else images), self.labels[indices]


@overload
def as_dataset(data: AnyData, split: Literal["test"]) -> AnyDataset | DataLoader[Any]: ...
@overload
def as_dataset(data: AnyData, split: Literal["train", "val"]) -> AnyDataset | DataLoader[Any] | None: ...
def as_dataset(data: AnyData, split: str) -> AnyDataset | DataLoader[Any] | None:
    """The examples of one split ("train", "val", "test"); data without splits is itself.

    Raises:
        ConfigError: not a form of data that is known.
        ShapeError: tensors of the wrong shape.
    """
    if isinstance(data, Data):
        return {"train": data.train, "val": data.val, "test": data.test}[split]
    if isinstance(data, TensorDataset) and len(data.tensors) == 2:
        data = (data.tensors[0], data.tensors[1])
    if isinstance(data, Sequence) and len(data) == 2 and all(isinstance(part, Tensor) for part in data):
        return ImageTensors(data[0], data[1])
    if isinstance(data, Dataset | DataLoader):
        return data
    other: object = data
    if hasattr(other, "__getitem__") and hasattr(other, "__len__") and not isinstance(other, (*PLAIN, type)):
        return Indexed(other)
    raise ConfigError(
        f"data must be a Data, (images, labels) tensors, a Dataset or a DataLoader, got {_what_came(data)}"
    )


def training_examples(data: AnyData, what: str) -> AnyDataset | DataLoader[Any]:
    """The training examples.

    Args:
        data: any form.
        what: needs them, for the message.

    Raises:
        ConfigError: there are none.
    """
    examples = as_dataset(data, "train")
    if examples is None:
        assert isinstance(data, Data)
        why = f": {data.without_train}" if data.without_train else ""
        raise ConfigError(f"{what} needs training examples, and {data.name} has none{why}")
    return examples


def _what_came(data: object) -> str:
    """What was given as data, and what to do about it."""
    if isinstance(data, str):
        return f"{data!r}; did you mean load_data({data!r})?"
    if isinstance(data, list | tuple) and len(data) == 2:
        first, second = data
        arrays = all(hasattr(part, "dtype") for part in data)
        hint = "; torch.as_tensor makes tensors of arrays" if arrays else ""
        return f"({type(first).__name__}, {type(second).__name__}){hint}"
    return type(data).__name__


def images_in_range(images: Tensor) -> None:
    """Raises ShapeError unless images are float (n, c, h, w) in [0, 1] and finite."""
    if images.ndim != 4:
        hint = "add a channel" if images.ndim == 3 else "reshape them"
        raise ShapeError(f"images must be (n, c, h, w) in [0, 1], got {tuple(images.shape)}; {hint}")
    if not images.is_floating_point():
        raise ShapeError(f"images must be float in [0, 1], got {images.dtype}; divide by 255")
    low, high = (float(bound) for bound in torch.aminmax(images))
    if not (low >= 0 and high <= 1):  # also catches NaN
        if not bool(torch.isfinite(images).all()):
            hint = "remove what is NaN or infinite"
        elif low < 0:
            hint = "undo the normalisation: it belongs into the model's first layer"
        else:
            hint = "divide by 255" if high > 2 else "rescale them"
        raise ShapeError(f"images must be in [0, 1], got values from {low:.4g} to {high:.4g}; {hint}")


def whole_labels(labels: Tensor, n: int) -> None:
    """Raises ShapeError unless labels are n whole numbers from 0 up."""
    if labels.shape != (n,):
        raise ShapeError(
            f"labels must be ({n},) whole numbers, got {tuple(labels.shape)}; one-hot labels: argmax(1)"
        )
    if labels.is_floating_point() and bool((labels != labels.round()).any()):  # also catches NaN
        example = float(labels[labels != labels.round()][0])
        raise ShapeError(f"labels must be whole numbers from 0 up, got {example:g} among them")
    if n and int(labels.min()) < 0:
        raise ShapeError(f"labels must be whole numbers from 0 up, got values from {float(labels.min()):g}")
