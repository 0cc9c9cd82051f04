"""What operations of one tensor do to paths: one rule per kind of operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Paths


def same(call: Call) -> Paths:
    """Entry by entry: activations, copies."""
    return call.data


def same_first(call: Call) -> Any:
    """Normalisation, the identity here; it returns statistics or a mask beside what it normalises."""
    if not isinstance(call.made, list | tuple):
        return call.data
    return (call.data, *(Paths(torch.zeros(made.shape).double()) for made in call.made[1:]))


def as_is(call: Call) -> Any:
    """Entries change places: the operation itself."""
    outputs = call.again(call.data.tensor)
    if isinstance(outputs, Tensor):
        return replace(call.data, tensor=outputs)
    return [replace(call.data, tensor=output) for output in outputs]


def reshape(call: Call) -> Paths:
    """A view of the real tensor need not be one of ours."""
    return replace(call.data, tensor=call.data.tensor.reshape(call.args[1]))


def as_strided(call: Call) -> Paths:
    """Other strides for a tensor with one dimension that counts; any other use of it is refused."""
    tensor, shape = call.data.tensor, call.args[1]
    if not tensor.numel() == math.prod(shape) == max(shape, default=1):
        call.refuse("that is more than a reshaping of a vector")
    return reshape(call)


def constant(call: Call) -> Tensor:
    """Takes shape and type of the input only."""
    like = call.again(call.data.tensor.detach())
    assert isinstance(like, Tensor)
    return like.to(call.made.dtype)


def pad(call: Call) -> Paths:
    """No path comes from the padding."""
    return replace(call.data, tensor=torch.constant_pad_nd(call.data.tensor, call.args[1], 0))


def looked_up(call: Call) -> Paths:
    """Rows of a table: where the places depend on the image, so does every entry of a row."""
    places = call.args[1]
    if isinstance(call.args[0], Paths) or not isinstance(places, Paths):
        call.refuse("in a table that depends on the input")
    call.walk.joined(call.name)
    return replace(places, tensor=places.tensor.unsqueeze(-1).expand(call.shape))


def accumulate(call: Call) -> Paths:
    """Sums of all entries up to each."""
    return call.walk.settle(replace(call.data, tensor=call.again(call.data.tensor)))


def mix(call: Call) -> Paths:
    """A softmax: each entry depends on all along the dimension."""
    call.walk.joined(call.name)
    tensor = call.data.tensor
    total = tensor.sum(call.args[1], keepdim=True).expand(tensor.shape)
    return call.walk.settle(replace(call.data, tensor=total))


def reduce(call: Call) -> Any:
    """Mean, sum, maximum, norm: the sum over the dimensions."""
    dims, keep = call.named.get("dim"), bool(call.named.get("keepdim"))
    tensor = call.data.tensor
    if dims is None or dims == []:
        dims = list(range(tensor.dim()))
    total = tensor.sum(dims, keepdim=keep)
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def spread(call: Call) -> Any:
    """Variance and standard deviation, with the mean or without: products of the entries with themselves."""
    call.walk.joined(call.name)
    paths = reduce(call)
    return (paths[0], paths[0]) if isinstance(paths, tuple) else paths


def pool(call: Call, *, dimensions: int) -> Any:
    """Average and maximum: the sum over each window; padding has no path."""
    if any(step != 1 for step in _each(call.named.get("dilation", 1), dimensions)):
        total = _dilated(call, dimensions)
    else:
        average = torch.ops.aten.avg_pool2d if dimensions == 2 else torch.ops.aten.avg_pool3d
        window = (call.named[name] for name in ("kernel_size", "stride", "padding", "ceil_mode"))
        total = average(call.data.tensor, *window, True, 1)  # divided by 1
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def _dilated(call: Call, dimensions: int) -> Tensor:
    """Sums over windows with gaps, as a convolution with ones."""
    size, stride, padding, dilation = (
        _each(call.named[name], dimensions) for name in ("kernel_size", "stride", "padding", "dilation")
    )
    stride, made = stride or size, call.made[0].shape
    channels = call.data.tensor.reshape(-1, 1, *call.data.tensor.shape[-dimensions:])
    margins: list[int] = []
    for i, out in enumerate(made[-dimensions:]):  # behind the last window that ceil_mode adds
        end = (out - 1) * stride[i] + dilation[i] * (size[i] - 1) + 1 - channels.shape[i + 2] - padding[i]
        margins = [padding[i], max(0, end), *margins]
    ones = torch.ones(1, 1, *size, dtype=torch.float64)
    padded, none = torch.constant_pad_nd(channels, margins), [0] * dimensions
    windows = torch.convolution(padded, ones, None, stride, none, dilation, False, none, 1)
    for dim, out in zip(range(-dimensions, 0), made[-dimensions:], strict=True):
        windows = windows.narrow(dim, 0, out)
    return windows.reshape(made)


def _each(sizes: Any, dimensions: int) -> list[int]:
    """One number for each dimension; one alone stands for all, none for none."""
    numbers: list[int] = [sizes] if isinstance(sizes, int) else list(sizes or [])
    return numbers * dimensions if len(numbers) == 1 else numbers


def adaptive_pool(call: Call) -> Any:
    """The sum over windows from floor(i * size / n) to ceil((i + 1) * size / n), as torch places them."""
    total, sizes = call.data.tensor, call.args[1]
    for dim, outputs in zip(range(-len(sizes), 0), sizes, strict=True):
        size = total.shape[dim]
        windows = total.new_zeros(size, outputs)
        for i in range(outputs):
            windows[i * size // outputs : -(-(i + 1) * size // outputs), i] = 1
        total = (total.movedim(dim, -1) @ windows).movedim(-1, dim)
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def interpolate(call: Call, *, dimensions: int) -> Paths:
    """The sum over the entries that the operation mixes, one dimension after the other."""
    tensor = call.data.tensor
    for dim, size in zip(range(-dimensions, 0), call.shape[-dimensions:], strict=True):
        mixing = _mixing(call, dim, size, dimensions)
        tensor = (tensor.movedim(dim, -1) @ mixing).movedim(-1, dim)
    return call.walk.settle(replace(call.data, tensor=tensor))


def _mixing(call: Call, dim: int, size: int, dimensions: int) -> Tensor:
    """(entries, entries afterwards) along one dimension: 1 where the first are mixed into the second."""
    before = call.data.tensor.shape[dim]
    units = torch.eye(before, dtype=torch.float64)
    shape, sizes = [1] * dimensions, [1] * dimensions
    shape[dim], sizes[dim] = before, size
    units = units.reshape(before, 1, *shape)
    scales: Sequence[float | None] = call.named.get("scale_factors") or [
        call.named.get(f"scales_{axis}", call.named.get("scales")) for axis in "dhw"[-dimensions:]
    ]
    scale = [scales[i] if i == dimensions + dim else None for i in range(dimensions)]
    packet = getattr(torch.ops.aten, call.name)
    mixed: Tensor = packet.default(units, sizes, call.named["align_corners"], *scale)
    return (mixed.reshape(before, size) != 0).double()


def _with_indices(call: Call, paths: Paths) -> Any:
    """As many outputs as the operation has; nothing reads the indices."""
    return paths if len(call.op._schema.returns) == 1 else (paths, None)
