"""How many bytes a sparse weight matrix takes in each format, and the bitmask that saved models use.

A conv is the matrix (out, in * k * k). Values are counted with their own width (float32: 4 bytes).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

INDEX_BYTES = 4


def dense_bytes(rows: int, columns: int, value_bytes: int = 4) -> int:
    """All values, no positions."""
    return rows * columns * value_bytes


def csr32_bytes(rows: int, nnz: int, value_bytes: int = 4) -> int:
    """Compressed sparse rows with 32-bit column indices and 32-bit row pointers."""
    return nnz * (value_bytes + INDEX_BYTES) + (rows + 1) * INDEX_BYTES


def bitmask_bytes(rows: int, columns: int, nnz: int, value_bytes: int = 4) -> int:
    """The kept values and one bit per weight."""
    return nnz * value_bytes + (rows * columns + 7) // 8


def snipit_bits(rows: int, columns: int, nnz: int) -> int:
    """32-bit value and 2-bit index per weight, 2 bits per row pointer: the figure SNIP-it prints.

    Below the entropy of the positions at every density under one half, so no real file reaches it.
    Source: facts read in the authors' repository (DefaultTrainer); Verdenius et al. 2020, Table 1.
    """
    return 34 * nnz + 2 * (min(rows, columns) + 1)


def pack_mask(mask: Bool[Tensor, "*shape"]) -> UInt8[Tensor, " packed"]:
    """One bit per entry, eight to a byte, the first entry in the highest bit."""
    bits = mask.detach().to("cpu").reshape(-1).numpy()
    return torch.from_numpy(np.packbits(bits))


def unpack_mask(packed: UInt8[Tensor, " packed"], shape: tuple[int, ...]) -> Bool[Tensor, "*shape"]:
    """The mask of this shape that `pack_mask` packed."""
    count = int(np.prod(shape))
    bits = np.unpackbits(packed.numpy(), count=count)
    return torch.from_numpy(bits.astype(bool)).reshape(shape)
