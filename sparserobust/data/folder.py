"""Images of one's own: `folder:PATH`, where PATH is a folder of class folders, with splits or not, or a CSV file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.data.class_folders import class_folders, folders_in, images_under, is_seen
from sparserobust.data.manifest import load_manifest
from sparserobust.data.splits import LabelledFiles, Split, data_of_files, split_of
from sparserobust.errors import DataError


def load_folder(path: Path, *, image_size: int | None = None) -> Data:
    """Images of your own, folder:PATH: class folders, in train/ and test/ or val/ or alone, or a CSV file.

    PATH is a folder with a sub-folder for each split, and in each a sub-folder of images for each class:
    train/ (or training/), val/ (valid/, validation/, eval/) and test/ (testing/), in any case. test/ is evaluated,
    val/ when there is no test/; a tenth of train/ becomes the validation split when there is no second one. Without
    train/, or with the class folders directly in PATH, there is a test split alone: nothing can be trained on it.
    The classes are those of train/, by name; another split may lack some of them.

    Or PATH is a CSV file with the columns path and label, and split where there are several: see `load_manifest`.

    Hidden files and folders, __MACOSX, __pycache__ and @eaDir are not looked at, nor are files that are no images.
    The images are read as RGB, or as grey where the first one is. All must have the size of the first one, or are
    made square: `image_size` (`--image-size N`) resizes the shorter side to N, bilinear with antialiasing, and cuts
    the middle N x N pixels out. Mean and standard deviation are those of the training images, which are all read
    once for it; of the test images where there are no training images.

    Raises:
        DataError: folders are missing or empty, a split has classes that train/ has not, there is one class only,
            or an image cannot be read or has another size.
    """
    if path.is_file():
        return load_manifest(path, image_size=image_size)
    if not path.is_dir():
        if path.suffix.lower() in (".csv", ".tsv", ".txt"):
            raise DataError(f"{path} is not there; expected a CSV file with the columns path and label")
        raise DataError(
            f"{path} is not a folder, nor a CSV file; expected {path}/train/CLASS/IMAGE and {path}/val or "
            f"{path}/test, or {path}/CLASS/IMAGE"
        )
    name = f"folder:{Path(os.path.abspath(path)).name}"  # of "." too, and a link keeps its own
    folders, without_train = _split_folders(path), f"{path / 'train'} is not there"
    if not folders:
        _require_class_folders(path)
        folders, without_train = (
            {"test": path},
            f"its class folders are in {path} and not in {path / 'train'}",
        )
    sets, classes = _read(folders)
    return data_of_files(name, path, sets, classes, image_size=image_size, without_train=without_train)


def _split_folders(path: Path) -> dict[Split, Path]:
    """The folders of the splits; none where the class folders are in `path` itself."""
    found: dict[Split, Path] = {}
    named = [folder for folder in folders_in(path) if split_of(folder.name) is not None]
    others = len(folders_in(path)) > len(named)
    if others and all(not folders_in(folder) and images_under(folder) for folder in named):
        return {}  # classes that are called like a split, a train beside a car
    for folder in named:
        split = split_of(folder.name)
        assert split is not None
        if split in found:
            raise DataError(
                f"{path} has {found[split].name}/ and {folder.name}/, which are two names of one split; keep one"
            )
        found[split] = folder
    if list(found) == ["train"]:
        raise DataError(
            f"{path} has {found['train'].name}/ alone; expected test/ or val/ beside it, with one sub-folder per class"
        )
    return found


def _require_class_folders(path: Path) -> None:
    """Raises DataError where a folder without splits has no class folders, or where they are further down."""
    folders = folders_in(path)
    if not folders:
        images = images_under(path)
        csv = sorted(
            file.name for file in path.iterdir() if is_seen(file.name) and file.suffix.lower() == ".csv"
        )
        what = f"{len(images)} images, but no folder" if images else "no folder"
        listed = f"; or name the list in it: folder:{path / csv[0]}" if csv else ""
        raise DataError(
            f"{path} has {what}; expected train/ and val/ or test/, each with one sub-folder per class, or one "
            f"sub-folder per class{listed}"
        )
    if len(folders) == 1 and folders_in(folders[0]):
        raise DataError(
            f"{path} has one folder, {folders[0].name}/, with further ones in it; did you mean folder:{folders[0]}?"
        )


def _read(folders: Mapping[Split, Path]) -> tuple[dict[Split, LabelledFiles], Sequence[str]]:
    """The files of each split and the classes: those of train/, or of all splits where there is no train/."""
    found = {split: class_folders(folder) for split, folder in folders.items()}
    known = (
        found["train"][2] if "train" in found else sorted({c for _, _, own in found.values() for c in own})
    )
    sets: dict[Split, LabelledFiles] = {}
    for split, (files, labels, own) in found.items():
        if unknown := [name for name in own if name not in known]:
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            raise DataError(
                f"{folders[split]} has other classes than {folders['train']} ({', '.join(unknown[:3])}{more}); add "
                "them there, or remove them here"
            )
        sets[split] = LabelledFiles(files=files, labels=[known.index(own[label]) for label in labels])
    return sets, known
