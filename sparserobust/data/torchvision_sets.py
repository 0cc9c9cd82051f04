"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 through torchvision, with a fixed validation split."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sparserobust.data.bundle import Data, ImageTensors
from sparserobust.data.subset import split_off
from sparserobust.errors import DataError

SPLIT_SEED = 0


IDX = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)


@dataclass(frozen=True, kw_only=True)
class TorchvisionSet:
    """What is known of one set before it is there.

    `mean` and `std` are the constants that the papers' code uses; `folder` holds `files` below the root.
    """

    name: str
    title: str
    class_name: str
    folder: str
    files: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    validation: int
    recipe: str


def load_mnist(root: Path) -> Data:
    """MNIST through torchvision, in --data-root: 54,000 images to train, 6,000 to validate, 10,000 to test."""
    facts = TorchvisionSet(
        name="mnist",
        title="MNIST",
        class_name="MNIST",
        folder="MNIST/raw",
        files=IDX,
        mean=(0.1307,),
        std=(0.3081,),
        validation=6000,
        recipe="freezenet-mnist",
    )
    return _load(facts, root)


def load_fashion_mnist(root: Path) -> Data:
    """Fashion-MNIST through torchvision, in --data-root: 54,000 images to train, 6,000 to validate, 10,000 to test."""
    facts = TorchvisionSet(
        name="fashion-mnist",
        title="Fashion-MNIST",
        class_name="FashionMNIST",
        folder="FashionMNIST/raw",
        files=IDX,
        mean=(0.2860,),
        std=(0.3530,),
        validation=6000,
        recipe="freezenet-mnist",
    )
    return _load(facts, root)


def load_cifar10(root: Path) -> Data:
    """CIFAR-10 through torchvision, in --data-root: 45,000 images to train, 5,000 to validate, 10,000 to test."""
    facts = TorchvisionSet(
        name="cifar10",
        title="CIFAR-10",
        class_name="CIFAR10",
        folder=".",
        files=("cifar-10-python.tar.gz",),
        mean=CIFAR_MEAN,
        std=CIFAR_STD,
        validation=5000,
        recipe="freezenet-cifar10",
    )
    return _load(facts, root)


def load_cifar100(root: Path) -> Data:
    """CIFAR-100 through torchvision, in --data-root: 45,000 images to train, 5,000 to validate, 10,000 to test."""
    facts = TorchvisionSet(
        name="cifar100",
        title="CIFAR-100",
        class_name="CIFAR100",
        folder=".",
        files=("cifar-100-python.tar.gz",),
        mean=CIFAR_MEAN,
        std=CIFAR_STD,
        validation=5000,
        recipe="freezenet-cifar100",
    )
    return _load(facts, root)


def _load(facts: TorchvisionSet, root: Path) -> Data:
    """A torchvision set; downloads what is missing, verifies and unpacks.

    A tenth of the training images (9/1, as FreezeNet and DCTpS do) is split off for validation, stratified
    and always the same.

    Raises:
        DataError: files are missing and cannot be downloaded, are damaged, or cannot be unpacked there.
    """
    import torchvision

    factory: Callable[..., Any] = getattr(torchvision.datasets, facts.class_name)
    missing = [
        folder for folder in (root / facts.folder, *(root / facts.folder).parents) if not folder.exists()
    ]
    try:
        whole = factory(root, train=True, download=True)
        test = factory(root, train=False, download=True)
    except Exception as error:  # torchvision raises whatever its download, check or unpacking raised
        why = _explain(facts, root, error)
        for folder in missing:  # those that it made, from the innermost on
            with suppress(OSError):
                folder.rmdir()
        raise DataError(why) from None
    rest, val = split_off(_pixels(whole), torch.as_tensor(whole.targets), facts.validation, SPLIT_SEED)
    held_out = ImageTensors(_pixels(test), torch.as_tensor(test.targets))
    return Data(
        facts.name,
        rest,
        val,
        held_out,
        facts.mean,
        facts.std,
        tuple(map(str, whole.classes)),
        tuple(held_out.images.shape[1:]),
        title=facts.title,
        recipe=facts.recipe,
    )


def _pixels(dataset: Any) -> Tensor:
    images = torch.as_tensor(dataset.data)
    return images.unsqueeze(1) if images.ndim == 3 else images.permute(0, 3, 1, 2).contiguous()


def _explain(facts: TorchvisionSet, root: Path, error: Exception) -> str:
    folder = root / facts.folder
    missing = [file for file in facts.files if not (folder / file).exists()]
    if missing:
        return (
            f"{facts.title} is not in {folder} (missing {', '.join(missing)}) and cannot be downloaded "
            f"({type(error).__name__}); put the files there or name their folder as data_root"
        )
    if isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS):
        return (
            f"{facts.title} in {folder} cannot be unpacked there ({error.strerror or error}); "
            "copy it to a folder you can write and name that as data_root"
        )
    return f"{facts.title} in {folder} is damaged ({error}); remove the files and fetch them again"
