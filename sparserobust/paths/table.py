"""Which ATen operation follows which rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sparserobust.paths import rules
from sparserobust.paths.call import Call

Rule = Callable[[Call], Any]

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
LIKE = "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty fill"
ADAPTIVE = "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d"
ON_WEIGHTS = {*AS_IS.split(), *RESHAPE.split(), "mul", "clone", "_to_copy", "detach", "alias"}
PRODUCTS: dict[str, Rule] = {
    name: partial(rules.product, left=left, right=left + 1)
    for left, names in ((0, "convolution mm bmm mv"), (1, "addmm baddbmm addmv"))
    for name in names.split()
}
RULES: dict[str, Rule] = PRODUCTS | {
    name: rule
    for names, rule in (
        (SAME, rules.same),
        (SAME_FIRST, rules.same_first),
        (AS_IS, rules.as_is),
        (RESHAPE, rules.reshape),
        ("as_strided", rules.as_strided),
        (LIKE, rules.constant),
        ("constant_pad_nd", rules.pad),
        ("masked_fill", rules.masked_fill),
        ("cat stack", rules.concatenate),
        ("slice_scatter select_scatter", rules.scatter),
        ("copy", rules.copy),
        ("where", rules.where),
        ("add sub rsub maximum minimum fmax fmin", rules.plus),
        ("mul", rules.times),
        ("div pow", rules.over),
        ("mean sum amax amin max min logsumexp", rules.reduce),
        ("max_pool2d_with_indices avg_pool2d", partial(rules.pool, dimensions=2)),
        ("max_pool3d_with_indices avg_pool3d", partial(rules.pool, dimensions=3)),
        (ADAPTIVE, rules.adaptive_pool),
    )
    for name in names.split()
}


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
