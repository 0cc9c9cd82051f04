"""Tiny ImageNet, in the layout that tiny-imagenet-200.zip unpacks to."""

from __future__ import annotations

from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.data.class_folders import class_folders, require
from sparserobust.data.image_files import ImageFiles, MiddleSquare
from sparserobust.data.subset import hold_out
from sparserobust.errors import DataError

TITLE = "Tiny ImageNet"
SHAPE = (3, 64, 64)

# in the authors' code of FORCE, DCTpS and GraSP; SynFlow has the same, rounded to three digits
MEAN, STD = (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)


def load_tiny_imagenet(root: Path, *, image_size: int | None = None) -> Data:
    """Tiny ImageNet: 200 classes of 64x64 images, from tiny-imagenet-200/ in --data-root.

    The official test images have no labels, so the official validation images are the test split, as in the
    papers; a tenth of the training images, stratified and always the same, is the validation split. Labels
    follow wnids.txt; names come from words.txt, the first of each line.

    Raises:
        DataError: files are missing, or the annotations and the images do not belong together.
    Source: Stanford CS231N 2015, http://cs231n.stanford.edu/tiny-imagenet-200.zip.
    """
    folder = root / "tiny-imagenet-200"
    require(
        TITLE,
        folder,
        ("wnids.txt", "train", "val/images", "val/val_annotations.txt"),
        f"unpack tiny-imagenet-200.zip in {root}, or name the folder it is in as data_root",
    )
    wnids = tuple(_text(folder / "wnids.txt").split())
    if not wnids:
        raise DataError(f"{folder / 'wnids.txt'} is empty; expected one class in each line")
    shape = SHAPE if image_size is None else (3, image_size, image_size)
    sizing = None if image_size is None else MiddleSquare(image_size)
    files, labels, _ = class_folders(folder / "train", wnids)
    train = ImageFiles(files, labels, shape, sizing)
    rest, val = hold_out(train, train.labels, max(1, len(files) // 10))
    test = ImageFiles(*_official_validation(folder / "val", wnids), shape, sizing)
    classes = _names(folder / "words.txt", wnids)
    recipe = "freezenet-tiny-imagenet"
    return Data("tiny-imagenet", rest, val, test, MEAN, STD, classes, shape, title=TITLE, recipe=recipe)


def _official_validation(folder: Path, wnids: tuple[str, ...]) -> tuple[list[str], list[int]]:
    """(files, labels): all images of val/images in the order of their names, with the labels of val_annotations.txt."""
    annotations = folder / "val_annotations.txt"
    labels: dict[str, int] = {}
    for number, line in enumerate(_text(annotations).splitlines(), start=1):
        name, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        if wnid not in wnids:
            raise DataError(
                f"{annotations}, line {number}: expected FILE, a class of wnids.txt and a box, separated by "
                f"tabs, got {line!r}"
            )
        labels[name] = wnids.index(wnid)
    names = sorted(file.name for file in (folder / "images").iterdir() if file.suffix.upper() == ".JPEG")
    unknown, gone = [n for n in names if n not in labels], sorted(set(labels) - set(names))
    if unknown:
        raise DataError(
            f"{annotations} has no class for {len(unknown)} of {len(names)} images ({unknown[0]} ...)"
        )
    if gone or not names:
        first = gone[0] if gone else "every one"
        raise DataError(f"{folder / 'images'} misses {len(gone) or 'all'} annotated images ({first} ...)")
    return [str(folder / "images" / name) for name in names], [labels[n] for n in names]


def _names(file: Path, wnids: tuple[str, ...]) -> tuple[str, ...]:
    """A word for each class, the class itself where words.txt has none."""
    lines = _text(file).splitlines() if file.exists() else []
    words = {wnid: names.split(",")[0].strip() for wnid, _, names in (line.partition("\t") for line in lines)}
    return tuple(words.get(wnid) or wnid for wnid in wnids)


def _text(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")
