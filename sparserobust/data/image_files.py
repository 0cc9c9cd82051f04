"""Image files that are decoded when they are read, so that a large data set is never in memory as a whole."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from sparserobust.errors import DataError

Sizing: TypeAlias = "Callable[[Image.Image], Image.Image]"

THREADS = 8  # at most: PIL lets go of the interpreter lock while it decodes and resizes
ATTEMPTS = 10  # at a crop that fits, as torchvision's RandomResizedCrop
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


@dataclass(frozen=True)
class MiddleSquare:
    """Makes an image side x side: its shorter side is resized to `side`, and the middle is cut out."""

    side: int

    def __call__(self, image: Image.Image) -> Image.Image:
        """The middle of the image, at that size."""
        return centre_crop(image, self.side, self.side)


class ImageFiles(Dataset[Any]):
    """Image files with labels, served as float (c, h, w) in [0, 1]; nothing is read before it is asked for.

    `slice(indices)` decodes a whole batch in threads. Grey files in a set of three channels are repeated,
    colour files in a set of one are averaged; CMYK becomes RGB.
    """

    def __init__(
        self,
        files: Sequence[str],
        labels: Sequence[int] | Tensor,
        shape: tuple[int, ...],
        sizing: Sizing | None = None,
    ) -> None:
        """Files that are served as images of `shape`.

        Args:
            files: paths.
            labels: one for each file.
            shape: (c, h, w).
            sizing: makes an image (h, w); files must have that size when None.
        """
        self.files = files
        self.labels = torch.as_tensor(labels, dtype=torch.int64)
        self.shape = shape
        self.sizing = sizing

    def __len__(self) -> int:
        """How many examples."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """One image and its label."""
        return self._image(self._pixels(index, None)), int(self.labels[index])

    def slice(self, indices: Tensor, crop: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """The images and labels at these indices.

        Args:
            indices: any order, repetitions too.
            crop: draws a random part of every image instead of `sizing`, the usual crop for training on
                ImageNet: 8 to 100 % of the area, sides 3:4 to 4:3, resized to (h, w).

        Raises:
            DataError: a file cannot be read, or has another size where none is made.
        """
        chosen = indices.tolist()
        draws: list[Any] = [None] * len(chosen)
        if crop is not None:
            # all numbers that a crop can need, so that neither threads nor sizes change what the next one draws
            draws = torch.rand(len(chosen), ATTEMPTS, 4, generator=crop, dtype=torch.float64).tolist()
        with _threads() as pool:
            images = [self._image(pixels) for pixels in pool.map(self._pixels, chosen, draws)]
        return torch.stack(images), self.labels[indices]

    def _pixels(self, index: int, draws: Sequence[Sequence[float]] | None) -> NDArray[Any]:
        """One image as read_image returns it, in the right size. No torch here: its threads would add to ours."""
        pixels = read_image(self.files[index], self.sizing if draws is None else self._random_part(draws))
        height, width = pixels.shape[1:]
        if (height, width) != self.shape[1:]:
            raise self._other_size(index, height, width)
        return pixels

    def require_readable(self) -> None:
        """Raises DataError for the first file that is no image, or of another size where none is made.

        Only the beginning of each file is read: one that is damaged further on is found when it is decoded.
        """
        with _threads() as pool:
            for index, size in enumerate(pool.map(size_of, self.files)):
                if self.sizing is None and size != self.shape[1:]:
                    raise self._other_size(index, *size)

    def _other_size(self, index: int, height: int, width: int) -> DataError:
        return DataError(
            f"{self.files[index]}: images differ in size (expected {self.shape[2]}x{self.shape[1]}, "
            f"got {width}x{height}); resize them, or let it be done: --image-size N, image_size=N"
        )

    def _random_part(self, draws: Sequence[Sequence[float]]) -> Sizing:
        def part(image: Image.Image) -> Image.Image:
            left, top, width, height = crop_box(image.width, image.height, draws)
            return resized(image.crop((left, top, left + width, top + height)), *self.shape[1:])

        return part

    def _image(self, pixels: NDArray[Any]) -> Tensor:
        image = as_float(pixels)
        if len(image) == self.shape[0]:
            return image
        return image.expand(3, -1, -1) if self.shape[0] == 3 else image.mean(dim=0, keepdim=True)


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1))


def read_image(file: str, sizing: Sizing | None = None) -> NDArray[Any]:
    """One image as (c, h, w): one channel for grey, else three; uint8, or float32 in [0, 1] for 16-bit grey.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with Image.open(file) as image:
            image.load()
            decoded = in_three_modes(image)
        return pixels_of(decoded if sizing is None else sizing(decoded))
    except Exception as error:  # PIL raises whatever its decoders raise on a damaged file
        raise _unreadable(file, error) from None


def size_of(file: str) -> tuple[int, int]:
    """(height, width) of an image, which is not decoded for it.

    Raises:
        DataError: it is none.
    """
    try:
        with Image.open(file) as image:
            return image.height, image.width
    except Exception as error:
        raise _unreadable(file, error) from None


def _unreadable(file: str, error: Exception) -> DataError:
    why = (str(error) or type(error).__name__).splitlines()[0]
    return DataError(f"{file} is not a readable image ({why}); remove or replace it")


def in_three_modes(image: Image.Image) -> Image.Image:
    """The image as 16-bit grey where it is that, else as 8-bit grey or RGB; CMYK, palettes and alpha become RGB."""
    if image.mode.startswith("I"):
        return image
    if image.mode == "F":
        raise ValueError(
            "its pixels are floating-point numbers, of no known range; save it with 8 or 16 bits"
        )
    return image.convert("L" if image.mode in ("1", "L", "LA") else "RGB")


def pixels_of(image: Image.Image) -> NDArray[Any]:
    """(c, h, w) of an image in one of the three modes: uint8, or float32 in [0, 1] for 16-bit grey."""
    pixels = np.asarray(image)
    if image.mode.startswith("I"):
        if pixels.size and not 0 <= int(pixels.min()) <= int(pixels.max()) <= 65535:
            raise ValueError("its pixels are not of 16 bits; save it with 8 or 16 bits")
        return pixels.astype(np.float32)[None] / np.float32(65535)
    return np.array(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1), order="C")


def as_float(pixels: NDArray[Any]) -> Tensor:
    """Pixels as a float tensor in [0, 1]."""
    image = torch.from_numpy(pixels)
    return image.float() / 255 if image.dtype == torch.uint8 else image


def resized(image: Image.Image, height: int, width: int) -> Image.Image:
    """The image at that size, whatever its aspect was: bilinear with antialiasing, as torchvision's Resize."""
    return image.resize((width, height), Image.Resampling.BILINEAR)


def centre_crop(image: Image.Image, shorter: int, side: int) -> Image.Image:
    """The middle side x side pixels, after the shorter side was resized to `shorter`, the aspect kept."""
    longer = int(shorter * max(image.width, image.height) / min(image.width, image.height))
    width, height = (shorter, longer) if image.width <= image.height else (longer, shorter)
    image = resized(image, height, width)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def crop_box(width: int, height: int, draws: Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """(left, top, width, height) of a random part of an image; the largest in the middle when no draw fits.

    Args:
        width: of the image; `height` likewise.
        draws: rows of four numbers in [0, 1): area, shape, place across, place down. The first row that fits
            is taken.

    Source: Szegedy et al. 2015, arXiv:1409.4842, sec. 6, as in torchvision's RandomResizedCrop.
    """
    low, high = (math.log(side) for side in RATIO)
    for size, shape, across, down in draws:
        area = width * height * (AREA[0] + size * (AREA[1] - AREA[0]))
        ratio = math.exp(low + shape * (high - low))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            return int(across * (width - w + 1)), int(down * (height - h + 1)), w, h
    w, h = min(width, round(height * RATIO[1])), min(height, round(width / RATIO[0]))
    return (width - w) // 2, (height - h) // 2, w, h
