"""`load_data`: a data set by name."""

from __future__ import annotations

import inspect
import os
from dataclasses import replace
from pathlib import Path

from sparserobust.arguments import whole_number
from sparserobust.data.bundle import Data
from sparserobust.data.own import load_own
from sparserobust.data_names import data_place, is_own_data, require_data
from sparserobust.errors import ConfigError, PluginError
from sparserobust.registry import data

DEFAULT_ROOT = Path("data")


def list_data() -> list[str]:
    """Names that `load_data` takes: the data sets of this library and of installed plugins."""
    return data.names()


def load_data(
    name: str, root: str | os.PathLike[str] | None = None, *, image_size: int | None = None
) -> Data:
    """A data set with its splits: small images in memory, those that are kept in files decoded on the fly.

    Args:
        name: one of `list_data()`, or NAME:PATH for the one that is in PATH: "folder:PATH" for image folders of
            your own, or for a CSV file that lists images. Or "package.module:callable" for data of your own, see
            `load_own`.
        root: the folder that the named sets are kept in, default "data" in the working directory.
        image_size: makes every image a square of that side: its shorter side is resized to it, bilinear with
            antialiasing, and the middle is cut out. For data that are kept in image files, which may then differ in
            size.

    Raises:
        DataError: unknown name, or the files are missing, damaged or of another layout.
        PluginError: a data set of another package that cannot be loaded, fails, or is no `Data`.
        ConfigError: an image size that is no whole number from 1 up, or that this data set does not take.
    """
    name, size = str(name), None if image_size is None else whole_number("image_size", image_size, least=1)
    require_data(name)
    if is_own_data(name):
        if root is not None:
            raise ConfigError(
                f"data {name!r} is your own, which takes no root; leave out {os.fspath(root)!r}"
            )
        return _sized(load_own(name, size), size)
    bare, place = data_place(name)
    folder = Path(place).expanduser() if place else DEFAULT_ROOT if root is None else Path(root)
    load = data.function(bare, Data)
    if size is None:
        return load(folder)
    if "image_size" not in inspect.signature(load).parameters:
        raise ConfigError(
            f"image_size resizes image files (of folder:PATH, imagenet ...), and the images of {bare} have one size; "
            "leave it out"
        )
    return _sized(load(folder, image_size=size), size)


def _sized(found: Data, size: int | None) -> Data:
    """The data, which say how their images were resized; checked, as whoever made them was asked to do it."""
    if size is None:
        return found
    if found.input_shape[1:] != (size, size):
        raise PluginError(
            f"{found.name} was asked for images of {size}x{size} and has {found.input_shape}; let what makes it take "
            "image_size, or leave it out"
        )
    return replace(found, image_size=size)
