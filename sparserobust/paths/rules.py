"""What each operation does to paths: one rule per ATen operation, and the table of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sparserobust.paths.call import Call, Paths

Rule = Callable[[Call], Any]


def apply_rule(call: Call) -> Any:
    """What the operation makes of its arguments, at least one of which has paths.

    Raises:
        UnsupportedOperation: names the operation.
    """
    rule = RULES.get(call.name)
    if rule is None:
        call.refuse("on a tensor that depends on the input")
    if any(paths.layer for paths in call.parts) and call.name not in PRODUCTS:
        alone = all(paths.layer for paths in call.parts)
        if not alone or call.name not in ON_WEIGHTS:
            call.refuse("on a prunable weight, outside a convolution or matrix product")
    return rule(call)


def _same(call: Call) -> Paths:
    """Entry by entry: activations, normalisation, copies."""
    return call.data


def _same_first(call: Call) -> tuple[Paths, ...]:
    """The same, for operations that return statistics or a mask beside it."""
    return (call.data, *(Paths(torch.zeros(())) for _ in call.op._schema.returns[1:]))


def _as_is(call: Call) -> Any:
    """Entries change places: the operation itself."""
    outputs = call.again(call.data.tensor)
    if isinstance(outputs, Tensor):
        return replace(call.data, tensor=outputs)
    return [replace(call.data, tensor=output) for output in outputs]


def _reshape(call: Call) -> Paths:
    """A view of the real tensor need not be one of ours."""
    return replace(call.data, tensor=call.data.tensor.reshape(call.args[1]))


def _as_strided(call: Call) -> Paths:
    tensor, shape = call.data.tensor, call.args[1]
    if not tensor.numel() == math.prod(shape) == max(shape, default=1):
        call.refuse("that is more than a reshaping of a vector")
    return _reshape(call)


def _constant(call: Call) -> Tensor:
    """Takes shape and type of the input only."""
    constant = call.again(call.data.tensor.detach())
    assert isinstance(constant, Tensor)
    return constant


def _pad(call: Call) -> Paths:
    return replace(call.data, tensor=torch.constant_pad_nd(call.data.tensor, call.args[1], 0))


def _masked_fill(call: Call) -> Paths:
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


def _concatenate(call: Call) -> Paths:
    tensors, base = _aligned(call.args[0])
    return Paths(call.again(tensors), base)


def _scatter(call: Call) -> Paths:
    tensors, base = _aligned(call.args[:2])
    return Paths(call.again(*tensors), base)


def _copy(call: Call) -> Any:
    """The second operand in the shape of the first, whose values are overwritten."""
    target, source = call.args[:2]
    shape = target.tensor.shape if isinstance(target, Paths) else target.shape
    return (
        replace(source, tensor=source.tensor.expand(shape))
        if isinstance(source, Paths)
        else source.expand(shape)
    )


def _where(call: Call) -> Paths:
    if isinstance(call.args[0], Paths):
        call.refuse("with a condition that depends on the input")
    (first, second), base = _aligned(call.args[1:])
    return Paths(torch.where(call.args[0], first, second), base)


def _plus(call: Call) -> Paths:
    """Paths join where both operands have them, for differences and maxima too; a constant has none."""
    (first, second), base = _aligned(call.args[:2])
    joined = Paths(first + second, base)
    return call.walk.settle(joined) if len(call.parts) > 1 else joined


def _times(call: Call) -> Paths:
    """Where the constant is 0, no path passes; parameters that are not prunable are never 0 here, see `trace`."""
    first, second = call.args[:2]
    if len(call.parts) > 1:
        call.refuse("of two tensors that depend on the input, as in a gate or in attention")
    paths, constant = (first, second) if isinstance(first, Paths) else (second, first)
    return replace(paths, tensor=paths.tensor * (torch.as_tensor(constant) != 0))


def _over(call: Call) -> Paths:
    """Quotients and powers with a constant pass every path."""
    if len(call.parts) > 1:
        call.refuse("of two tensors that depend on the input")
    return _plus(call)


def _reduce(call: Call) -> Any:
    """Mean, sum, maximum: the sum over the dimensions."""
    dims, keep = call.named.get("dim"), bool(call.named.get("keepdim"))
    tensor = call.data.tensor
    total = tensor.sum() if dims is None else tensor.sum(dims, keepdim=keep)
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def _pool(call: Call, *, dimensions: int) -> Any:
    """Average and maximum: the sum over each window; padding has no path."""
    dilation = call.named.get("dilation", 1)
    if any(step != 1 for step in (dilation if isinstance(dilation, list | tuple) else [dilation])):
        call.refuse("with dilation")
    pool = torch.ops.aten.avg_pool2d if dimensions == 2 else torch.ops.aten.avg_pool3d
    window = (call.named[name] for name in ("kernel_size", "stride", "padding", "ceil_mode"))
    total = pool(call.data.tensor, *window, True, 1)
    return _with_indices(call, call.walk.settle(replace(call.data, tensor=total)))


def _adaptive_pool(call: Call) -> Any:
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


def _product(call: Call, *, left: int, right: int) -> Paths:
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

    def product() -> Tensor:
        if call.name == "convolution":
            return torch.convolution(entering.tensor, support, None, *call.args[3:])
        return support @ entering.tensor if to_the_right else entering.tensor @ support

    if call.name == "convolution" and to_the_right:
        call.refuse("with a kernel that depends on the input")
    if not weights:
        return call.walk.settle(replace(entering, tensor=product()))
    assert weights[0].layer is not None
    units = 1 if call.name == "convolution" else -2 if to_the_right and entering.tensor.dim() > 1 else -1
    return call.walk.weighted(weights[0].layer, entering, product, units)


SAME = """
    relu relu6 leaky_relu elu celu selu gelu silu mish hardswish hardsigmoid hardtanh clamp clamp_min clamp_max
    threshold sigmoid tanh softplus softshrink hardshrink _prelu_kernel
    exp expm1 log log1p sqrt rsqrt reciprocal abs neg erf sin cos atan square
    clone _to_copy detach alias contiguous lift_fresh
"""
SAME_FIRST = """
    native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _native_batch_norm_legit_functional _batch_norm_no_update
    native_layer_norm native_group_norm native_dropout log_sigmoid_forward
"""
AS_IS = """
    t transpose permute expand squeeze unsqueeze slice select split split_with_sizes unsafe_split unbind diagonal
    flip roll rot90 repeat unfold tril triu index index_select gather
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle im2col col2im
    upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
"""
RESHAPE = "view reshape _unsafe_view _reshape_alias"
LIKE = "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty"
ADAPTIVE = "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d"
ON_WEIGHTS = {*AS_IS.split(), *RESHAPE.split(), "mul", "clone", "_to_copy", "detach", "alias"}
PRODUCTS: dict[str, Rule] = {
    name: partial(_product, left=left, right=left + 1)
    for left, names in ((0, "convolution mm bmm mv"), (1, "addmm baddbmm addmv"))
    for name in names.split()
}
RULES: dict[str, Rule] = PRODUCTS | {
    name: rule
    for names, rule in (
        (SAME, _same),
        (SAME_FIRST, _same_first),
        (AS_IS, _as_is),
        (RESHAPE, _reshape),
        ("as_strided", _as_strided),
        (LIKE, _constant),
        ("constant_pad_nd", _pad),
        ("masked_fill", _masked_fill),
        ("cat stack", _concatenate),
        ("slice_scatter select_scatter", _scatter),
        ("copy", _copy),
        ("where", _where),
        ("add sub rsub maximum minimum fmax fmin", _plus),
        ("mul", _times),
        ("div pow", _over),
        ("mean sum amax amin max min logsumexp", _reduce),
        ("max_pool2d_with_indices avg_pool2d", partial(_pool, dimensions=2)),
        ("max_pool3d_with_indices avg_pool3d", partial(_pool, dimensions=3)),
        (ADAPTIVE, _adaptive_pool),
    )
    for name in names.split()
}
