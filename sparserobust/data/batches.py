"""Batches of (images, labels) on a device, from every form of data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from sparserobust.data.bundle import AnyData, Data, ImageTensors, as_dataset, images_in_range, whole_labels
from sparserobust.data.image_files import ImageFiles
from sparserobust.data.reading import Labelled, collate, image_tensor, label_tensor, pair, served
from sparserobust.errors import ConfigError, ShapeError
from sparserobust.weights.isolation import random_states_kept


def batches(
    dataset: Dataset[Any] | DataLoader[Any],
    batch_size: int,
    device: torch.device,
    *,
    dtype: torch.dtype = torch.float32,
    shuffle: torch.Generator | None = None,
    drop_single: bool = False,
    crop: torch.Generator | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields images float (n, c, h, w) in [0, 1] and labels int64 (n,), on `device`.

    Args:
        dataset: a DataLoader brings its own batches and order.
        batch_size: examples per batch; the last one may be smaller.
        device: where they go.
        dtype: of the images.
        shuffle: draws a new order; in order when None.
        drop_single: leaves out a last batch of one example, which BatchNorm cannot train on.
        crop: draws a random part of every image file, `ImageFiles.slice` says which.

    Raises:
        ConfigError: random parts of what are no image files.
        ShapeError: images of another shape or range.
    """
    for images, labels in _raw(dataset, batch_size, shuffle, crop):
        if labels.dim() == 0:
            raise ShapeError(
                "data must be served in batches, got single examples; give the DataLoader a batch_size"
            )
        if len(labels) == 0 or (drop_single and len(labels) == 1):
            continue
        images_in_range(images)
        whole_labels(labels, len(images))
        yield images.to(device, dtype), labels.to(device, torch.int64)


def _raw(
    dataset: Dataset[Any] | DataLoader[Any],
    batch_size: int,
    shuffle: torch.Generator | None,
    crop: torch.Generator | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    whole, indices = sliceable(dataset)
    if crop is not None and not isinstance(whole, ImageFiles):
        raise ConfigError(
            "random_resized_crop needs image files that are decoded one by one (imagenet, folder:PATH ...), got "
            f"{type(whole or dataset).__name__}; crop_padding works on every form of data"
        )
    if whole is not None:
        order = indices
        if shuffle is not None:
            order = indices[torch.randperm(len(indices), generator=shuffle)]
        for part in torch.split(order, batch_size):
            yield whole.slice(part, crop) if isinstance(whole, ImageFiles) else whole.slice(part)
    elif isinstance(dataset, DataLoader):
        yield from loaded(dataset)
    else:
        order_of = shuffle or torch.Generator()
        try:
            loader = DataLoader(
                dataset, batch_size, shuffle=shuffle is not None, generator=order_of, collate_fn=collate
            )
        except ValueError as error:  # of an iterable data set, which has an order of its own
            raise ConfigError(f"{type(dataset).__name__} cannot be served in a new order: {error}") from None
        yield from served(loader, dataset)


def loaded(loader: DataLoader[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of a DataLoader, whatever it collates them to."""
    for batch in served(loader, loader.dataset):
        images, labels = pair(batch)
        yield image_tensor(images), label_tensor(labels)


def image_shape(data: AnyData) -> tuple[int, ...] | None:
    """(c, h, w) of the images: as the data says, or as its first test example has it; None where there is none."""
    if isinstance(data, Data):
        return data.input_shape
    with random_states_kept():  # a loader that shuffles draws
        images, _ = next(_raw(as_dataset(data, "test"), 1, None), (None, None))
    return tuple(images.shape[1:]) if isinstance(images, Tensor) and images.ndim == 4 else None


def sliceable(
    dataset: Dataset[Any] | DataLoader[Any],
) -> tuple[ImageTensors | ImageFiles | None, Tensor]:
    """What serves whole batches under a dataset and which of it the dataset takes; (None, ...) where nothing does."""
    if isinstance(dataset, ImageTensors | ImageFiles):
        return dataset, torch.arange(len(dataset))
    if isinstance(dataset, Subset):
        whole, indices = sliceable(dataset.dataset)
        if whole is not None:
            return whole, indices[torch.as_tensor(dataset.indices, dtype=torch.int64)]
    return None, torch.empty(0, dtype=torch.int64)


def labels_of(dataset: Dataset[Any] | DataLoader[Any]) -> Tensor:
    """All labels, in order; goes through the whole data set when nothing in it has them at hand."""
    if (known := known_labels(dataset)) is not None:
        return known
    targets = getattr(dataset, "targets", None)
    if targets is not None:
        with suppress(ShapeError, TypeError):  # of another kind than the labels
            labels = label_tensor(targets)
            if labels.ndim == 1:
                return labels.to(torch.int64)
    return torch.cat([labels for _, labels in _raw(dataset, 512, None)])


def known_labels(dataset: Dataset[Any] | DataLoader[Any]) -> Tensor | None:
    """All labels, in order, where our own part of a data set has them; else None."""
    if isinstance(dataset, ImageTensors | ImageFiles | Labelled):
        return dataset.labels
    if isinstance(dataset, Subset) and (whole := known_labels(dataset.dataset)) is not None:
        return whole[torch.as_tensor(dataset.indices, dtype=torch.int64)]
    return None
