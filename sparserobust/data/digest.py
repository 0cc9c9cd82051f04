"""What a split is, as one number: tells a training on it from one on other examples."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from sparserobust.data.batches import known_labels, sliceable
from sparserobust.data.bundle import AnySet
from sparserobust.data.image_files import ImageFiles, MiddleSquare

LOOKED_AT = 1024
"""Image files of which the size counts too."""


def digest_of(split: AnySet | None) -> str:
    """sha256 of the examples in memory, or of the names, labels and some sizes of image files; "" without a split.

    Of a data set of another class only the class, the number of examples and labels that are at hand count: what it
    serves may be drawn anew.
    """
    if split is None:
        return ""
    if isinstance(split, DataLoader):
        return digest_of(split.dataset)
    digest = hashlib.sha256(type(split).__qualname__.encode())
    whole, indices = sliceable(split)
    if whole is None:
        digest.update(str(_length(split)).encode())
        if (labels := known_labels(split)) is not None:
            digest.update(labels.cpu().numpy().tobytes())
        return digest.hexdigest()
    digest.update(indices.numpy().tobytes() + whole.labels.cpu().numpy().tobytes())
    if isinstance(whole, ImageFiles):
        files = [Path(whole.files[i]) for i in indices.tolist()]
        digest.update("|".join(f"{file.parent.name}/{file.name}" for file in files).encode())
        step = max(1, len(files) // LOOKED_AT)
        digest.update(str([file.stat().st_size for file in files[::step]]).encode())
        if isinstance(whole.sizing, MiddleSquare):
            digest.update(repr(whole.sizing).encode())
    else:
        images = whole.images.detach().cpu().contiguous()
        digest.update(f"{tuple(images.shape)}{images.dtype}".encode())
        digest.update(images.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _length(split: AnySet) -> int:
    """How many examples; 0 where it does not say."""
    try:
        return len(split)  # type: ignore[arg-type]
    except (TypeError, NotImplementedError):
        return 0
