"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 through torchvision, with a fixed validation split."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparserobust.data.bundle import Data, ImageTensors
from sparserobust.data.subset import split_off
from sparserobust.errors import DataError

SPLIT_SEED = 0


@dataclass(frozen=True)
class TorchvisionSet:
    """What is known of one set before it is there.

    `mean` and `std` are the constants that the papers' code uses; `folder` holds `files` below the root.
    """

    title: str
    class_name: str
    folder: str
    files: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    validation: int


_IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_CIFAR_STATISTICS = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))

SETS = {
    "mnist": TorchvisionSet("MNIST", "MNIST", "MNIST/raw", _IDX, (0.1307,), (0.3081,), 6000),
    "fashion-mnist": TorchvisionSet(
        "Fashion-MNIST", "FashionMNIST", "FashionMNIST/raw", _IDX, (0.2860,), (0.3530,), 6000
    ),
    "cifar10": TorchvisionSet(
        "CIFAR-10", "CIFAR10", ".", ("cifar-10-python.tar.gz",), *_CIFAR_STATISTICS, 5000
    ),
    "cifar100": TorchvisionSet(
        "CIFAR-100", "CIFAR100", ".", ("cifar-100-python.tar.gz",), *_CIFAR_STATISTICS, 5000
    ),
}


def load_torchvision(name: str, root: Path) -> Data:
    """A torchvision set; downloads what is missing, verifies and unpacks.

    A tenth of the training images (9/1, as FreezeNet and DCTpS do) is split off for validation, stratified
    and always the same.

    Raises:
        DataError: files are missing and cannot be downloaded, are damaged, or cannot be unpacked there.
    """
    import torchvision

    facts = SETS[name]
    factory: Callable[..., Any] = getattr(torchvision.datasets, facts.class_name)
    try:
        whole = factory(root, train=True, download=True)
        test = factory(root, train=False, download=True)
    except Exception as error:  # torchvision raises whatever its download, check or unpacking raised
        raise DataError(_explain(facts, root, error)) from None
    rest, val = split_off(_pixels(whole), torch.as_tensor(whole.targets), facts.validation, SPLIT_SEED)
    held_out = ImageTensors(_pixels(test), torch.as_tensor(test.targets))
    shape = tuple(held_out.images.shape[1:])
    classes = tuple(map(str, whole.classes))
    return Data(name, rest, val, held_out, facts.mean, facts.std, classes, shape, title=facts.title)


def _pixels(dataset: Any) -> Tensor:
    images = torch.as_tensor(dataset.data)
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


def _explain(facts: TorchvisionSet, root: Path, error: Exception) -> str:
    folder = root / facts.folder
    missing = [file for file in facts.files if not (folder / file).exists()]
    if missing:
        return (
            f"{facts.title} is not in {folder} (missing {', '.join(missing)}) and cannot be downloaded "
            f"({type(error).__name__}); put the files there or name their folder with --data-root"
        )
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
        return (
            f"{facts.title} in {folder} cannot be unpacked there ({error.strerror or error}); "
            "copy it to a folder you can write and name that with --data-root"
        )
    return f"{facts.title} in {folder} is damaged ({error}); remove the files and fetch them again"
