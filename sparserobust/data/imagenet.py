"""ImageNet and Imagenette: class folders of images of every size."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from sparserobust.data.bundle import Data
from sparserobust.data.class_folders import class_folders, require
from sparserobust.data.image_files import ImageFiles, MiddleSquare, Sizing, centre_crop, resized
from sparserobust.data.subset import hold_out
from sparserobust.errors import DataError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HELD_OUT = 50_000

IMAGENETTE = ("imagenette2", "imagenette2-320", "imagenette2-160")  # the largest first
NAMES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def load_imagenet(root: Path, *, image_size: int | None = None) -> Data:
    """ImageNet: 224x224, from the class folders of imagenet/train and imagenet/val in --data-root.

    The shorter side is resized to 256 and the middle 224x224 are taken, in training too unless the recipe
    crops at random; with an `image_size` N both sizes are N. The official validation images are the test split;
    50,000 training images (a tenth where there are fewer than 500,000), stratified and always the same, are the
    validation split.

    Raises:
        DataError: files are missing, or the two splits have other classes.
    Source: Russakovsky et al. 2015, arXiv:1409.0575; sizes as in He et al. 2016.
    """
    folder = root / "imagenet"
    require(
        "ImageNet",
        folder,
        ("train", "val"),
        "make them with torchvision.datasets.ImageNet, or name the folder that imagenet/ is in with --data-root",
    )
    if not any(path.is_dir() for path in (folder / "val").iterdir()):
        raise DataError(
            f"{folder / 'val'} has no class folders; sort the official validation images into them, "
            "as torchvision.datasets.ImageNet does"
        )
    sizing = partial(centre_crop, shorter=256, side=224)
    data = _from_class_folders("imagenet", folder, 224, sizing, image_size)
    return replace(data, title="ImageNet", recipe="starfire-imagenet")


def load_imagenette(root: Path, *, image_size: int | None = None) -> Data:
    """Imagenette: ten classes of ImageNet, 128x128, from imagenette2/, -320/ or -160/ in --data-root.

    Resized without keeping the aspect, as SNIP-it does; with an `image_size` N the shorter side is resized to N and
    the middle NxN are taken. Of several versions the largest is taken; where there
    is none, torchvision downloads the one whose shorter side is 320, SNIP-it's. SNIP-it used the first
    Imagenette, whose split was another (13k images to train, 500 to test).

    Raises:
        DataError: files are missing and cannot be downloaded, or the two splits have other classes.
    Source: Howard 2019, https://github.com/fastai/imagenette; SNIP-it, supplement J and the authors' code.
    """
    present = [root / name for name in IMAGENETTE if (root / name).is_dir()]
    folder = present[0] if present else _downloaded(root)
    require("Imagenette", folder, ("train", "val"), "remove the folder and unpack the archive again")
    sizing = partial(resized, height=128, width=128)
    data = _from_class_folders("imagenette", folder, 128, sizing, image_size)
    return replace(data, title="Imagenette", recipe="snip-it-imagenette")


def _downloaded(root: Path) -> Path:
    import torchvision

    try:
        torchvision.datasets.Imagenette(root, size="320px", download=True)
    except Exception as error:  # torchvision raises whatever its download, check or unpacking raised
        raise DataError(
            f"Imagenette is not in {root} (missing {', '.join(IMAGENETTE[:-1])} or {IMAGENETTE[-1]}) and cannot be "
            f"downloaded ({type(error).__name__}); put one there or name its folder with --data-root"
        ) from None
    return root / "imagenette2-320"


def _from_class_folders(name: str, folder: Path, side: int, sizing: Sizing, image_size: int | None) -> Data:
    """train/ without what is held out for validation, and val/ as the test split."""
    if image_size is not None:
        side, sizing = image_size, MiddleSquare(image_size)
    shape = (3, side, side)
    files, labels, classes = class_folders(folder / "train")
    held, held_labels, others = class_folders(folder / "val")
    if others != classes:
        odd = sorted(set(classes) ^ set(others))
        raise DataError(
            f"{folder / 'val'} has other classes than {folder / 'train'} ({odd[0]} is in one of them alone); "
            "both need the same sub-folders"
        )
    train = ImageFiles(files, labels, shape, sizing)
    rest, val = hold_out(train, train.labels, min(HELD_OUT, max(1, len(train) // 10)))
    test = ImageFiles(held, held_labels, shape, sizing)
    names = tuple(NAMES.get(c, c) for c in classes)
    return Data(name, rest, val, test, MEAN, STD, names, shape)
