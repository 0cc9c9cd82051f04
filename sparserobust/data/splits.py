"""The three splits by the names that people give them, and a data set made of files that are sorted into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sparserobust.data.bundle import AnyDataset, Data
from sparserobust.data.image_files import ImageFiles, MiddleSquare, read_image
from sparserobust.data.statistics import channel_statistics
from sparserobust.data.subset import hold_out
from sparserobust.errors import DataError

Split: TypeAlias = Literal["train", "val", "test"]

SPLITS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "eval"),
    "test": ("test", "testing"),
}


def split_of(name: str) -> Split | None:
    """The split that a folder, a cell or a key of this name holds, in any case; None where it is no such name."""
    return next((split for split, names in SPLITS.items() if name.lower() in names), None)


@dataclass(frozen=True, kw_only=True)
class LabelledFiles:
    """Image files of one split, with the label of each."""

    files: Sequence[str]
    labels: Sequence[int]


def data_of_files(
    name: str,
    place: Path,
    sets: Mapping[Split, LabelledFiles],
    classes: Sequence[str],
    *,
    image_size: int | None,
    without_train: str,
) -> Data:
    """A data set of image files: test is evaluated, val where there is no test.

    A tenth of the training files, stratified and always the same, becomes the validation split where there is no
    third one. Mean and standard deviation are those of the training images, of the test images where there are none.

    Args:
        name: of the data set.
        place: folder or file that it was read from, for messages.
        sets: the files of each split that there is, test or val among them.
        classes: names, in label order.
        image_size: side of the square that every image is made; they must have one size when None.
        without_train: what `Data.without_train` says where there are no training files.

    Raises:
        DataError: one class only, an image that cannot be read, or images that differ in size.
    """
    if len(classes) < 2:
        raise DataError(
            f"{place} has one class only ({', '.join(classes)}); there is nothing to tell it from"
        )
    first = next(sets[split] for split in ("train", "test", "val") if split in sets)
    shape = read_image(first.files[0]).shape
    if image_size is not None:
        shape = (shape[0], image_size, image_size)
    sizing = None if image_size is None else MiddleSquare(image_size)
    images = {split: ImageFiles(own.files, own.labels, shape, sizing) for split, own in sets.items()}
    for each in images.values():
        each.require_readable()
    train: AnyDataset | None = images.get("train")
    val: AnyDataset | None = images.get("val") if "test" in images else None
    test = images["test"] if "test" in images else images["val"]
    if "train" in images and val is None:
        train, val = hold_out(images["train"], images["train"].labels, max(1, len(images["train"]) // 10))
    mean, std = channel_statistics(test if train is None else train)
    return Data(
        name,
        train,
        val,
        test,
        mean,
        std,
        tuple(classes),
        tuple(shape),
        without_train="" if train is not None else without_train,
    )
