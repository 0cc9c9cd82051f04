"""`load_data`: a data set by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.data.digits import load_digits
from sparserobust.data.folder import load_folder
from sparserobust.data.imagenet import load_imagenet, load_imagenette
from sparserobust.data.tiny_imagenet import load_tiny_imagenet
from sparserobust.data.torchvision_sets import SETS, load_torchvision
from sparserobust.errors import DataError, did_you_mean

DEFAULT_ROOT = Path("data")

FILE_SETS: dict[str, Callable[[Path], Data]] = {
    "tiny-imagenet": load_tiny_imagenet,
    "imagenette": load_imagenette,
    "imagenet": load_imagenet,
}
"""name -> function of the root; their images are decoded when they are asked for."""


def list_data() -> list[str]:
    """Names that `load_data` takes."""
    return ["digits", *SETS, *FILE_SETS, "folder:PATH"]


def load_data(name: str, root: str | os.PathLike[str] | None = None) -> Data:
    """A data set with its splits: small images in memory, those of `FILE_SETS` and folders decoded on the fly.

    Args:
        name: one of `list_data()`; "folder:PATH" for image folders of your own.
        root: the folder that the named sets are kept in, default "data" in the working directory.

    Raises:
        DataError: unknown name, or the files are missing, damaged or of another layout.
    """
    if name == "digits":
        return load_digits()
    folder = Path(root) if root is not None else DEFAULT_ROOT
    if name in SETS:
        return load_torchvision(name, folder)
    if name in FILE_SETS:
        return FILE_SETS[name](folder)
    name = str(name)
    if name.startswith("folder:") and len(name) > len("folder:"):
        return load_folder(Path(name.removeprefix("folder:")).expanduser())
    known = list_data()
    raise DataError(
        f"unknown data set {name!r}{did_you_mean(name, known) or ';'} expected one of {', '.join(known)}"
    )
