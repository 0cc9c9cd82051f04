"""`load_data`: a data set by name."""

from __future__ import annotations

import os
from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.registry import data, data_place

DEFAULT_ROOT = Path("data")


def list_data() -> list[str]:
    """Names that `load_data` takes: the data sets of this library and of installed plugins."""
    return data.names()


def load_data(name: str, root: str | os.PathLike[str] | None = None) -> Data:
    """A data set with its splits: small images in memory, those that are kept in files decoded on the fly.

    Args:
        name: one of `list_data()`, or NAME:PATH for the one that is in PATH: "folder:PATH" for image folders of
            your own.
        root: the folder that the named sets are kept in, default "data" in the working directory.

    Raises:
        DataError: unknown name, or the files are missing, damaged or of another layout.
        PluginError: a data set of another package that cannot be loaded, fails, or is no `Data`.
    """
    name, place = data_place(str(name))
    folder = Path(place).expanduser() if place else DEFAULT_ROOT if root is None else Path(root)
    return data.function(name, Data)(folder)
