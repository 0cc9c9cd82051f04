"""Image folders: `folder:PATH` with train/ and val/ or test/, one sub-folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Subset

from sparserobust.data.bundle import Data
from sparserobust.data.statistics import channel_statistics
from sparserobust.data.subset import stratified_indices
from sparserobust.errors import DataError


def load_folder(path: Path) -> Data:
    """The images under PATH/train, PATH/val and PATH/test as RGB, or grey where the first image is.

    test/ is evaluated, val/ when there is no test/; a tenth of train/ becomes the validation split when
    there is no second one. All images must have the size of the first one.

    Raises:
        DataError: folders are missing or empty, their classes differ, or images differ in size.
    """
    from torchvision.datasets import ImageFolder

    if not path.is_dir():
        raise DataError(
            f"{path} is not a folder; expected {path}/train/CLASS/IMAGE and {path}/val or {path}/test"
        )
    splits = {name: path / name for name in ("train", "val", "test") if (path / name).is_dir()}
    if "train" not in splits or len(splits) < 2:
        raise DataError(
            f"{path} has {', '.join(splits) or 'no split'}; expected train/ and val/ or test/, each with one "
            "sub-folder per class"
        )
    size: list[tuple[int, ...]] = []

    def load(file: str) -> torch.Tensor:
        pixels = _read(file)
        if not size:
            size.append(tuple(pixels.shape))
        channels, height, width = size[0]
        if pixels.shape[1:] != (height, width):
            raise DataError(
                f"images in {path} differ in size ({width}x{height} and {pixels.shape[2]}x{pixels.shape[1]}); "
                "resize them to one size first"
            )
        if len(pixels) == channels:
            return pixels
        return pixels.expand(3, -1, -1) if channels == 3 else pixels.mean(dim=0, keepdim=True)

    sets: dict[str, Any] = {}
    for name, folder in splits.items():
        try:
            sets[name] = ImageFolder(str(folder), loader=load)
        except FileNotFoundError as error:
            raise DataError(f"{folder}: {str(error).splitlines()[0]}") from None
        if sets[name].classes != sets["train"].classes:
            raise DataError(
                f"{folder} has other classes than {splits['train']}; both need the same sub-folders"
            )
    train: Dataset[Any] = sets["train"]
    test: Dataset[Any] = sets["test"] if "test" in sets else sets["val"]
    val: Dataset[Any] | None = sets["val"] if "test" in sets and "val" in sets else None
    if val is None:
        targets = torch.as_tensor(sets["train"].targets)
        held = stratified_indices(targets, max(1, len(targets) // 10), 0)
        rest = torch.ones(len(targets), dtype=torch.bool)
        rest[held] = False
        val = Subset(train, held.tolist())
        train = Subset(train, rest.nonzero().flatten().tolist())
    mean, std = channel_statistics(train)
    image, _ = train[0]
    return Data(
        f"folder:{path.name}", train, val, test, mean, std, tuple(sets["train"].classes), tuple(image.shape)
    )


def _read(file: str) -> torch.Tensor:
    """One image as float (channels, h, w) in [0, 1]: one channel for grey (8 or 16 bits), else three."""
    from PIL import Image
    from torchvision.transforms.functional import pil_to_tensor

    try:
        with Image.open(file) as image:
            if image.mode.startswith("I"):
                return torch.from_numpy(np.asarray(image, dtype=np.float32) / 65535).unsqueeze(0)
            pixels: torch.Tensor = pil_to_tensor(
                image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")
            )
    except OSError as error:
        raise DataError(f"{file} is not a readable image ({error}); remove or replace it") from None
    return pixels.float() / 255
