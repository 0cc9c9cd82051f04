"""Cuts the excerpt of MNIST beside it out of the whole: `python cut.py FOLDER`, with the four .gz files in FOLDER.

The loader splits 6,000 training images off for validation, by their labels alone. At those places stand 150 images,
each 40 times, which costs next to nothing in a .gz file; everywhere else are 1,500 different ones.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import torch

from sparserobust.data.subset import stratified_indices

TRAIN, VALIDATION, COPIES, TEST = 150, 15, 40, 30
"""Images of every digit: to train, different ones to validate and how often each stands there, to test."""
SEED = 0
HERE = Path(__file__).parent / "MNIST" / "raw"


def read(file: Path) -> np.ndarray:
    """The numbers of an idx file in their shape."""
    raw = gzip.decompress(file.read_bytes())
    sizes = np.frombuffer(raw, ">i4", count=raw[3], offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(sizes)


def write(file: Path, numbers: np.ndarray) -> None:
    """The numbers as an idx file, always the same bytes."""
    head = bytes([0, 0, 8, numbers.ndim]) + np.array(numbers.shape, ">i4").tobytes()
    file.write_bytes(gzip.compress(head + numbers.astype(np.uint8).tobytes(), 9, mtime=0))


def drawn(labels: np.ndarray, count: int) -> list[np.ndarray]:
    """The places of `count` examples of every digit."""
    stream = np.random.RandomState(SEED)
    return [stream.permutation(np.flatnonzero(labels == digit))[:count] for digit in range(10)]


def cut(source: Path) -> None:
    """Writes the four files of the excerpt."""
    images, labels = (read(source / f"train-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
    taken = np.repeat(np.arange(10), TRAIN + VALIDATION * COPIES)
    places = np.empty(len(taken), dtype=int)
    validated = np.zeros(len(taken), dtype=bool)
    validated[stratified_indices(torch.from_numpy(taken), 10 * VALIDATION * COPIES, 0).numpy()] = True
    chosen = drawn(labels, TRAIN + VALIDATION)
    places[~validated] = np.concatenate([of_digit[:TRAIN] for of_digit in chosen])
    places[validated] = np.repeat(np.concatenate([of_digit[TRAIN:] for of_digit in chosen]), COPIES)
    write(HERE / "train-images-idx3-ubyte.gz", images[places])
    write(HERE / "train-labels-idx1-ubyte.gz", labels[places])
    images, labels = (read(source / f"t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
    places = np.concatenate(drawn(labels, TEST))
    write(HERE / "t10k-images-idx3-ubyte.gz", images[places])
    write(HERE / "t10k-labels-idx1-ubyte.gz", labels[places])


if __name__ == "__main__":
    cut(Path(sys.argv[1]))
