"""Folders with one sub-folder of images per class, as torchvision's ImageFolder reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sparserobust.errors import DataError

LITTER = ("__MACOSX", "__pycache__", "@eaDir")
"""Folders that archives, Python and network storage leave behind."""


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
    names = tuple(path.name for path in folders_in(folder)) if classes is None else tuple(classes)
    if not names:
        raise DataError(f"{folder} has no class folder; expected one sub-folder of images for each class")
    found: dict[str, list[str]] = {}
    for name in names:
        found[name] = images_under(folder / name)
        if not found[name]:
            raise DataError(
                f"{folder} has no image of class {name}; put images into {folder / name}, or remove it"
            )
    order = sorted(range(len(names)), key=lambda label: names[label])
    files = [file for label in order for file in found[names[label]]]
    return files, [label for label in order for _ in found[names[label]]], names


def folders_in(folder: Path) -> list[Path]:
    """The sub-folders, sorted by name; hidden ones and those that programs leave behind are not seen.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        return sorted(path for path in folder.iterdir() if is_seen(path.name) and path.is_dir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror})") from None


def images_under(folder: Path) -> list[str]:
    """Paths of the images in a folder and in its sub-folders, sorted; what is hidden or no image is not seen."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    found = []
    for root, folders, names in os.walk(folder, followlinks=True):
        here = Path(root).resolve()  # a link to a folder that it lies in would be followed for ever
        around = {here, *here.parents}
        folders[:] = [name for name in folders if is_seen(name) and Path(root, name).resolve() not in around]
        own = [name for name in names if is_seen(name) and name.lower().endswith(IMG_EXTENSIONS)]
        found.append((root, sorted(own)))
    return [str(Path(root, name)) for root, own in sorted(found) for name in own]


def is_seen(name: str) -> bool:
    """Whether a file or folder is the user's own: .git, ._1.png, __MACOSX and the like are not."""
    return not name.startswith(".") and name not in LITTER


def require(title: str, folder: Path, names: Sequence[str], remedy: str) -> None:
    """Raises DataError naming the files and folders below `folder` that are not there."""
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise DataError(f"{title} is not in {folder} (missing {', '.join(missing)}); {remedy}")
