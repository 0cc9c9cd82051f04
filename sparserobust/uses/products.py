"""Operators that multiply: their two operands, and how many multiply-adds they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Product:
    """One product of two tensors.

    Attributes:
        left, right: the operands, of which either may be the weight.
        macs: multiply-adds, padding counted like the image: entries of an operand times the positions they meet.
    """

    left: Tensor
    right: Tensor
    macs: int


Arguments = Mapping[str, Any]
"""Arguments of an operator by the names in its schema."""


def matrix(left: Tensor, right: Tensor) -> Product:
    """Matrices, batches of them, and vectors: each entry of the left meets each column of the right."""
    columns = right.shape[-1] if right.dim() > 1 and right.dim() >= left.dim() else 1
    return Product(left, right, left.numel() * columns)


def convolution(arguments: Arguments) -> list[Product]:
    """Each entry of a kernel meets the positions of the output; of a transposed one those of the input."""
    image, kernel = arguments["input"], arguments["weight"]
    spatial = image.shape[2:] if arguments["transposed"] else _output_size(arguments)
    return [Product(image, kernel, kernel.numel() * image.shape[0] * math.prod(spatial))]


def attention(arguments: Arguments) -> list[Product]:
    """Queries with keys, and what comes of it with values."""
    query, key, value = (arguments[name] for name in ("query", "key", "value"))
    scores = math.prod(query.shape[:-1]) * key.shape[-2]
    return [Product(query, key, scores * query.shape[-1]), Product(query, value, scores * value.shape[-1])]


def bilinear(arguments: Arguments) -> list[Product]:
    """`nn.Bilinear`: each entry of the weight meets one product of the two inputs for each image."""
    first, weight, second = arguments["i1"], arguments["i2"], arguments["i3"]
    rows = math.prod(first.shape[:-1])
    return [Product(first, weight, rows * weight.numel()), Product(second, weight, 0)]


def _output_size(arguments: Arguments) -> list[int]:
    image, kernel = arguments["input"], arguments["weight"]
    dims = image.dim() - 2
    stride, padding, dilation = (_each(arguments[name], dims) for name in ("stride", "padding", "dilation"))
    return [
        (image.shape[i + 2] + 2 * padding[i] - dilation[i] * (kernel.shape[i + 2] - 1) - 1) // stride[i] + 1
        for i in range(dims)
    ]


def _each(sizes: Any, dims: int) -> list[int]:
    """One number for each dimension; one alone stands for all."""
    return list(sizes) * (dims // len(sizes)) if len(sizes) != dims else list(sizes)


def _pair(left: str, right: str) -> Callable[[Arguments], list[Product]]:
    def rule(arguments: Arguments) -> list[Product]:
        return [matrix(arguments[left], arguments[right])]

    return rule


FUSED_ATTENTION = """
    _scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu
    _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention
    _scaled_dot_product_fused_attention_overrideable _scaled_dot_product_attention_math
    _scaled_dot_product_attention_math_for_mps
"""
PRODUCTS: dict[str, Callable[[Arguments], list[Product]]] = {
    "mm": _pair("self", "mat2"),
    "bmm": _pair("self", "mat2"),
    "mv": _pair("self", "vec"),
    "dot": _pair("self", "tensor"),
    "vdot": _pair("self", "other"),
    "addmm": _pair("mat1", "mat2"),
    "_addmm_activation": _pair("mat1", "mat2"),
    "addmv": _pair("mat", "vec"),
    "addbmm": _pair("batch1", "batch2"),
    "baddbmm": _pair("batch1", "batch2"),
    "convolution": convolution,
    "_convolution": convolution,
    "_trilinear": bilinear,
    **dict.fromkeys(FUSED_ATTENTION.split(), attention),
}
"""Name of the ATen operator -> its products; `matmul`, `linear` and `einsum` are made of these."""
