"""Image folders: `folder:PATH` with train/ and val/ or test/, one sub-folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from sparserobust.data.bundle import Data
from sparserobust.data.class_folders import class_folders, hold_out
from sparserobust.data.image_files import ImageFiles, read_image
from sparserobust.data.statistics import channel_statistics
from sparserobust.errors import DataError


def load_folder(path: Path) -> Data:
    """Image folders of your own, folder:PATH: PATH/train and PATH/test or PATH/val, one sub-folder per class.

    The images are read as RGB, or as grey where the first one is.
    test/ is evaluated, val/ when there is no test/; a tenth of train/ becomes the validation split when
    there is no second one. All images must have the size of the first one. Mean and standard deviation are
    those of the training images, which are all read once for it.

    Raises:
        DataError: folders are missing or empty, their classes differ, or images differ in size.
    """
    if not path.is_dir():
        raise DataError(
            f"{path} is not a folder; expected {path}/train/CLASS/IMAGE and {path}/val or {path}/test"
        )
    names = [name for name in ("train", "val", "test") if (path / name).is_dir()]
    if "train" not in names or len(names) < 2:
        raise DataError(
            f"{path} has {', '.join(names) or 'no split'}; expected train/ and val/ or test/, each with one "
            "sub-folder per class"
        )
    sets: dict[str, ImageFiles] = {}
    classes: tuple[str, ...] = ()
    for name in names:
        files, labels, found = class_folders(path / name)
        if name == "train":
            classes, shape = found, read_image(files[0]).shape
        if found != classes:
            raise DataError(
                f"{path / name} has other classes than {path / 'train'}; both need the same sub-folders"
            )
        sets[name] = ImageFiles(files, labels, shape)
    test = sets["test"] if "test" in sets else sets["val"]
    train, val = _with_validation(sets)
    mean, std = channel_statistics(train)
    return Data(f"folder:{path.name}", train, val, test, mean, std, classes, tuple(shape))


def _with_validation(sets: dict[str, ImageFiles]) -> tuple[Dataset[Any], Dataset[Any]]:
    train = sets["train"]
    return (train, sets["val"]) if len(sets) == 3 else hold_out(train, max(1, len(train) // 10))
