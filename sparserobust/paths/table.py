"""Which ATen operation follows which rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sparserobust.paths import rules, sums
from sparserobust.paths.call import Call
from sparserobust.paths.products import PLACES, product
from sparserobust.uses.operators import kind_of

Rule = Callable[[Call], Any]

COPIES = "clone _to_copy detach alias contiguous lift_fresh"
NORMALISATION = """
    native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _native_batch_norm_legit_functional _batch_norm_no_update
    native_layer_norm native_group_norm _fused_rms_norm native_dropout log_sigmoid_forward
"""
AS_IS = """
    t transpose permute expand squeeze unsqueeze slice select split split_with_sizes unsafe_split
    unsafe_split_with_sizes unbind chunk unsafe_chunk diagonal movedim swapaxes swapdims
    flip roll rot90 repeat repeat_interleave unfold unfold_copy tril triu diag_embed
    index _unsafe_index index_select gather take_along_dim
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle im2col col2im
    upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
"""
RESHAPE = "view reshape _unsafe_view _reshape_alias"
LIKE = "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty fill"
REDUCE = "mean sum amax amin max min logsumexp linalg_vector_norm norm prod"
ADAPTIVE = "_adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d"
RULES: dict[str, Rule] = {
    name: rule
    for names, rule in (
        (" ".join(PLACES), product),
        (COPIES, rules.same),
        (NORMALISATION, rules.same_first),
        (AS_IS, rules.as_is),
        (RESHAPE, rules.reshape),
        ("as_strided", rules.as_strided),
        (LIKE, rules.constant),
        ("constant_pad_nd", rules.pad),
        ("embedding", rules.looked_up),
        ("cumsum", rules.accumulate),
        ("_softmax _log_softmax _safe_softmax", rules.mix),
        (REDUCE, rules.reduce),
        ("var std var_mean std_mean", rules.spread),
        ("max_pool2d_with_indices avg_pool2d", partial(rules.pool, dimensions=2)),
        ("max_pool3d_with_indices avg_pool3d", partial(rules.pool, dimensions=3)),
        (ADAPTIVE, rules.adaptive_pool),
        ("upsample_linear1d", partial(rules.interpolate, dimensions=1)),
        (
            "upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa",
            partial(rules.interpolate, dimensions=2),
        ),
        ("upsample_trilinear3d", partial(rules.interpolate, dimensions=3)),
        ("masked_fill", sums.masked_fill),
        ("cat stack", sums.concatenate),
        ("slice_scatter select_scatter diagonal_scatter as_strided_scatter", sums.scatter),
        ("index_put _unsafe_index_put", sums.put),
        ("copy", sums.copy),
        ("where", sums.where),
        ("add sub rsub maximum minimum fmax fmin", sums.plus),
        ("mul", sums.times),
        ("glu", sums.gated_half),
    )
    for name in names.split()
}
"""Operators by name; those that work entry by entry and are not here are activations and gates, see `entrywise`."""


def apply_rule(call: Call) -> Any:
    """What the operation makes of its arguments, at least one of which has paths.

    Raises:
        UnsupportedOperation: names the operation.
    """
    rule = RULES.get(call.name)
    if rule is None and (kind_of(call.op) == "entrywise" or call.name == "_prelu_kernel"):
        rule = sums.entrywise
    if rule is None:
        call.refuse("on a tensor that depends on the input")
    return rule(call)
