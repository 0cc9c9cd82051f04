"""Batches of (images, labels) on a device, from every form of data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from sparserobust.data.bundle import ImageTensors, images_in_range, whole_labels


def batches(
    dataset: Dataset[Any] | DataLoader[Any],
    batch_size: int,
    device: torch.device,
    *,
    dtype: torch.dtype | None = None,
    shuffle: torch.Generator | None = None,
    drop_single: bool = False,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields images float (n, c, h, w) in [0, 1] and labels int64 (n,), on `device`.

    Args:
        dataset: a DataLoader brings its own batches and order.
        batch_size: examples per batch; the last one may be smaller.
        device: where they go.
        dtype: of the images, that of the network; as they are when None.
        shuffle: draws a new order; in order when None.
        drop_single: leaves out a last batch of one example, which BatchNorm cannot train on.

    Raises:
        ShapeError: images of another shape or range.
    """
    for images, labels in _raw(dataset, batch_size, shuffle):
        if len(labels) == 0 or (drop_single and len(labels) == 1):
            continue
        images_in_range(images)
        whole_labels(labels, len(images))
        yield images.to(device, dtype or images.dtype), labels.to(device, torch.int64)


def _raw(
    dataset: Dataset[Any] | DataLoader[Any], batch_size: int, shuffle: torch.Generator | None
) -> Iterator[tuple[Tensor, Tensor]]:
    tensors, indices = _as_tensors(dataset)
    if tensors is not None:
        order = indices
        if shuffle is not None:
            order = indices[torch.randperm(len(indices), generator=shuffle)]
        for part in torch.split(order, batch_size):
            yield tensors.slice(part)
    elif isinstance(dataset, DataLoader):
        for batch in dataset:
            yield batch[0], torch.as_tensor(batch[1])
    else:
        loader = DataLoader(dataset, batch_size, shuffle=shuffle is not None, generator=shuffle)
        for batch in loader:
            yield batch[0], torch.as_tensor(batch[1])


def _as_tensors(dataset: Dataset[Any] | DataLoader[Any]) -> tuple[ImageTensors | None, Tensor]:
    """The tensors under a dataset and which of them it takes, or (None, ...) when it is not made of tensors."""
    if isinstance(dataset, ImageTensors):
        return dataset, torch.arange(len(dataset))
    if isinstance(dataset, Subset):
        tensors, indices = _as_tensors(dataset.dataset)
        if tensors is not None:
            return tensors, indices[torch.as_tensor(dataset.indices, dtype=torch.int64)]
    return None, torch.empty(0, dtype=torch.int64)


def labels_of(dataset: Dataset[Any] | DataLoader[Any]) -> Tensor:
    """All labels, in order; goes through the whole data set when it is not made of tensors."""
    tensors, indices = _as_tensors(dataset)
    if tensors is not None:
        return tensors.labels[indices]
    targets = getattr(dataset, "targets", None)
    if targets is not None:
        return torch.as_tensor(targets, dtype=torch.int64)
    return torch.cat([labels for _, labels in _raw(dataset, 512, None)])
