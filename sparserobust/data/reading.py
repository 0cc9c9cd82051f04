"""Examples as data sets of any making serve them: which part is the image, which the label, and both as tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Subset

from sparserobust.data.image_files import as_float, in_three_modes, pixels_of
from sparserobust.errors import DataError, ShapeError, SparseRobustError, said_by

IMAGE_KEYS = ("image", "images", "img", "pixel_values")
LABEL_KEYS = ("label", "labels", "target", "fine_label")
"""Of examples that are dicts, as those of Hugging Face's data sets are."""


class Indexed(Dataset[Any]):
    """What has a length and serves examples by number but is no torch Dataset, as one."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __len__(self) -> int:
        """How many examples."""
        return len(self.source)

    def __getitem__(self, index: int) -> Any:
        """One example, as it is served."""
        return self.source[index]


class Labelled(Dataset[Any]):
    """A data set of any making with its labels at hand, which were read from it."""

    def __init__(self, source: Dataset[Any], labels: Tensor) -> None:
        self.source = source
        self.labels = labels

    def __len__(self) -> int:
        """How many examples."""
        return len(self.labels)

    def __getitem__(self, index: int) -> Any:
        """One example, as it is served."""
        return self.source[index]


def served(batches: Iterable[Any], dataset: object) -> Iterator[Any]:
    """What is served, one by one.

    Args:
        batches: somebody else's, which may raise anything.
        dataset: that they come from, for the message.

    Raises:
        DataError: with what was raised.
    """
    try:
        yield from batches
    except SparseRobustError:
        raise
    except Exception as error:
        while isinstance(dataset, Indexed | Labelled | Subset):
            dataset = dataset.dataset if isinstance(dataset, Subset) else dataset.source
        name = type(dataset).__name__
        raise DataError(
            f"{name} cannot serve an example: {type(error).__name__}: {said_by(error)}"
        ) from error


def pair(example: Any) -> tuple[Any, Any]:
    """(image, label) of an example or of a batch of them; what else is in it is left out.

    Raises:
        ShapeError: neither a tuple that begins with them nor a dict that names them.
    """
    if isinstance(example, Mapping):
        found = [next((key for key in keys if key in example), None) for keys in (IMAGE_KEYS, LABEL_KEYS)]
        if None in found:
            raise ShapeError(
                f"examples must be (image, label) or have one of the keys {', '.join(IMAGE_KEYS)} and one of "
                f"{', '.join(LABEL_KEYS)}, got {', '.join(map(str, list(example)[:8]))}"
            )
        return example[found[0]], example[found[1]]
    if isinstance(example, tuple | list) and len(example) >= 2:
        return example[0], example[1]
    what = f"{len(example)} of them" if isinstance(example, tuple | list) else type(example).__name__
    raise ShapeError(f"examples must be (image, label) or a dict with image and label, got {what}")


def collate(examples: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Images and labels of several examples, as one tensor each."""
    images, labels = zip(*map(pair, examples), strict=True)
    return image_tensor(images), label_tensor(labels)


def image_tensor(images: Any) -> Tensor:
    """A batch of images as one tensor: of a tensor, an array, or several tensors, arrays and PIL images.

    Raises:
        ShapeError: something else, or images of several shapes.
    """
    if isinstance(images, Tensor | np.ndarray):
        return torch.as_tensor(images)
    each = [_one_image(image) for image in images]
    shapes = list(dict.fromkeys(tuple(image.shape) for image in each))
    if len(shapes) > 1:
        raise ShapeError(
            f"images differ in shape, {shapes[0]} and {shapes[1]}; resize them to one size, and convert them to one "
            "number of channels"
        )
    return torch.stack(each)


def _one_image(image: Any) -> Tensor:
    if isinstance(image, Image.Image):
        return as_float(pixels_of(in_three_modes(image)))
    if isinstance(image, Tensor | np.ndarray):
        return torch.as_tensor(image)
    raise ShapeError(
        f"images must be tensors (c, h, w) in [0, 1], arrays or PIL images, got {type(image).__name__}"
    )


def label_tensor(labels: Any) -> Tensor:
    """Labels as one tensor: of a tensor, or of numbers of any kind, which are not looked at further.

    Raises:
        ShapeError: texts or something else that is no number.
    """
    if isinstance(labels, Tensor):
        return labels
    if not isinstance(labels, np.ndarray):
        labels = [label.detach().cpu().numpy() if isinstance(label, Tensor) else label for label in labels]
    try:
        array = np.asarray(labels)
    except ValueError:  # of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        first = labels[0]
        raise ShapeError(
            f"labels must be whole numbers from 0 up, got {first!r:.80}; number the classes"
            if isinstance(first, str)
            else f"labels must be whole numbers from 0 up, got {type(first).__name__}"
        )
    return torch.from_numpy(array.astype(np.float64 if array.dtype.kind == "f" else np.int64))
