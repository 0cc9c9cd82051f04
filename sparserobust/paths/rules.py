"""What operations do to paths: one rule per kind of operation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Paths


def same(call: Call) -> Paths:
    """Entry by entry: activations, normalisation, copies."""
    return call.data


def same_first(call: Call) -> tuple[Paths, ...]:
    """The same, for operations that return statistics or a mask beside it."""
    return (call.data, *(Paths(torch.zeros(())) for _ in call.op._schema.returns[1:]))


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
    return like


def pad(call: Call) -> Paths:
    """No path comes from the padding."""
    return replace(call.data, tensor=torch.constant_pad_nd(call.data.tensor, call.args[1], 0))


def masked_fill(call: Call) -> Paths:
    """No path comes from what is filled in."""
    return replace(call.data, tensor=call.data.tensor.masked_fill(call.args[1], 0))


def _aligned(parts: Sequence[Any]) -> tuple[list[Tensor], float]:
    """Tensors on one scale, and that scale; constants carry no path."""
    base = max((p.log10 for p in parts if isinstance(p, Paths) and bool(p.tensor.any())), default=0.0)
    tensors = []
    for part in parts:
        if not isinstance(part, Paths):
            tensors.append(torch.zeros_like(torch.as_tensor(part), dtype=torch.float64))
        elif part.log10 == base:
            tensors.append(part.tensor)
        else:
            tensors.append(part.tensor * 10.0 ** min(0.0, part.log10 - base))
    return tensors, base


def concatenate(call: Call) -> Paths:
    """Constants among the parts bring no path."""
    tensors, base = _aligned(call.args[0])
    return Paths(call.again(tensors), base)


def scatter(call: Call) -> Paths:
    """The second operand in a part of the first."""
    tensors, base = _aligned(call.args[:2])
    return Paths(call.again(*tensors), base)


def copy(call: Call) -> Any:
    """The second operand in the shape of the first, whose values are overwritten."""
    target, source = call.args[:2]
    shape = target.tensor.shape if isinstance(target, Paths) else target.shape
    if not isinstance(source, Paths):
        return source.expand(shape)
    return replace(source, tensor=source.tensor.expand(shape))


def where(call: Call) -> Paths:
    """A choice by a constant."""
    if isinstance(call.args[0], Paths):
        call.refuse("with a condition that depends on the input")
    (first, second), base = _aligned(call.args[1:])
    return Paths(torch.where(call.args[0], first, second), base)


def plus(call: Call) -> Paths:
    """Paths join where both operands have them, for differences and maxima too; a constant has none."""
    (first, second), base = _aligned(call.args[:2])
    joined = Paths(first + second, base)
    return call.walk.settle(joined) if len(call.parts) > 1 else joined


def times(call: Call) -> Paths:
    """Where the constant is 0, no path passes; parameters that are not prunable are never 0 here, see `trace`."""
    first, second = call.args[:2]
    if len(call.parts) > 1:
        call.refuse("of two tensors that depend on the input, as in a gate or in attention")
    paths, constant = (first, second) if isinstance(first, Paths) else (second, first)
    return replace(paths, tensor=paths.tensor * (torch.as_tensor(constant) != 0))


def over(call: Call) -> Paths:
    """Quotients and powers with a constant pass every path."""
    if len(call.parts) > 1:
        call.refuse("of two tensors that depend on the input")
    return plus(call)


def reduce(call: Call) -> Any:
    """Mean, sum, maximum: the sum over the dimensions."""
    dims, keep = call.named.get("dim"), bool(call.named.get("keepdim"))
    tensor = call.data.tensor
    total = tensor.sum() if dims is None else tensor.sum(dims, keepdim=keep)
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def pool(call: Call, *, dimensions: int) -> Any:
    """Average and maximum: the sum over each window; padding has no path."""
    dilation = call.named.get("dilation", 1)
    if any(step != 1 for step in (dilation if isinstance(dilation, list | tuple) else [dilation])):
        call.refuse("with dilation")
    average = torch.ops.aten.avg_pool2d if dimensions == 2 else torch.ops.aten.avg_pool3d
    window = (call.named[name] for name in ("kernel_size", "stride", "padding", "ceil_mode"))
    total = average(call.data.tensor, *window, True, 1)  # divided by 1
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


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


def _with_indices(call: Call, paths: Paths) -> Any:
    """As many outputs as the operation has; nothing reads the indices."""
    return paths if len(call.op._schema.returns) == 1 else (paths, None)


def product(call: Call, *, left: int, right: int) -> Paths:
    """Convolutions and matrix products, with a support in the place of the weight and without bias."""
    operands = call.args[left], call.args[right]
    data = [p for p in operands if isinstance(p, Paths) and not p.layer]
    weights = [p for p in operands if isinstance(p, Paths) and p.layer]
    if len(data) == 2:
        call.refuse("of two tensors that depend on the input, as in attention")
    if not data or len(data) + len(weights) < len(call.parts):
        call.refuse("whose bias depends on the input, or of a prunable weight and a constant")
    entering, to_the_right = data[0], operands[1] is data[0]
    other = operands[0 if to_the_right else 1]
    support = other.tensor if isinstance(other, Paths) else (other != 0).double()

    def leaving() -> Tensor:
        if call.name == "convolution":
            return torch.convolution(entering.tensor, support, None, *call.args[3:])
        return support @ entering.tensor if to_the_right else entering.tensor @ support

    if call.name == "convolution" and to_the_right:
        call.refuse("with a kernel that depends on the input")
    if not weights:
        return call.walk.settle(replace(entering, tensor=leaving()))
    assert weights[0].layer is not None
    units = 1 if call.name == "convolution" else -2 if to_the_right and entering.tensor.dim() > 1 else -1
    return call.walk.weighted(weights[0].layer, entering, leaving, units)
