"""A data set: noisy bars, drawn when they are asked for."""

from __future__ import annotations

from pathlib import Path

import torch

from sparserobust.data import Data, ImageTensors


def load_bars(root: Path) -> Data:
    """Bars: four classes of noisy 8x8 images, 256 to train, 64 to validate, 128 to test; always the same.

    Args:
        root: `--data-root`; a data set that has files reads them from there.
    """
    stream = torch.Generator().manual_seed(0)

    def split(n: int) -> ImageTensors:
        labels = torch.arange(n) % 4
        images = 0.4 * torch.rand(n, 1, 8, 8, generator=stream)
        for image, label in zip(images, labels.tolist(), strict=True):
            image[:, 2 * label] += 0.5
        return ImageTensors(images, labels)

    train, val, test = split(256), split(64), split(128)
    return Data(
        name="bars",
        train=train,
        val=val,
        test=test,
        mean=(0.26,),
        std=(0.2,),
        classes=("top", "upper", "lower", "bottom"),
        input_shape=(1, 8, 8),
        recipe="digits",
    )
