"""How an experiment uses the machine: threads and memory. Importing the library changes neither."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_NETWORK = 5_000_000
"""Parameters below which one thread is faster than several on a CPU."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of `mallopt`, as <malloc.h> of glibc numbers them."""


@contextmanager
def threads_set(threads: int | None, parameters: int, device: str) -> Iterator[None]:
    """Torch's threads set, by default to one for small networks on a CPU; afterwards they are as before."""
    before = torch.get_num_threads()
    small = parameters < SMALL_NETWORK and device == "cpu"
    if threads is not None or small:
        torch.set_num_threads(threads or 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Has glibc keep what a training step frees for the next step; elsewhere nothing is done.

    By default it hands activations back to the kernel and gets them again page by page, which is a quarter of the time
    of a step of `conv2` on 64 images of MNIST.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    mallopt(M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes
