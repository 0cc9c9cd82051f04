"""Data sets by name, and every other form of data a user may bring."""

from sparserobust.data.batches import batches, image_shape
from sparserobust.data.bundle import (
    AnyData,
    AnySet,
    Data,
    ImageTensors,
    as_dataset,
    images_in_range,
    training_examples,
)
from sparserobust.data.load import list_data, load_data
from sparserobust.data.subset import stratified_subset

__all__ = [
    "AnyData",
    "AnySet",
    "Data",
    "ImageTensors",
    "as_dataset",
    "batches",
    "image_shape",
    "images_in_range",
    "list_data",
    "load_data",
    "stratified_subset",
    "training_examples",
]
