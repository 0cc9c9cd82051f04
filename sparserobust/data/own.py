"""Data of one's own: `package.module:callable`, in any form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch.utils.data import DataLoader, Dataset, Subset

from sparserobust.data.batches import known_labels
from sparserobust.data.bundle import AnyDataset, Data, as_dataset
from sparserobust.data.reading import LABEL_KEYS, Indexed, Labelled
from sparserobust.data.splits import Split, split_of
from sparserobust.data.statistics import Summary, summary_of
from sparserobust.data.subset import hold_out, without_loader
from sparserobust.errors import ConfigError, DataError, SparseRobustError
from sparserobust.own_code import found_by, made_by
from sparserobust.source_code import code_digest
from sparserobust.weights.isolation import random_states_seeded

EXPECTED = "expected train, val and test, of which val or test must be there"


def load_own(target: str, image_size: int | None = None) -> Data:
    """The data that `package.module:callable` makes, or is.

    A `Data` is taken as it is, under this name. (images, labels) tensors, a Dataset or a DataLoader become a test
    split alone; a dict of those its splits, by the names that `folder:` takes, test or val among them. Classes are
    counted from the labels, and named as `classes` of the data set says, where it says; mean and standard deviation
    are those of the training images, or of the test images where there are none. A tenth of the training examples,
    stratified and always the same, is the validation split where there are train and test alone. A DataLoader, or a
    data set that can only be gone through, is kept in memory. Global random states are seeded with 0 meanwhile, so
    that what is drawn repeats.

    Args:
        target: its name.
        image_size: is given to the callable, where it is not None.

    Raises:
        DataError: it cannot be imported, found or called, is no data, has no test split, or one class only.
    """
    arguments = {} if image_size is None else {"image_size": image_size}
    with random_states_seeded(0):
        made = made_by(target, (Data, Dataset, DataLoader), DataError, **arguments)
        if isinstance(made, Data):
            return replace(made, name=target)
        return _data_of(target, made)


def code_of_own(target: str) -> str:
    """sha256 of the code that makes data of one's own: with other code it may be other data.

    Raises:
        DataError: it cannot be imported or found.
    """
    return code_digest(found_by(target, DataError))


def _data_of(name: str, made: Any) -> Data:
    """A `Data` of its splits, whose examples are all looked at once."""
    splits = {split: _kept(name, given) for split, given in _splits(name, made).items()}
    summaries = {split: _summary(name, split, examples) for split, examples in splits.items()}
    described = summaries.get("train") or summaries.get("test") or summaries["val"]
    shapes = {own.shape: split for split, own in summaries.items()}
    if len(shapes) > 1:
        listed = ", ".join(f"{shape} in {split}" for shape, split in shapes.items())
        raise DataError(f"{name} has images of several shapes, {listed}; resize them to one")
    names = _class_names(name, splits, 1 + max(int(own.labels.max()) for own in summaries.values()))
    named = any(_names_of(given) for given in splits.values())
    splits = {split: _labelled(examples, summaries[split]) for split, examples in splits.items()}
    train, val = splits.get("train"), splits.get("val") if "test" in splits else None
    if train is not None and val is None and len(described.labels) > 1:
        train, val = hold_out(train, described.labels, max(1, len(described.labels) // 10))
    return Data(
        name,
        train,
        val,
        splits["test" if "test" in splits else "val"],
        described.mean,
        described.std,
        names,
        described.shape,
        without_train="it returns no train; let it return a dict of train and test",
        open_ended=not named,
    )


def _splits(name: str, made: Any) -> dict[Split, Any]:
    """What was made for each split; something else than a dict is the test split."""
    if not isinstance(made, Mapping):
        return {"test": made}
    found: dict[Split, Any] = {}
    for key, given in made.items():
        split = split_of(str(key))
        if split is None or split in found:
            why = "is no split" if split is None else f"is a second {split}"
            raise DataError(
                f"{name} returns a dict of {', '.join(map(str, made))}, and {key!r} {why}; {EXPECTED}"
            )
        found[split] = given
    if not found.keys() & {"test", "val"}:
        raise DataError(f"{name} returns a dict of {', '.join(map(str, made)) or 'nothing'}; {EXPECTED}")
    return found


def _kept(name: str, given: Any) -> AnyDataset:
    """One split as a data set whose examples have numbers; others are gone through and kept in memory."""
    if isinstance(given, Data):
        raise DataError(f"{name} returns a Data inside of a dict; return it as it is")
    try:
        return without_loader(as_dataset(given, "test"))
    except ConfigError as error:
        raise DataError(
            f"{name} must be or return data: {error}; a dict of them by split will do too"
        ) from None
    except SparseRobustError as error:
        raise DataError(f"{name}: {error}") from None


def _summary(name: str, split: Split, examples: AnyDataset) -> Summary:
    try:
        summary = summary_of(examples)
    except SparseRobustError as error:
        raise DataError(f"{name}, {split}: {error}") from None
    if not len(summary.labels):
        raise DataError(f"{name} has no example in {split}; return some, or leave it out")
    return summary


def _labelled(examples: AnyDataset, summary: Summary) -> AnyDataset:
    return examples if known_labels(examples) is not None else Labelled(examples, summary.labels)


def _class_names(name: str, splits: Mapping[Split, Any], counted: int) -> tuple[str, ...]:
    """The names that a data set has for its classes, numbers where it has none for all that were counted."""
    for examples in splits.values():
        names = _names_of(examples)
        if len(names) >= counted:
            return names
    if counted < 2:
        raise DataError(f"{name} has one class only; there is nothing to tell it from")
    return tuple(str(label) for label in range(counted))


def _names_of(examples: Any) -> tuple[str, ...]:
    """`classes` of torchvision's data sets, `features` of Hugging Face's, also of what a Subset is of."""
    names = getattr(examples, "classes", None)
    if names is None and isinstance(features := getattr(examples, "features", None), Mapping):
        names = next((own for key in LABEL_KEYS if (own := getattr(features.get(key), "names", None))), None)
    if isinstance(names, list | tuple) and all(isinstance(each, str) for each in names):
        return tuple(names)
    inner = getattr(examples, "source", None) if isinstance(examples, Indexed) else None
    inner = examples.dataset if isinstance(examples, Subset) else inner
    return () if inner is None else _names_of(inner)
