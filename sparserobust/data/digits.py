"""scikit-learn's handwritten digits: real, 8x8, shipped with the library, nothing to download."""

from __future__ import annotations

from pathlib import Path

import torch

from sparserobust.data.bundle import Data
from sparserobust.data.statistics import channel_statistics
from sparserobust.data.subset import split_off

SPLIT_SEED = 0


def load_digits(root: Path) -> Data:
    """scikit-learn's real handwritten digits, 8x8; nothing to download.

    1,797 images with 16 grey levels: 1,077 to train, 240 to validate, 480 to test; stratified, always the same. The
    root is not looked at.

    Source: Alpaydin and Kaynak 1998, UCI Optical Recognition of Handwritten Digits (its test part).
    """
    from sklearn.datasets import load_digits as sklearn_digits

    images, labels = sklearn_digits(return_X_y=True)
    pixels = torch.from_numpy(images).float().reshape(-1, 1, 8, 8) / 16
    targets = torch.from_numpy(labels)
    rest, test = split_off(pixels, targets, 480, SPLIT_SEED)
    train, val = split_off(rest.images, rest.labels, 240, SPLIT_SEED)
    mean, std = channel_statistics(train)
    classes = tuple(str(digit) for digit in range(10))
    return Data("digits", train, val, test, mean, std, classes, (1, 8, 8), recipe="digits")
