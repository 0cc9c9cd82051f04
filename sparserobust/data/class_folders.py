"""Folders with one sub-folder of images per class, as torchvision's ImageFolder reads them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.data import Subset

from sparserobust.data.image_files import ImageFiles
from sparserobust.data.subset import stratified_indices
from sparserobust.errors import DataError

SPLIT_SEED = 0


def class_folders(
    folder: Path, classes: Sequence[str] | None = None
) -> tuple[list[str], list[int], tuple[str, ...]]:
    """(files, labels, classes) of the images anywhere under FOLDER/CLASS, sorted by class and path.

    Args:
        folder: holds one folder per class.
        classes: folder names in label order; those that are there, sorted, when None.

    Raises:
        DataError: no class folder, or one without an image.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    try:
        names = tuple(classes) if classes is not None else tuple(find_classes(str(folder))[0])
        samples = make_dataset(str(folder), {name: i for i, name in enumerate(names)}, IMG_EXTENSIONS)
    except FileNotFoundError as error:
        raise DataError(f"{folder}: {textwrap.shorten(str(error), 300, placeholder=' ...')}") from None
    return [file for file, _ in samples], [label for _, label in samples], names


def hold_out(train: ImageFiles, size: int) -> tuple[Subset[ImageFiles], Subset[ImageFiles]]:
    """(rest, held out): a stratified split of `size` examples and everything else, always the same."""
    held = stratified_indices(train.labels, size, SPLIT_SEED)
    rest = torch.ones(len(train), dtype=torch.bool)
    rest[held] = False
    return Subset(train, rest.nonzero().flatten().tolist()), Subset(train, held.tolist())


def require(title: str, folder: Path, names: Sequence[str], remedy: str) -> None:
    """Raises DataError naming the files and folders below `folder` that are not there."""
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise DataError(f"{title} is not in {folder} (missing {', '.join(missing)}); {remedy}")
