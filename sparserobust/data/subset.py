"""A seeded stratified subset: the same examples for every subject, with a hash that proves it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from sparserobust.arguments import whole_number
from sparserobust.data.batches import labels_of, loaded
from sparserobust.data.bundle import AnyData, AnyDataset, AnySet, Data, ImageTensors
from sparserobust.data.reading import collate

SPLIT_SEED = 0


def stratified_indices(labels: Tensor, size: int, seed: int) -> Tensor:
    """`size` indices with every class in its own proportion (largest remainders), in ascending order."""
    stream = np.random.RandomState(seed)
    classes, sizes = np.unique(labels.numpy(), return_counts=True)
    exact = sizes * size / len(labels)
    counts = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - counts), kind="stable")[: size - counts.sum()]:
        counts[index] += 1
    chosen = [
        stream.permutation(np.flatnonzero(labels.numpy() == label))[:count]
        for label, count in zip(classes, counts, strict=True)
    ]
    return torch.from_numpy(np.sort(np.concatenate(chosen)))


def stratified_subset(
    dataset: AnySet, limit: int | None, seed: int, *, labels: Tensor | None = None
) -> tuple[AnySet, str | None]:
    """At most `limit` examples and the sha256 of their indices; the whole data set and None without a limit.

    A DataLoader or a stream is gone through once and kept in memory when there is a limit. `labels` are those of
    the data set in its order, for a caller that has them already.

    Raises:
        ConfigError: the limit is no whole number from 1 up.
    """
    if limit is None:
        return dataset, None
    limit = whole_number("limit", limit, least=1, unit=" example")
    dataset = without_loader(dataset)
    labels = labels_of(dataset) if labels is None else labels
    if limit >= len(labels):
        return dataset, None
    indices = stratified_indices(labels, limit, seed)
    digest = hashlib.sha256(indices.numpy().astype("<i8").tobytes()).hexdigest()
    return Subset(dataset, indices.tolist()), digest


def without_loader(dataset: AnySet) -> Dataset[Any]:
    """The data set itself, or what a DataLoader or a stream serves in one pass, in memory."""
    if isinstance(dataset, IterableDataset):
        dataset = DataLoader(dataset, batch_size=256, collate_fn=collate)
    if not isinstance(dataset, DataLoader):
        return dataset
    images, labels = zip(*loaded(dataset), strict=True)
    return ImageTensors(torch.cat(images), torch.cat(labels))


def repeatable(data: AnyData) -> AnyData:
    """The data, but for a stream that can be gone through only once, which is then in memory."""
    if isinstance(data, Data):
        tests = repeatable(data.test)
        return data if tests is data.test else replace(data, test=cast(AnyDataset, tests))
    stream = data.dataset if isinstance(data, DataLoader) else data
    if isinstance(stream, IterableDataset) and iter(stream) is iter(stream):
        return without_loader(cast(AnySet, data))
    return data


def split_off(images: Tensor, labels: Tensor, size: int, seed: int) -> tuple[ImageTensors, ImageTensors]:
    """(rest, split): a stratified split of `size` examples and everything else, in their old order."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[stratified_indices(labels, size, seed)] = True
    return ImageTensors(images[~chosen], labels[~chosen]), ImageTensors(images[chosen], labels[chosen])


def hold_out(train: Dataset[Any], labels: Tensor, size: int) -> tuple[Subset[Any], Subset[Any]]:
    """(rest, held out): a stratified split of `size` examples and everything else, always the same."""
    held = stratified_indices(labels, size, SPLIT_SEED)
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[held] = False
    return Subset(train, rest.nonzero().flatten().tolist()), Subset(train, held.tolist())
